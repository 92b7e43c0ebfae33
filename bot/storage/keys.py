"""The keys that encrypt what is secret in the database, and an encrypted row that is tried before anything else: a lost key is noticed at the start."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet
from sqlalchemy import Column, Connection, select
from sqlalchemy.dialects.postgresql import insert

from bot.domain.errors import SettingsError
from bot.redaction import register_secret
from bot.settings import Settings
from bot.storage.encryption import Cipher
from bot.storage.tables import channel_settings, hooks, inbox, provider_sessions, sessions, uploads, vault

NAME = "avatarbot.key"


def secret_keys(settings: Settings) -> tuple[str, ...]:
    """The Fernet keys, the first of which writes. Without any in the settings, one is kept in `avatarbot.key` beside the database.

    The file is made at the first call, readable by its owner only; two processes that start at once get the same key.
    Raises `SettingsError` when the file cannot be made or read, or holds something else, and where the database is on a server:
    other processes need the same keys.
    """
    if settings.secret_keys:
        return tuple(key.get_secret_value() for key in settings.secret_keys)
    if settings.on_server:
        raise SettingsError(
            "With a database on a server AVATARBOT_SECRET_KEYS has to be set; make a key with `avatarbot db new-key`."
        )
    key = _kept_in(key_file(settings))
    register_secret(key)
    return (key,)


def key_file(settings: Settings) -> Path:
    return settings.database_path.with_name(NAME)


def _kept_in(file: Path) -> str:
    try:
        if not file.exists():
            _make(file)
        key = file.read_text("ascii").strip()
        Fernet(key)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SettingsError(
            f"The key file {file} cannot be used ({reason}): make its folder writable, or set AVATARBOT_SECRET_KEYS."
        ) from error
    except ValueError:
        raise SettingsError(
            f"The key file {file} does not hold a Fernet key: restore it, or set AVATARBOT_SECRET_KEYS."
        ) from None
    return key


def _make(file: Path) -> None:
    # Written whole under another name first: another process never reads half a key.
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=file.name)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            sink.write(Fernet.generate_key() + b"\n")
            os.fsync(sink.fileno())
        with suppress(FileExistsError):  # another process was first: its key counts
            os.link(draft, file)
    finally:
        Path(draft).unlink()


# ---------------------------------------------------------------- the canary


ENCRYPTED: tuple[Column[bytes], ...] = (
    vault.c.value,
    channel_settings.c.settings,
    sessions.c.spec,
    provider_sessions.c.credentials,
    inbox.c.reply_to,
    uploads.c.reply_to,
    hooks.c.url,
    hooks.c.secret,
)
"""Every encrypted column."""

_CANARY = {"platform": "", "workspace_id": "", "key": "canary"}


def holds_encrypted(connection: Connection) -> bool:
    """Whether anything here can be read with one key only."""
    return next(_encrypted(connection), None) is not None


def readable(connection: Connection, settings: Settings) -> bool:
    """Whether what is encrypted here, if anything, opens with the keys that are there. Makes none."""
    if not (settings.secret_keys or settings.on_server or key_file(settings).exists()):
        return not holds_encrypted(connection)
    return opens(connection, Cipher(secret_keys(settings)))


def opens(connection: Connection, cipher: Cipher) -> bool:
    """Whether it opens the canary, or what was encrypted before there was one."""
    try:
        for encrypted in _encrypted(connection):
            cipher.decrypt(encrypted)
            break
    except SettingsError:
        return False
    return True


def has_canary(connection: Connection) -> bool:
    return connection.execute(select(vault.c.value).filter_by(**_CANARY)).first() is not None


def leave_canary(connection: Connection, cipher: Cipher) -> None:
    """Have one from now on: this one, or that of a process which was first."""
    canary = insert(vault).values(**_CANARY, value=cipher.encrypt(b"canary"))
    connection.execute(canary.on_conflict_do_nothing())


def require_key(connection: Connection, cipher: Cipher) -> None:
    """Raises `SettingsError` when it is not the key of whoever left the canary."""
    for encrypted in connection.execute(select(vault.c.value).filter_by(**_CANARY)).scalars():
        cipher.decrypt(encrypted)


def lost_key(settings: Settings) -> SettingsError:
    """What is lost without the key, and how to go on."""
    database, file = settings.database_name, key_file(settings)
    back = "Set" if settings.on_server else f"Put {file} back, or set"
    return SettingsError(
        f"The key that {database} was written with is missing: without it the workspaces' tokens, the channels' settings and the "
        f"sessions in it cannot be read. {back} AVATARBOT_SECRET_KEYS to that key; if it is lost for good, "
        "move the database away and start with an empty one."
    )


def _encrypted(connection: Connection) -> Iterator[bytes]:
    """The canary first."""
    yield from connection.execute(select(vault.c.value).filter_by(**_CANARY)).scalars()
    for column in ENCRYPTED:
        yield from connection.execute(select(column).where(column.is_not(None), column != b"").limit(1)).scalars()
