"""One encrypted row that is tried before anything else is read: a lost key is noticed at the start, not when somebody talks."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column, Connection, insert, select

from bot.domain.errors import SettingsError
from bot.storage.encryption import Cipher
from bot.storage.tables import channel_settings, inbox, provider_sessions, sessions, uploads, vault

ENCRYPTED: tuple[Column[bytes], ...] = (
    vault.c.value,
    channel_settings.c.settings,
    sessions.c.spec,
    provider_sessions.c.credentials,
    inbox.c.reply_to,
    uploads.c.reply_to,
)
"""Every encrypted column."""

_CANARY = {"platform": "", "workspace_id": "", "key": "canary"}


def holds_encrypted(connection: Connection) -> bool:
    """Whether anything here can be read with one key only."""
    return next(_encrypted(connection), None) is not None


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
    """Have one from now on."""
    connection.execute(insert(vault).values(**_CANARY, value=cipher.encrypt(b"canary")))


def lost_key(database: Path, key_file: Path) -> SettingsError:
    """What is lost without the key, and how to go on."""
    return SettingsError(
        f"The key that {database} was written with is missing: without it the workspaces' tokens, the channels' settings and the "
        f"sessions in it cannot be read. Put {key_file} back, or set AVATARBOT_SECRET_KEYS to that key; if it is lost for good, "
        "move the database away and start with an empty one."
    )


def _encrypted(connection: Connection) -> Iterator[bytes]:
    """The canary first."""
    yield from connection.execute(select(vault.c.value).filter_by(**_CANARY)).scalars()
    for column in ENCRYPTED:
        yield from connection.execute(select(column).where(column.is_not(None), column != b"").limit(1)).scalars()
