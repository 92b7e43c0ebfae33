"""One of several processes on the same world."""

import asyncio

from bot.app.service import Service
from bot.ports.chat import CoreApi
from bot.runtime.worker import Worker
from bot.storage.engine import Store
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.virtual_time import JumpingClock, Process
from tests.integration.core.audit import Audit
from tests.world_fixture import Stack, Watch, Wire


class Host:
    """Begun, ended in order, killed, or stopped as by SIGSTOP and revived."""

    def __init__(self, stack: Stack, audit: Audit, name: str, *, alone: bool = False) -> None:
        self.clock = JumpingClock()
        self.stopped = False
        self._stack = stack
        self._audit = audit
        self._name = name
        self._alone = alone
        self._process = Process()
        self._leave = asyncio.Event()
        self._begun = asyncio.Event()
        self._wire = Wire()
        self._store: Store | None = None
        self._service: Service | None = None
        self._life = asyncio.create_task(self._live(), name=name, context=self._process.context)

    async def begun(self) -> "Host":
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait((begun, self._life), return_when=asyncio.FIRST_COMPLETED)
        assert begun.done(), self._life
        return self

    @property
    def worker(self) -> Worker:
        assert self._service is not None
        return self._service.worker

    @property
    def core(self) -> CoreApi:
        assert self._service is not None
        return self._service.core

    def listen(self) -> None:
        """What people do comes here from now on."""
        FakeChatPlatform(self._stack.room, self.core)

    async def stop(self) -> None:
        """Between two transactions: one that is under way is the database's."""
        assert self._store is not None
        while self._store.busy:
            await asyncio.sleep(0)
        self.stopped = True
        self._process.stop()

    def go_on(self) -> None:
        self.stopped = False
        self._process.go_on()

    async def kill(self) -> None:
        self._wire.cut = True
        await self.end()

    async def end(self) -> None:
        self.go_on()
        self._leave.set()
        await self._life

    async def _live(self) -> None:
        async with self._stack.serving(
            alone=self._alone, clock=self.clock, wiretap=self._tap, process=self._name
        ) as self._service:
            self._wire = self._stack.wire
            self._begun.set()
            await self._leave.wait()

    async def _tap(self, store: Store) -> Watch:
        self._store = store
        return await self._audit.tap(self._name, store)
