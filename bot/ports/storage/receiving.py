"""What processes that receive for a chat platform ask: who of them receives what, and where something may have been missed."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.conversations import ConversationRef
from bot.ports.receivers import HeldShards


class ReceivingRepository(Protocol):
    """Everything raises `StoreUnavailable`."""

    async def others_receive(self, worker_id: str) -> bool:
        """Whether other living processes have the role of a gateway."""
        ...

    async def hold_shards(self, worker_id: str, platform: str, count: int) -> HeldShards:
        """The shards of a platform that a process has from now on, as `Receivers.hold` promises.

        Its share is that of one among all living gateways. One that has more gives one back each time it asks, so that those who came
        later get theirs.
        """
        ...

    async def talks(self, platform: str) -> Mapping[ConversationRef, str]:
        """By the place where a session that has not ended is talked to: the id of the last message accepted there, else of what opened it."""
        ...
