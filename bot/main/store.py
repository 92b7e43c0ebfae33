"""The database as the settings name it."""

import contextlib
from collections.abc import AsyncIterator

from bot.keyfile import secret_keys
from bot.settings import Settings, load
from bot.store.cipher import Cipher
from bot.store.engine import Store
from bot.store.migrate import upgraded


@contextlib.asynccontextmanager
async def open_store(settings: Settings | None = None) -> AsyncIterator[Store]:
    """The database, its tables brought up to date. Raises `SettingsError` and `StoreUnavailable`."""
    settings = settings or load(Settings)
    await upgraded(settings.store_url)
    async with Store.open(settings.store_url, Cipher(secret_keys(settings))) as store:
        yield store
