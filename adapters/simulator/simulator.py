"""AKOOL and its rooms, in one process: for the demo and for tests."""

import asyncio
from types import TracebackType
from typing import Self

from adapters.simulator.avatar_catalog import AvatarCatalog
from adapters.simulator.faults import Faults
from adapters.simulator.knowledge_bases import SimulatedKnowledgeBases
from adapters.simulator.options import Options
from adapters.simulator.room import SimulatedRooms
from adapters.simulator.sessions import Sessions, SimulatedAccount
from adapters.simulator.voice import Speech
from bot.clock import Clock
from bot.ports.room import ConnectRoom


class Simulator:
    """`async with Simulator(clock) as simulator`: hosts sessions until the block ends; then every task of it has ended.

    With `speech` its avatars speak in words, at the pace of the sound; without, they babble. Stamps are the clock's and waits
    are the event loop's, so that both can be a test's.
    """

    def __init__(self, clock: Clock, options: Options | None = None, speech: Speech | None = None) -> None:
        self.options = options or Options()
        self.clock = clock
        self.speech = speech
        self.account = SimulatedAccount(self.options)
        self.catalog = AvatarCatalog(clock, self.options.upload_time)
        self.knowledge_bases = SimulatedKnowledgeBases(clock)
        self.rooms = SimulatedRooms(clock, self.options.seed)
        self.sessions = Sessions(
            self.options,
            clock,
            account=self.account,
            catalog=self.catalog,
            knowledge_bases=self.knowledge_bases,
            rooms=self.rooms,
            speech=speech,
        )
        self.faults = Faults()
        self._life: asyncio.Task[None] | None = None

    @property
    def connect(self) -> ConnectRoom:
        """Connections in the simulator's rooms, for an `AvatarProvider` in the same process."""
        return self.rooms.connection

    async def __aenter__(self) -> Self:
        ready = asyncio.Event()
        self._life = asyncio.create_task(self.sessions.live(ready), name="simulator")
        await ready.wait()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._life is not None
        self._life.cancel()
        await asyncio.wait([self._life])
        if not self._life.cancelled():
            self._life.result()  # an avatar crashed: let it be seen
