"""The database as the settings name it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bot.keyfile import key_file, secret_keys
from bot.settings import Settings, load
from bot.store.canary import has_canary, holds_sealed, leave_canary, lost_key, opens
from bot.store.cipher import Cipher
from bot.store.engine import Store
from bot.store.migrate import connected, upgraded


@contextlib.asynccontextmanager
async def open_store(settings: Settings | None = None) -> AsyncIterator[Store]:
    """The database, its tables brought up to date and its key tried. Raises `SettingsError` and `StoreUnavailable`."""
    settings = settings or load(Settings)
    await upgraded(settings.store_url)
    await asyncio.to_thread(check_key, settings)
    cipher = Cipher(secret_keys(settings))
    async with Store.open(settings.store_url, cipher) as store:
        if not await store.read(has_canary):
            await store.write(lambda c: leave_canary(c, cipher))
        yield store


def check_key(settings: Settings) -> None:
    """Raises `SettingsError` when what is encrypted in the database cannot be read with the keys that are here. Makes none."""
    has_key = bool(settings.secret_keys) or key_file(settings).exists()
    cipher = Cipher(secret_keys(settings)) if has_key else None
    with connected(settings.store_url) as connection:
        readable = opens(connection, cipher) if cipher else not holds_sealed(connection)
    if not readable:
        raise lost_key(settings.database_path, key_file(settings))
