"""What one process accepts wakes the run in another at once; without hints it is found by looking."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from bot.app.service import Service
from bot.ports.processes import Hint, HintKind
from bot.testing.virtual_time import LoopClock
from bot.web.api.operations import LOOK_EVERY
from tests.program_fixture import program
from tests.world_fixture import Stack, on_stack

SOON = 0.02
"""Virtual seconds that a message may take longer than where its session runs."""


@dataclass
class Board:
    """Passes hints between the services of one world."""

    members: "list[BoardHints]" = field(default_factory=list)
    sent: list[Hint] = field(default_factory=list)

    def member(self) -> "BoardHints":
        return BoardHints(self)


class BoardHints:
    """`Hints` of one service."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._heard: Callable[[Hint], None] = lambda _: None
        board.members.append(self)

    def send(self, hint: Hint) -> None:
        self._board.sent.append(hint)
        for other in self._board.members:
            if other is not self:
                asyncio.get_running_loop().call_soon(other._heard, hint)

    async def run(self, heard: Callable[[Hint], None]) -> None:
        self._heard = heard


async def two(stack: Stack, leaving: AsyncExitStack, board: Board) -> tuple[Service, Service]:
    """One that runs a session, and another that hears people from then on."""
    runs = await leaving.enter_async_context(stack.serving(alone=False, hints=board.member()))
    await stack.room.command("start")
    await stack.live()
    hears = await leaving.enter_async_context(stack.serving(alone=False, hints=board.member()))
    await stack.until(lambda: hears.worker.lease.held)
    return runs, hears


@asynccontextmanager
async def _heard_by(stack: Stack, service: Service) -> AsyncIterator[None]:
    """People reach this one."""
    before, stack.room.listener = stack.room.listener, service.services.platforms["fake"]  # type: ignore[assignment]
    yield
    stack.room.listener = before


async def spoken_after(stack: Stack, text: str) -> float:
    """Seconds from what somebody says to the avatar's being given it."""
    clock = LoopClock()
    said, before = clock.now(), len(stack.spoken)
    await stack.room.say(text, stack.room.thread)
    while len(stack.spoken) == before:
        await asyncio.sleep(0.005)
    took = (clock.now() - said).total_seconds()
    await stack.until(lambda: len(stack.room.finals) > before)
    return took


@on_stack()
async def test_a_message_taken_elsewhere_is_spoken_as_soon_as_here(stack: Stack) -> None:
    async with AsyncExitStack() as leaving:
        runs, hears = await two(stack, leaving, Board())
        assert (runs.worker.hosted, hears.worker.hosted) == (1, 0)
        elsewhere = [await spoken_after(stack, f"Number {number}") for number in range(4)]
        await leaving.enter_async_context(_heard_by(stack, runs))
        here = [await spoken_after(stack, f"Number {number}") for number in range(4)]
    assert max(elsewhere) < max(here) + SOON


@on_stack()
async def test_what_is_withdrawn_elsewhere_is_told_to_the_run(stack: Stack) -> None:
    async with AsyncExitStack() as leaving:
        board = Board()
        await two(stack, leaving, board)
        await stack.room.say("Never mind", stack.room.thread)
        await stack.room.withdraw(stack.room.at(stack.room.thread)[-1].ref)
        assert HintKind.CHANGED in {hint.kind for hint in board.sent}


@on_stack()
async def test_without_hints_it_is_found_by_looking(stack: Stack) -> None:
    async with AsyncExitStack() as leaving:
        board = Board()
        await two(stack, leaving, board)
        board.members.clear()
        assert await spoken_after(stack, "Hello") < 2.0


@on_stack()
async def test_a_start_taken_elsewhere_is_claimed_at_once(stack: Stack) -> None:
    async with AsyncExitStack() as leaving:
        board = Board()
        _, hears = await two(stack, leaving, board)
        hears.worker.claimable = lambda: None  # type: ignore[method-assign] # as a process that runs no sessions
        await stack.room.command("stop")
        await stack.ended()
        board.sent.clear()
        await stack.room.command("start")
        assert Hint(HintKind.CLAIM) in board.sent


async def answered_after(service: Service, name: str, times: int = 1) -> list[float]:
    """Seconds from a program's request to the answer, for whose end it waits."""
    clock, took = LoopClock(), list[float]()
    async with program(service, name=name) as api:
        for _ in range(times):
            asked = clock.now()
            response = await api.say("Version 2 is out.", prefer="wait=60")
            assert response.json()["status"] == "spoken"
            took.append((clock.now() - asked).total_seconds())
    return took


@on_stack()
async def test_who_waits_elsewhere_is_answered_as_soon_as_here(stack: Stack) -> None:
    async with AsyncExitStack() as leaving:
        runs, hears = await two(stack, leaving, Board())
        elsewhere = await answered_after(hears, "hears-bot", times=4)
        assert max(elsewhere) < max(await answered_after(runs, "runs-bot", times=4)) + SOON


@on_stack()
async def test_who_waits_elsewhere_is_answered_without_hints_too(stack: Stack) -> None:
    async with AsyncExitStack() as leaving:
        board = Board()
        runs, hears = await two(stack, leaving, board)
        board.members.clear()
        (elsewhere,) = await answered_after(hears, "hears-bot")
        assert elsewhere < max(await answered_after(runs, "runs-bot")) + LOOK_EVERY + 1.0


@on_stack()
async def test_what_nobody_waits_for_is_told_to_nobody(stack: Stack) -> None:
    async with AsyncExitStack() as leaving:
        board = Board()
        runs, _ = await two(stack, leaving, board)
        await spoken_after(stack, "Hello")
        await answered_after(runs, "runs-bot")
        assert {HintKind.AWAITED, HintKind.WRITTEN}.isdisjoint(hint.kind for hint in board.sent)
