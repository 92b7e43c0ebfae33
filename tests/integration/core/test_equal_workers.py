"""Several equal processes on one database, each with its share."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace

from bot.app.service import Service
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import ConversationRef
from bot.domain.sessions import SessionStatus
from bot.runtime.worker import FOR_LONG
from bot.storage.connections import Work
from tests.world_fixture import QUICK, CuttableStore, Stack, T, on_stack

MANY = replace(QUICK, concurrency=20)
ROOMY = Policy(Limits(sessions=20, account_sessions=20, person_minutes=1_000))
LEASE_AND_A_LOOK = 6.3


class CountingTransactions(CuttableStore):
    number = 0

    async def read(self, work: Work[T]) -> T:
        CountingTransactions.number += 1
        return await super().read(work)

    async def write_late(self, make: Callable[[], Work[T]]) -> T:
        CountingTransactions.number += 1
        return await super().write_late(make)


async def joined(stack: Stack, processes: AsyncExitStack, kind: type[CuttableStore] | None = None) -> Service:
    service = await processes.enter_async_context(stack.serving(alone=False, kind=kind))
    await stack.until(lambda: service.worker.lease.held)
    return service


async def start_in(stack: Stack, *workspaces: str) -> None:
    assert stack.service
    for workspace in workspaces:
        await stack.service.services.storage.channels.allow("fake", workspace, yes=True)
        started = len(stack.room.cards)
        await stack.room.command("start", ConversationRef("fake", workspace, f"C{started}"))
        await stack.until(lambda: len(stack.room.cards) > started)  # noqa: B023 - waited for here


def all_live(stack: Stack) -> bool:
    return all(card.status is SessionStatus.LIVE for card in stack.room.cards.values())


@on_stack(MANY, ROOMY)
async def test_what_another_process_took_in_is_spoken_and_keeps_awake(stack: Stack) -> None:
    async with AsyncExitStack() as processes:
        runs = await joined(stack, processes)
        await stack.room.command("start")
        await stack.live()
        await joined(stack, processes)  # from now on people's messages come in here
        for number in range(12):
            await asyncio.sleep(60)
            await stack.room.say(f"Repeat after me: minute {number}.", stack.room.thread)
            await stack.until(lambda: len(stack.spoken) == number + 1, within=2)  # noqa: B023 - waited for here
        assert stack.room.card.status is SessionStatus.LIVE
        assert runs.worker.hosted == 1


@on_stack(MANY, ROOMY)
async def test_a_workspace_stays_together_and_new_ones_are_shared(stack: Stack) -> None:
    async with AsyncExitStack() as processes:
        first, second = await joined(stack, processes), await joined(stack, processes)
        await start_in(stack, *(f"W{number}" for number in range(1, 7)), "W1", "W1")
        await stack.until(lambda: all_live(stack))
        loads = sorted((first.worker.hosted, second.worker.hosted))
        assert sum(loads) == 8
        assert loads[0] >= 1
        holders = [await first.services.storage.workers.held(each.worker.lease.id) for each in (first, second)]
        sessions = {each.id: each for each in await first.services.storage.sessions.everywhere()}
        workspaces = [{sessions[lease.session_id].place.workspace_id for lease in held} for held in holders]
        assert not workspaces[0] & workspaces[1]


@on_stack(MANY, ROOMY)
async def test_a_dead_process_is_inherited_within_lease_and_look(stack: Stack) -> None:
    async with AsyncExitStack() as processes:
        heir = await joined(stack, processes)
        async with stack.serving(alone=False) as dies:
            await stack.until(lambda: dies.worker.lease.held)
            await start_in(stack, "W1", "W2", "W3", "W4")
            await stack.until(lambda: all_live(stack) and dies.worker.hosted > 0)
            stack.crash()
            await stack.until(lambda: heir.worker.hosted == 4, within=LEASE_AND_A_LOOK)
        assert len(stack.hosted) == 4
    assert len(list(stack.simulator.sessions)) == 4, "each went on in its room"


@on_stack(MANY, ROOMY)
async def test_who_has_far_too_much_gives_quiet_workspaces_away(stack: Stack) -> None:
    async with AsyncExitStack() as processes:
        full = await joined(stack, processes)
        await start_in(stack, *(f"W{number}" for number in range(1, 9)))
        await stack.until(lambda: all_live(stack))
        assert full.worker.hosted == 8
        empty = await joined(stack, processes)
        await asyncio.sleep(FOR_LONG - 10)
        assert empty.worker.hosted == 0
        await stack.until(lambda: (full.worker.hosted, empty.worker.hosted) == (6, 2), within=60)
        await asyncio.sleep(30)
        assert (full.worker.hosted, empty.worker.hosted) == (6, 2)
    assert len(list(stack.simulator.sessions)) == 8, "each went on in its room"


@on_stack(MANY, ROOMY)
async def test_an_idle_worker_asks_nine_times_a_second_at_most(stack: Stack) -> None:
    async with AsyncExitStack() as processes:
        service = await joined(stack, processes, CountingTransactions)
        await start_in(stack, "W1", "W2")
        await stack.until(lambda: all_live(stack))
        await asyncio.sleep(20)
        CountingTransactions.number = 0
        await asyncio.sleep(60)
        assert service.worker.hosted == 2
        assert CountingTransactions.number / 60 <= 9
