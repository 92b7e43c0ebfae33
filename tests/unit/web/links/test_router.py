"""How often it is looked for where a watched session runs, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.domain.conversations import File
from bot.domain.disclosure import Disclosure
from bot.domain.errors import StoreUnavailable
from bot.domain.sessions import Mode, SessionStatus
from bot.media.events import Caption, SessionEvents, SessionView
from bot.ports.storage.records import Lease, Placement
from bot.tasks import cancel_and_wait
from bot.telemetry import new_metrics
from bot.testing.virtual_time import LoopClock, run_virtual
from bot.web.links.router import LOST, STAYS_S, LinkRouter
from bot.web.links.server import LinkSurroundings
from bot.web.links.tokens import LinkKeys
from bot.web.viewer.archive import Archive
from bot.web.viewer.presence import Presence
from tests.disclosing import AI, TOLD

VIEW = SessionView("s", SessionStatus.LIVE, "Mei", "mei", Mode.DIALOGUE, "Fine.")
WATCHED_S = 100


class Kept(Archive):
    """A session that no living worker runs, as it is written down."""

    def __init__(self, status: SessionStatus | None) -> None:
        self.stored = replace(VIEW, status=status) if status else None
        self.read = 0

    async def disclosure(self, session_id: str) -> Disclosure:
        return AI

    async def view(self, session_id: str) -> SessionView | None:
        return self.stored

    async def captions(self, session_id: str) -> Sequence[Caption]:
        self.read += 1
        return ()

    async def export(self, session_id: str, format: str) -> File | None:  # noqa: A002
        return None


class Watched:
    """By one page of this process."""

    def __init__(self, status: SessionStatus | None = SessionStatus.LIVE) -> None:
        self.archive = Kept(status)
        self.events = SessionEvents()
        self.here: Lease | None = None
        self.away = False
        self.looked = 0

    async def placement(self, _session_id: str) -> Placement | None:
        self.looked += 1
        if self.away:
            raise StoreUnavailable("away")
        return None

    @asynccontextmanager
    async def routed(self) -> AsyncIterator[None]:
        surroundings = LinkSurroundings(
            self.events,
            Presence(),
            None,  # type: ignore[arg-type] # nobody speaks here
            LoopClock(),
            new_metrics(),
            lambda _: self.here,
        )
        running = asyncio.create_task(LinkRouter(surroundings, self.archive, self.placement, LinkKeys(["k"])).run())
        yield
        await cancel_and_wait(running)


def looks(watched: Watched) -> int:
    """How often it is looked while somebody watches for `WATCHED_S`."""

    async def story() -> None:
        async with watched.routed():
            with watched.events.watch("s", TOLD):
                await asyncio.sleep(WATCHED_S)

    run_virtual(story())
    return watched.looked


@pytest.mark.parametrize(
    ("status", "looked"),
    [(SessionStatus.ENDED, 1), (None, 1), (SessionStatus.SLEEPING, WATCHED_S), (SessionStatus.LIVE, 2 * WATCHED_S)],
)
def test_it_is_looked_for_as_often_as_that_helps(status: SessionStatus | None, looked: int) -> None:
    assert looks(Watched(status)) == pytest.approx(looked, abs=1)


def test_what_sleeps_is_not_read_again_and_again() -> None:
    watched = Watched(SessionStatus.SLEEPING)
    looks(watched)
    assert watched.archive.read == 1


def test_what_runs_here_is_not_looked_for() -> None:
    watched = Watched()
    watched.here = Lease("s", "w", 1)
    assert looks(watched) == 0


def test_it_is_looked_for_once_its_run_is_over() -> None:
    watched = Watched()
    watched.here = Lease("s", "w", 1)

    async def story() -> None:
        async with watched.routed():
            with watched.events.watch("s", TOLD):
                await asyncio.sleep(10)
                watched.here = None
                watched.events.forget("s")
                await asyncio.sleep(0.01)
                assert watched.looked == 1

    run_virtual(story())


def test_a_live_session_that_is_nowhere_comes_back() -> None:
    watched = Watched()

    async def story() -> None:
        async with watched.routed():
            with watched.events.watch("s", TOLD):
                await asyncio.sleep(1)
                assert watched.events.view("s") == replace(VIEW, status=SessionStatus.RECONNECTING, note=LOST)
            await asyncio.sleep(STAYS_S + 1)
            assert watched.events.view("s") is None

    run_virtual(story())


def test_a_database_that_is_away_is_asked_again() -> None:
    watched = Watched()
    watched.away = True
    assert looks(watched) == pytest.approx(WATCHED_S, abs=1)
    assert watched.archive.read == 0


def test_it_is_looked_for_while_somebody_watches() -> None:
    watched = Watched()

    async def story() -> None:
        async with watched.routed():
            for _ in range(3):  # somebody comes back in time
                with watched.events.watch("s", TOLD):
                    await asyncio.sleep(1)
                await asyncio.sleep(STAYS_S - 1)
            before = watched.looked
            await asyncio.sleep(1.1)
            after = watched.looked
            await asyncio.sleep(100)
            assert before < after == watched.looked
            with watched.events.watch("s", TOLD):
                await asyncio.sleep(1)
                assert watched.looked > after

    run_virtual(story())
