"""The keys that encrypt what is secret in the database: from the settings, or from a file beside it."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet

from bot.domain.errors import SettingsError
from bot.redaction import register_secret
from bot.settings import Settings

NAME = "avatarbot.key"


def secret_keys(settings: Settings) -> tuple[str, ...]:
    """The Fernet keys, the first of which writes. Without any in the settings, one is kept in `avatarbot.key` beside the database.

    The file is made at the first call, readable by its owner only; two processes that start at once get the same key.
    Raises `SettingsError` when the file cannot be made or read, or holds something else.
    """
    if settings.secret_keys:
        return tuple(key.get_secret_value() for key in settings.secret_keys)
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
