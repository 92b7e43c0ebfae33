"""The processes that receive what people write, as the storage knows them."""

import asyncio
import contextlib
from typing import Final

from bot.domain.errors import StoreUnavailable
from bot.ports.processes import HeldShards
from bot.ports.storage.coordination import ReceivingRepository
from bot.runtime.lease import WorkerLease

COUNT_EVERY_S: Final = 10.0


class StoredReceivers:
    """`Receivers`: this process is the one of the lease."""

    def __init__(self, receiving: ReceivingRepository, lease: WorkerLease) -> None:
        self.others = False
        self._receiving = receiving
        self._lease = lease

    async def hold(self, platform: str, count: int) -> HeldShards:
        await self._lease.enlisted.wait()
        return await self._receiving.hold_shards(self._lease.id, platform, count)

    async def run(self) -> None:
        """Look for others until cancelled."""
        await self._lease.enlisted.wait()
        while True:
            with contextlib.suppress(StoreUnavailable):
                self.others = await self._receiving.others_receive(self._lease.id)
            await asyncio.sleep(COUNT_EVERY_S)
