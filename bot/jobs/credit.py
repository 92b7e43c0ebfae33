"""Reads what is left in the operator's account once an hour, so that the books can be compared with it."""

from bot.runtime.services import Services

READ_EVERY = 3_600.0
"""Seconds."""


class CreditReader:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def read(self) -> None:
        """Raises `ProviderError` and `StoreUnavailable`."""
        if account := self._services.provider.capabilities.credit:
            await self._services.storage.ledger.note_credit(await account.credit())
