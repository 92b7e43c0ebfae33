"""Two connections to PostgreSQL, one of which stops between its look and its write: what the other does then. Each lock has its test."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL

from bot.clock import SystemClock
from bot.domain.conversations import ConversationRef
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage import Storage
from bot.ports.storage.records import Conclusion, InboxOutcome, Lease, NewRow, SessionRecord, UnfinishedRow
from bot.ports.storage.transactions import AdmissionQuery, Admitted, NewSession, Settlement, Situation, Standing
from bot.storage.connections import PoolSize
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.sql import SqlStorage
from tests.contract.storage.seeds import ANN, SPEC, accept, enlist, hosted, said, start
from tests.patience import HANG_S, until
from tests.server import connected, emptied_database
from tests.world_fixture import KEY

PLACE = ConversationRef("room", "W1", "s")
OTHER = ConversationRef("room", "W1", "s2")

Pause = Callable[[], None]
"""Called by the first between its look and its write, in its connection's thread."""
Doing = Coroutine[Any, Any, Any]


@pytest.fixture
def url() -> Iterator[URL]:
    with emptied_database() as url:
        yield url


@pytest.fixture
async def two(url: URL) -> AsyncIterator[tuple[SqlStorage, SqlStorage]]:
    """Two processes' storages on one database."""
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(Store.open(url, Cipher((KEY,)), PoolSize(1, 1))) for _ in range(2)]
        one, other = (SqlStorage(store, SystemClock()) for store in stores)
        yield one, other


@pytest.fixture
def overlapped(url: URL) -> Callable[[Callable[[Pause], Doing], Doing], Awaitable[list[Any]]]:
    async def run(first: Callable[[Pause], Doing], second: Doing) -> list[Any]:
        """`first` up to its pause, then `second` as far as it comes, then both to their ends. What came of them."""
        looked, go_on = threading.Event(), threading.Event()

        def pause() -> None:
            looked.set()
            assert go_on.wait(HANG_S)

        one = asyncio.create_task(first(pause))
        await asyncio.to_thread(looked.wait, HANG_S)
        two = asyncio.create_task(second)
        await until(lambda: two.done() or asyncio.to_thread(somebody_waits, url))
        go_on.set()
        return list(await asyncio.gather(one, two))

    return run


Overlapped = Callable[[Callable[[Pause], Doing], Doing], Awaitable[list[Any]]]


def somebody_waits(url: URL) -> bool:
    """For a lock of another's, in this database."""
    with connected(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        row = connection.execute(query).fetchone()
        return row is not None and row[0] > 0


def takes(row: NewRow, pause: Pause = lambda: None) -> Callable[[Situation], Admitted]:
    """As admission does with one slot: what is known is not taken; what goes to a session that sleeps wakes it, if the slot is free."""

    def decide(situation: Situation) -> Admitted:
        pause()
        known = any(event[2] == row.inbound.event_id for event in situation.known)
        sleeping = [each.id for each in situation.sessions if each.status is SessionStatus.SLEEPING]
        there = bool(situation.sessions) and not known
        has_a_slot = not any(situation.running.values())
        return Admitted(rows=[row] if there else [], wakes=dict.fromkeys(sleeping if has_a_slot else (), ("ann", 60)))

    return decide


def asks(row: NewRow) -> Callable[[], AdmissionQuery]:
    place = row.inbound.place
    return lambda: AdmissionQuery(
        events=frozenset({(place.platform, place.workspace_id, row.inbound.event_id)}),
        places=frozenset({place}),
        payers_if_asleep=frozenset({(place, ANN.id)}),
    )


async def says(storage: Storage, row: NewRow, pause: Pause = lambda: None) -> Admitted:
    return await storage.admit(asks(row), takes(row, pause))


def all_concluded(rows: Sequence[UnfinishedRow]) -> Settlement:
    return Settlement([Conclusion(row.id, InboxOutcome.UNHEARD, "It has ended.") for row in rows])


async def ends(storage: Storage, lease: Lease) -> None:
    async with storage.fenced(lease) as run:
        run.end(EndReason.STOPPED)
        run.settle(all_concluded)


async def falls_asleep(storage: Storage, lease: Lease) -> SessionStatus:
    async with storage.fenced(lease) as run:
        status = run.rest()
    return status.value


Two = tuple[SqlStorage, SqlStorage]


async def test_what_is_said_as_its_session_ends_is_answered(two: Two, overlapped: Overlapped) -> None:
    lease = await hosted(two[0])
    await overlapped(lambda pause: says(two[0], said(1), pause), ends(two[1], lease))
    assert await two[0].inbox.waiting_turns("s") == []


async def test_what_is_said_keeps_its_session_from_falling_asleep(two: Two, overlapped: Overlapped) -> None:
    lease = await hosted(two[0])
    _, status = await overlapped(lambda pause: says(two[0], said(1), pause), falls_asleep(two[1], lease))
    assert status is SessionStatus.STARTING


async def test_what_wakes_a_session_keeps_it_from_ending(two: Two, overlapped: Overlapped) -> None:
    await falls_asleep(two[0], await hosted(two[0]))
    _, ended = await overlapped(
        lambda pause: says(two[0], said(1), pause), two[1].sessions.put_to_rest("s", EndReason.IDLE)
    )
    session = await two[0].sessions.get("s")
    assert (ended, session and session.status) == (False, SessionStatus.STARTING)


async def test_a_place_that_goes_as_its_session_ends_leaves_nothing(two: Two, overlapped: Overlapped) -> None:
    lease = await hosted(two[0])

    def asked(pause: Pause) -> Doing:
        def row(_: SessionRecord) -> NewRow:
            pause()
            return said(1, verb="stop")

        return two[0].sessions.ask_to_end(["s"], EndReason.PLACE_GONE, row)

    await overlapped(asked, ends(two[1], lease))
    assert await two[0].inbox.waiting_controls("s") == []


def starts(storage: Storage, session_id: str, pause: Pause = lambda: None, place: ConversationRef = PLACE) -> Doing:
    """As admission does with one slot: not where somebody has it, nor where somebody is."""

    def decide(situation: Situation) -> Admitted:
        pause()
        taken = sum(situation.running.values()) or situation.sessions
        return Admitted(starts=[] if taken else [NewSession(session_id, place, ANN.id, ANN.name, SPEC)])

    query = AdmissionQuery(places=frozenset({place}), payers=frozenset({(place, ANN.id)}))
    return storage.admit(lambda: query, decide)


async def test_two_starts_on_the_last_slot_are_one(two: Two, overlapped: Overlapped) -> None:
    await overlapped(lambda pause: starts(two[0], "a", pause), starts(two[1], "b", place=OTHER))
    assert [session.id for session in await two[0].sessions.everywhere()] == ["a"]


async def test_two_starts_in_one_place_are_one(two: Two, overlapped: Overlapped) -> None:
    def first(pause: Pause) -> Doing:
        new = NewSession("a", PLACE, ANN.id, ANN.name, SPEC)

        def decide(situation: Situation) -> Admitted:
            pause()
            return Admitted(starts=[] if situation.sessions else [new])

        query = AdmissionQuery(places=frozenset({PLACE}))  # of no budget, hence without its lock
        return two[0].admit(lambda: query, decide)

    await overlapped(first, starts(two[1], "b"))
    assert [session.id for session in await two[0].sessions.everywhere()] == ["b"]


async def test_one_event_at_two_processes_is_taken_once(two: Two, overlapped: Overlapped) -> None:
    """In two sessions, so that neither waits for the other's row."""
    await start(two[0], "s")
    await start(two[0], "s2")
    twice = NewRow("row2", "s2", said(1, session_id="s2").inbound, "say", {}, None, said(1).role)
    first, second = await overlapped(lambda pause: says(two[0], said(1), pause), says(two[1], twice))
    assert sorted([len(first.rows), len(second.rows)]) == [0, 1]


async def test_what_wakes_a_session_takes_no_slot_of_a_start(two: Two, overlapped: Overlapped) -> None:
    await falls_asleep(two[0], await hosted(two[0]))
    first, second = await overlapped(lambda pause: starts(two[0], "a", pause, place=OTHER), says(two[1], said(1)))
    assert (len(first.starts), len(second.wakes)) == (1, 0)


async def test_two_renewals_of_one_payer_share_the_last_minutes(two: Two, overlapped: Overlapped) -> None:
    leases = [await hosted(two[0], "s"), await _also_hosted(two[0], "s2")]

    def bought(pause: Pause) -> Callable[[Standing], int]:
        def minutes(standing: Standing) -> int:
            pause()
            return max(0, 30 - int((standing.use.used + standing.use.held - standing.reserved_s) / 60))

        return minutes

    async def renews(storage: Storage, lease: Lease, row_id: str, pause: Pause = lambda: None) -> int:
        async with storage.fenced(lease) as run:
            minutes = run.intend(row_id, bought(pause))
        return minutes.value

    sold = await overlapped(lambda pause: renews(two[0], leases[0], "p1", pause), renews(two[1], leases[1], "p2"))
    assert sum(sold) <= 30, sold


async def _also_hosted(storage: Storage, session_id: str) -> Lease:
    await start(storage, session_id)
    (lease,) = [each for each in await storage.workers.claim("w", room=2, but=["s"]) if each.session_id == session_id]
    return lease


async def test_two_workers_that_claim_at_once_share(two: Two, url: URL) -> None:
    """Both have to pass a row that somebody holds, so that each has looked before the other has written."""
    for number in range(4):
        await start(two[0], f"s{number}")
    for worker in "AB":
        await enlist(two[0], worker)
    with connected(url) as third:
        third.execute("BEGIN")
        third.execute("SELECT id FROM sessions WHERE id = 's0' FOR UPDATE")
        claims = [asyncio.create_task(two[at].workers.claim(worker, room=9)) for at, worker in enumerate("AB")]
        await until(lambda: all(claim.done() for claim in claims) or asyncio.to_thread(somebody_waits, url))
        third.execute("COMMIT")
        claimed = [lease for leases in await asyncio.gather(*claims) for lease in leases]
    assert sorted(lease.session_id for lease in claimed) == ["s1", "s2", "s3"]


async def test_who_claims_waits_until_another_has_claimed(two: Two, url: URL) -> None:
    """Or both would find that nobody runs the workspace, and each would run a part of it."""
    for number in range(2):
        await start(two[0], f"s{number}")
    for worker in "AB":
        await enlist(two[0], worker)
    with connected(url) as third:
        third.execute("SELECT pg_advisory_lock(hashtextextended('claim', 0))")
        claims = [asyncio.create_task(two[at].workers.claim(worker, room=1)) for at, worker in enumerate("AB")]
        await until(lambda: any(claim.done() for claim in claims) or asyncio.to_thread(somebody_waits, url))
        assert not any(claim.done() for claim in claims)
        third.execute("SELECT pg_advisory_unlock(hashtextextended('claim', 0))")
        assert sorted(map(len, await asyncio.gather(*claims))) == [0, 1]


async def test_of_two_in_each_others_way_both_get_through(two: Two, overlapped: Overlapped) -> None:
    """Batches lock in the order of ids; what locks otherwise is undone by the server, and run again."""
    await start(two[0], "a")
    await start(two[0], "b")

    def touching(ids: Sequence[str], pause: Pause = lambda: None) -> Callable[[Connection], str]:
        def work(connection: Connection) -> str:
            for number, id_ in enumerate(ids):
                connection.execute(text("UPDATE sessions SET active_at = active_at + 1 WHERE id = :id"), {"id": id_})
                if number == 0:
                    pause()
            return "done"

        return work

    done = await overlapped(lambda pause: two[0].store.write(touching("ab", pause)), two[1].store.write(touching("ba")))
    assert done == ["done", "done"]


async def test_batches_of_the_same_sessions_take_turns(two: Two, overlapped: Overlapped) -> None:
    for session_id in ("s", "s2"):
        await start(two[0], session_id)
    await accept(two[0], said(9))

    def batch(*places: ConversationRef) -> Callable[[], AdmissionQuery]:
        return lambda: AdmissionQuery(places=frozenset(places))

    decided = await overlapped(
        lambda pause: two[0].admit(batch(PLACE, OTHER), takes(said(1), pause)),
        two[1].admit(batch(OTHER, PLACE), takes(said(2))),
    )
    assert [len(each.rows) for each in decided] == [1, 1]
