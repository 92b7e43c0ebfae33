"""One process's share of the sessions: it holds a lease, claims what nobody runs, and runs it."""

import asyncio
import contextlib
import os
import socket
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from bot.errors import StoreUnavailable
from bot.identity import new_id
from bot.model import EndReason
from bot.session.house import House
from bot.session.run import Run
from bot.session.stage import Ending, HandedOver
from bot.store import inbox, sessions
from bot.store.records import Lease

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=5)
RENEW_EVERY = 1.5
LOOK_EVERY = 1.0
"""Seconds between two looks for sessions without being rung: the truth, where the bell is only a hint."""
CAPACITY = 1_000
RETRY_FIRST, RETRY_MOST = 1.0, 30.0


class Worker:
    """Runs sessions until told to stop. `alone` says that no other process can hold anything: a lock on the database tells."""

    def __init__(self, house: House, *, alone: bool = False) -> None:
        self.id = new_id()
        self._house = house
        self._alone = alone
        self._runs: dict[str, Run] = {}
        self._failures: dict[str, int] = {}
        self._bell = asyncio.Event()
        self._nothing_runs = asyncio.Event()
        self._nothing_runs.set()
        self._leaving: Ending | None = None
        self._fresh_until = 0.0

    @property
    def fresh(self) -> bool:
        """Whether the lease holds."""
        return asyncio.get_running_loop().time() < self._fresh_until

    @property
    def hosted(self) -> int:
        return len(self._runs)

    def ring(self, session_id: str, verb: str) -> None:
        """Something was accepted for a session."""
        if run := self._runs.get(session_id):
            run.ring(verb)
        else:
            self._bell.set()

    async def run(self) -> None:
        """Hold the lease and run sessions until cancelled or stopped; then everything is given back."""
        await self._enlist()
        try:
            async with asyncio.TaskGroup() as group:
                leasing = group.create_task(self._keep_lease(), name="lease")
                await self._claim_and_run(group)
                leasing.cancel()
        finally:
            with contextlib.suppress(StoreUnavailable):
                await self._house.store.write(lambda c: sessions.dismiss(c, self.id))

    def stop(self, *, hand_over: bool) -> None:
        """End all runs: closed at the provider, or left open for whoever takes over."""
        self._leaving = HandedOver() if hand_over else EndReason.SHUTDOWN
        for run in self._runs.values():
            run.end(self._leaving)
        self._bell.set()

    async def others_alive(self) -> bool:
        """Whether another process could take over."""
        return await self._house.store.read(lambda c: sessions.others_alive(c, self.id, self._house.clock.now()))

    # ------------------------------------------------------------ the lease

    async def _enlist(self) -> None:
        def work(connection: Connection) -> None:
            now = self._house.clock.now()
            if self._alone:
                sessions.dismiss_others(connection, self.id)
            address = f"{socket.gethostname()}:{os.getpid()}"
            sessions.enlist(connection, self.id, now=now, until=now + LEASE, capacity=CAPACITY, address=address)

        began = asyncio.get_running_loop().time()
        await self._house.store.write(work)
        self._fresh_until = began + LEASE.total_seconds()

    async def _keep_lease(self) -> None:
        """Renew it; when that fails for too long, fall silent before others may begin, and start anew."""
        while True:
            await asyncio.sleep(RENEW_EVERY)
            if not await self._renewed():
                log.error("lease lost: leaving all rooms", sessions=len(self._runs))
                for run in self._runs.values():
                    run.end(HandedOver())
                await self._nothing_runs.wait()
                self.id = new_id()
                await self._enlist_again()

    async def _renewed(self) -> bool:
        """Whether the lease holds for another while; tries until it nearly runs out."""
        while self.fresh:
            began = asyncio.get_running_loop().time()
            now = self._house.clock.now()
            try:
                async with asyncio.timeout(max(0.1, self._fresh_until - began - RENEW_EVERY / 3)):
                    held = await self._house.store.write(
                        lambda c: sessions.renew(c, self.id, now=now, until=now + LEASE)  # noqa: B023
                    )
            except (StoreUnavailable, TimeoutError):
                await asyncio.sleep(RENEW_EVERY / 5)
                continue
            if held:
                self._fresh_until = began + LEASE.total_seconds()
            return held
        return False

    async def _enlist_again(self) -> None:
        while True:
            try:
                return await self._enlist()
            except StoreUnavailable as error:
                log.warning("cannot enlist", reason=error.detail)
                await asyncio.sleep(LOOK_EVERY)

    # ------------------------------------------------------------ the runs

    async def _claim_and_run(self, group: asyncio.TaskGroup) -> None:
        while not self._leaving:
            self._bell.clear()
            for lease in await self._claim():
                group.create_task(self._host(lease), name=f"session {lease.session_id}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._bell.wait()
            await self._ring_missed()
        await self._nothing_runs.wait()

    async def _ring_missed(self) -> None:
        """What another process wrote rings no bell here."""
        if not self._runs:
            return
        with contextlib.suppress(StoreUnavailable):
            for session_id in await self._house.store.read(inbox.sessions_with_waiting):
                if run := self._runs.get(session_id):
                    run.poll()

    async def _claim(self) -> list[Lease]:
        now, running = self._house.clock.now(), tuple(self._runs)
        room = CAPACITY - len(running)
        if not self.fresh or room <= 0:
            return []
        try:
            if not await self._house.store.read(lambda c: sessions.claimable(c, now)):
                return []
            leases = await self._house.store.write(
                lambda c: sessions.claim(c, self.id, now=now, room=room, but=running)
            )
        except StoreUnavailable as error:
            log.warning("cannot claim", reason=error.detail)
            return []
        for lease in leases:
            run = self._runs[lease.session_id] = Run(self._house, lease)
            if self._leaving:  # told to while the claim was under way
                run.end(self._leaving)
            self._nothing_runs.clear()
        return leases

    async def _host(self, lease: Lease) -> None:
        """Run one session; a fault of ours is logged, and the session is free again after a while."""
        pause = 0.0
        try:
            await self._runs[lease.session_id].run()
            self._failures.pop(lease.session_id, None)
        except Exception:
            log.exception("a run failed", session=lease.session_id)
            failures = self._failures[lease.session_id] = self._failures.get(lease.session_id, 0) + 1
            pause = min(RETRY_FIRST * 2 ** (failures - 1), RETRY_MOST)
        finally:
            del self._runs[lease.session_id]
            if not self._runs:
                self._nothing_runs.set()
        if not self._leaving:
            await asyncio.sleep(pause)
        await self._release(lease)
        self._bell.set()

    async def _release(self, lease: Lease) -> None:
        """While this worker lives nobody else can take what it holds; a worker that leaves is gone soon."""
        released = False
        while not released:
            try:
                await self._house.store.write(lambda c: sessions.release(c, lease))
                released = True
            except StoreUnavailable as error:
                log.warning("cannot release", session=lease.session_id, reason=error.detail)
                released = self._leaving is not None
                await asyncio.sleep(LOOK_EVERY)
