"""A process that stood still, or whose clock was set, is healthy again, with nothing lost and nothing left open."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app.service import Service
from bot.domain.conversations import ConversationRef
from bot.ports.storage.records import Lease
from bot.runtime.worker import STUCK
from bot.storage.connections import Work
from tests.integration.core.audit import Audit
from tests.integration.core.host import Host
from tests.integration.core.tapped import Tapped
from tests.world_fixture import QUICK, CuttableStore, Stack, run_story

SLOWLY = replace(QUICK, pace=15.0)
LONG = "Repeat after me: all work and no play makes for a very long sentence that is not over soon."
BACK_WITHIN = 10.0
CHANNEL_2 = ConversationRef("fake", "W1", "C2")


async def _host(stack: Stack, *, alone: bool) -> Host:
    host = await Host(stack, Audit(stack.folder / "avatarbot.db"), "one", alone=alone).begun()
    host.listen()
    await stack.room.command("start")
    await stack.live()
    return host


async def dismissed(service: Service) -> None:
    """As a worker that was thought dead for a day: what it holds is anybody's, and it learns so when it renews its lease."""
    await service.services.storage.workers.dismiss(service.worker.lease.id)


async def _is_healthy(stack: Stack, host: Host) -> None:
    """It answers, ends what it is told to end, and itself."""
    await stack.until(lambda: host.worker.lease.held, within=BACK_WITHIN)
    await stack.room.say("Repeat after me: here I am.", stack.room.thread)
    await stack.until(lambda: any("here I am." in line for line in stack.room.finals), within=60)
    await stack.room.command("stop")
    await stack.ended()
    await host.end()
    assert stack.hosted == []
    assert stack.given_up == []


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("seconds", [12, 30])
def test_a_process_that_stood_still_in_mid_turn_goes_on(tmp_path: Path, seconds: int, alone: bool) -> None:
    async def story(stack: Stack) -> None:
        host = await _host(stack, alone=alone)
        lease = host.worker.lease.id
        await stack.room.say(LONG, stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
        await host.stop()
        await asyncio.sleep(seconds)
        host.go_on()
        await _is_healthy(stack, host)
        assert host.worker.lease.id == lease, "nobody took it meanwhile"
        assert len(list(stack.simulator.sessions)) == 1, "it stayed in its room, or took the same one again"

    run_story(story, tmp_path, SLOWLY)


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_leaves_a_process_healthy(tmp_path: Path, hours: int, alone: bool) -> None:
    async def story(stack: Stack) -> None:
        host = await _host(stack, alone=alone)
        for by in (timedelta(hours=hours), timedelta(0)):
            host.clock.wrong_by = by
            await asyncio.sleep(BACK_WITHIN)
        await _is_healthy(stack, host)

    run_story(story, tmp_path)


class Sticky(Tapped):
    """One that nobody gets out of, told or cancelled."""

    async def leave(self) -> None:
        await self.connection.leave()
        while not self.free.is_set():
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                continue

    free = asyncio.Event()


def test_a_run_that_outlives_its_lease_ends_the_process(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        Sticky.free = asyncio.Event()
        stack.tap = lambda connection: Sticky(stack.simulator.connect(connection))
        async with stack.serving(alone=False) as service:
            await stack.room.command("start")
            await stack.live()
            await dismissed(service)
            await stack.until(lambda: stack.given_up == [STUCK], within=BACK_WITHIN + 1.5)
            Sticky.free.set()

    run_story(story, tmp_path)


class SlowToClaim(CuttableStore):
    """The answer to a claim takes its time."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def write(self, work: Work[Any]) -> Any:
        done = await super().write(work)
        if self.meanwhile and isinstance(done, list) and done and isinstance(done[0], Lease):
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return done


def test_a_claim_under_way_at_lease_loss_runs_nothing(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving(alone=False, kind=SlowToClaim) as service:
            store, lost = stack.stores[-1], service.worker.lease
            assert isinstance(store, SlowToClaim)

            async def lose_it() -> None:
                before = lost.id
                await dismissed(service)
                await stack.until(lambda: lost.id != before and lost.held)
                assert service.worker.hosted == 0

            store.meanwhile = lose_it
            await stack.room.command("start")
            await stack.live()
            assert service.worker.hosted == 1
            holders = Audit(stack.folder / "avatarbot.db").rows("SELECT worker_id FROM sessions")
            assert list(holders) == [(lost.id,)]
            await stack.room.command("stop")
            await stack.ended()
        assert stack.hosted == []

    run_story(story, tmp_path)


class SlowToLeave(Tapped):
    async def leave(self) -> None:
        await asyncio.sleep(2)
        await self.connection.leave()


def test_while_its_lease_is_lost_a_worker_claims_nothing(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        stack.tap = lambda connection: SlowToLeave(stack.simulator.connect(connection))
        async with stack.serving(alone=False) as service:
            worker = service.worker
            await stack.room.command("start")
            await stack.live()
            await dismissed(service)
            await stack.until(lambda: not worker.lease.held)
            await stack.room.command("start", CHANNEL_2)
            await stack.until(lambda: worker.hosted == 2)
            audit = Audit(stack.folder / "avatarbot.db")
            claims = audit.rows("SELECT worker_id FROM sessions WHERE channel_id = 'C2' AND epoch = 1")
            assert list(claims) == [(worker.lease.id,)]
            await stack.live()

    run_story(story, tmp_path)
