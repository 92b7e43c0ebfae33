"""Who runs a session: one worker at a time, whatever their clocks say, and only the newest lease writes."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from bot.domain.conversations import ConversationRef
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage import Storage
from bot.ports.storage.coordination import SUSPECT_AFTER, Load
from bot.ports.storage.records import Lease, LeaseLost, Placement, ProcessProfile, ProviderSessionStatus
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import NOON, Opened
from tests.contract.storage.seeds import CREDENTIALS, LIFE, enlist, session, start


async def claim(storage: Storage, worker: str, *, room: int = 10, but: tuple[str, ...] = ()) -> list[Lease]:
    return await storage.workers.claim(worker, room=room, but=but)


async def become(storage: Storage, lease: Lease, status: SessionStatus) -> None:
    async with storage.fenced(lease) as run:
        run.become(status)


async def test_a_session_is_claimed_once(storage: Storage) -> None:
    await enlist(storage, "A")
    await enlist(storage, "B")
    await start(storage, "s")
    assert await claim(storage, "A") == [Lease("s", "A", 1)]
    assert await claim(storage, "B") == []


async def test_a_worker_claims_the_oldest_up_to_its_capacity(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    for number in range(3):
        clock.at = NOON - timedelta(seconds=number)
        await start(storage, f"s{number}")
    clock.at = NOON
    assert {lease.session_id for lease in await claim(storage, "A", room=2)} == {"s1", "s2"}


async def test_who_renews_keeps_what_it_holds(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    await enlist(storage, "B", timedelta(minutes=1))
    await start(storage, "s")
    await claim(storage, "A")
    clock.advance(4)
    assert await storage.workers.renew("A", lasts=LIFE)
    clock.advance(2)
    assert await claim(storage, "B") == []


async def test_a_late_renewal_keeps_what_nobody_claimed_meanwhile(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    for session_id in ("s", "t"):
        await start(storage, session_id)
    taken, kept = await claim(storage, "A")
    clock.advance(6)
    await enlist(storage, "B")
    assert await claim(storage, "B", room=1) == [Lease("s", "B", 2)]
    assert await storage.workers.renew("A", lasts=LIFE)
    assert await storage.workers.held("A") == {kept}
    with pytest.raises(LeaseLost):
        await become(storage, taken, SessionStatus.LIVE)
    await become(storage, kept, SessionStatus.LIVE)


async def test_a_dismissed_worker_renews_nothing(storage: Storage) -> None:
    await enlist(storage, "A")
    await storage.workers.dismiss("A")
    assert not await storage.workers.renew("A", lasts=LIFE)


async def test_a_long_dead_worker_is_forgotten(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    clock.advance(23 * 3_600)
    await enlist(storage, "B")
    assert await storage.workers.renew("A", lasts=LIFE)
    clock.advance(25 * 3_600)
    await enlist(storage, "C")
    assert not await storage.workers.renew("A", lasts=LIFE)


async def test_a_stale_run_closes_nothing_at_the_provider(storage: Storage, clock: ManualClock) -> None:
    """It may have been paused between its decision and the call: by then its successor may sit in that room."""
    await enlist(storage, "A")
    await start(storage, "s")
    (old,) = await claim(storage, "A")
    async with storage.fenced(old) as run:
        run.intend("row", lambda _: 10)
    await storage.unfenced.opened("row", "akool-1", CREDENTIALS)
    clock.advance(6)
    await enlist(storage, "B")
    (new,) = await claim(storage, "B")
    with pytest.raises(LeaseLost):
        async with storage.fenced(old) as run:
            run.closing("row")
    (row,) = await storage.provider_sessions.unclosed("s")
    assert (row.status, row.credentials) == (ProviderSessionStatus.OPEN, CREDENTIALS)
    async with storage.fenced(new) as run:
        run.closing("row")
    (row,) = await storage.provider_sessions.unclosed("s")
    assert row.status is ProviderSessionStatus.CLOSING


async def test_the_same_workers_earlier_run_is_stale_too(storage: Storage) -> None:
    await enlist(storage, "A")
    await start(storage, "s")
    (first,) = await claim(storage, "A")
    await storage.unfenced.released(first)
    assert await claim(storage, "A") == [Lease("s", "A", 2)]
    with pytest.raises(LeaseLost):
        await become(storage, first, SessionStatus.LIVE)


async def test_a_clock_that_jumps_ahead_takes_a_living_workers_sessions(opened: Opened) -> None:
    """The fence holds all the same."""
    await enlist(opened.storage, "A")
    await start(opened.storage, "s")
    (as_before,) = await claim(opened.storage, "A")
    async with opened.open(ManualClock(NOON + timedelta(hours=1))) as ahead:
        await enlist(ahead, "B")
        (new,) = await claim(ahead, "B")
    assert await opened.storage.workers.renew("A", lasts=LIFE), "A lives, and does not know"
    with pytest.raises(LeaseLost):
        await become(opened.storage, as_before, SessionStatus.LIVE)
    await become(opened.storage, new, SessionStatus.LIVE)


async def test_a_worker_whose_lease_is_over_claims_nothing(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    await start(storage, "s")
    clock.advance(3_600)
    assert await claim(storage, "A") == []
    await storage.workers.dismiss("A")
    assert await claim(storage, "A") == []


async def test_a_session_still_running_here_is_not_claimed_again(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    await start(storage, "s")
    await start(storage, "t")
    await claim(storage, "A", room=1)
    clock.advance(6)
    await enlist(storage, "A again")
    assert [lease.session_id for lease in await claim(storage, "A again", but=("s",))] == ["t"]


async def test_what_it_holds_and_does_not_run_is_claimed_again(storage: Storage) -> None:
    """As where it never heard what came of its claim: nobody else may take it, and nobody would run it."""
    await enlist(storage, "A")
    await start(storage, "s")
    (lost,) = await claim(storage, "A")

    assert await claim(storage, "A") == [lost]
    assert await claim(storage, "A", but=("s",)) == []


async def test_what_a_dismissed_worker_held_is_free_at_once(storage: Storage) -> None:
    await enlist(storage, "A")
    await enlist(storage, "B")
    await start(storage, "s")
    await claim(storage, "A")
    await storage.workers.dismiss("A")
    assert await claim(storage, "B") == [Lease("s", "B", 2)]


async def test_who_enlists_anew_gives_back_what_it_held(storage: Storage) -> None:
    await enlist(storage, "A")
    await start(storage, "s")
    await claim(storage, "A")
    await storage.workers.enlist("A2", ProcessProfile(), lasts=LIFE, instead_of="A")
    assert await claim(storage, "A2") == [Lease("s", "A2", 2)]


async def test_whoever_is_alone_dismisses_all_others(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    await enlist(storage, "B")
    assert await storage.workers.others_alive("B")
    await storage.workers.enlist("C", ProcessProfile(), lasts=None)
    assert not await storage.workers.others_alive("C")
    assert not await storage.workers.renew("A", lasts=LIFE)
    clock.advance(10**8)
    assert await storage.workers.others_alive("B")


async def test_whoever_is_alone_has_all_jobs(storage: Storage) -> None:
    await storage.coordination.hold("sweep", "the dead", lasts=LIFE)
    await enlist(storage, "A")
    assert not await storage.coordination.hold("sweep", "A", lasts=LIFE)
    await storage.workers.enlist("B", ProcessProfile(), lasts=None)
    assert await storage.coordination.hold("sweep", "B", lasts=LIFE)


async def test_what_rests_needs_nobody(storage: Storage) -> None:
    await enlist(storage, "A")
    for session_id in ("sleeps", "ended"):
        await start(storage, session_id)
    for lease in await claim(storage, "A"):
        async with storage.fenced(lease) as run:
            if lease.session_id == "sleeps":
                run.rest()
            else:
                run.end(EndReason.STOPPED)
        await storage.unfenced.released(lease)
    assert await claim(storage, "A") == []


async def test_only_runs_that_failed_count_as_attempts(storage: Storage, clock: ManualClock) -> None:
    """Neither a lease that was lost nor a hand-over is the session's fault."""
    await start(storage, "s")
    for worker, failed in (("A", False), ("B", True), ("C", True)):
        await enlist(storage, worker)
        (lease,) = await claim(storage, worker)
        await storage.unfenced.released(lease, failed=failed)
    await enlist(storage, "D")
    (lost,) = await claim(storage, "D")
    clock.advance(10)
    await enlist(storage, "E")
    (lease,) = await claim(storage, "E")
    await storage.unfenced.released(lost, failed=True)
    found = await session(storage)
    assert (found.attempts, found.epoch) == (2, 5)
    await become(storage, lease, SessionStatus.LIVE)
    assert (await session(storage)).attempts == 0


async def test_who_dies_while_it_runs_a_session_is_counted(storage: Storage, clock: ManualClock) -> None:
    """Until one survives it; who ends in order has not died."""
    await start(storage, "s")
    leases = []
    for worker in ("A", "B", "C"):
        await enlist(storage, worker)
        leases += await claim(storage, worker)
        clock.advance(6)
    assert (await session(storage)).deaths == 2
    await storage.unfenced.released(leases[-1])
    await enlist(storage, "D")
    (lease,) = await claim(storage, "D")
    assert (await session(storage)).deaths == 2
    async with storage.fenced(lease) as run:
        run.survived()
    assert (await session(storage)).deaths == 0


async def died_with(storage: Storage, clock: ManualClock, workers: str) -> None:
    for worker in workers:
        await enlist(storage, worker)
        await claim(storage, worker)
        clock.advance(6)


async def test_suspects_are_claimed_one_by_one_and_last(storage: Storage, clock: ManualClock) -> None:
    for session_id in ("s", "t"):
        await start(storage, session_id)
    await died_with(storage, clock, "ABCDE"[:SUSPECT_AFTER])
    await start(storage, "new")
    await enlist(storage, "F")
    assert [lease.session_id for lease in await claim(storage, "F")] == ["new"]
    assert await storage.workers.claim("F", room=9, but=["new"], suspects=False) == []
    assert [lease.session_id for lease in await claim(storage, "F")] == ["new"], "as where it never heard of its claim"
    (first,) = await claim(storage, "F", but=("new",))
    (second,) = await claim(storage, "F", but=("new", first.session_id))
    assert {first.session_id, second.session_id} == {"s", "t"}


async def test_where_a_session_runs_is_known_to_all(storage: Storage, clock: ManualClock) -> None:
    await storage.workers.enlist("A", ProcessProfile(address="10.0.0.7:8081", version=3), lasts=LIFE)
    await start(storage, "s")
    assert await storage.workers.placement("s") is None
    (lease,) = await claim(storage, "A")
    assert await storage.workers.placement("s") == Placement("A", lease.epoch, "10.0.0.7:8081", 3)
    assert await storage.workers.placement("another") is None
    clock.advance(6)
    assert await storage.workers.placement("s") is None


async def test_what_has_ended_runs_nowhere(storage: Storage) -> None:
    await enlist(storage, "A")
    await start(storage, "s")
    (lease,) = await claim(storage, "A")
    async with storage.fenced(lease) as run:
        run.end(EndReason.STOPPED)
    assert await storage.workers.placement("s") is None


# ---------------------------------------------------------------- who runs which of many


async def start_in(storage: Storage, workspace: str, *session_ids: str) -> None:
    for session_id in session_ids:
        await start(storage, session_id, ConversationRef("room", workspace, session_id))


def ids(leases: list[Lease]) -> set[str]:
    return {lease.session_id for lease in leases}


async def test_a_workspace_is_run_by_one_worker(storage: Storage) -> None:
    await enlist(storage, "A")
    await enlist(storage, "B")
    await start_in(storage, "W1", "s1")
    await claim(storage, "A")
    await start_in(storage, "W1", "s2")
    await start_in(storage, "W2", "t1")
    assert ids(await claim(storage, "B")) == {"t1"}
    assert ids(await claim(storage, "A", but=("s1",))) == {"s2"}


async def test_what_a_dead_workers_workspace_had_goes_to_one_heir(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A")
    await start_in(storage, "W1", *(f"s{number}" for number in range(6)))
    await claim(storage, "A")
    clock.advance(6)
    await enlist(storage, "B")
    await enlist(storage, "C")
    assert len(await claim(storage, "B", room=2)) == 2
    assert await claim(storage, "C") == []
    await claim(storage, "B")
    assert len(await storage.workers.held("B")) == 6


async def test_workers_share_what_nobody_runs(storage: Storage) -> None:
    for worker in "ABC":
        await enlist(storage, worker)
    for number in range(24):
        await start_in(storage, f"W{number}", f"s{number:02}")
    claimed = [len(await claim(storage, worker, room=100)) for worker in "ABC"]
    assert claimed == [10, 10, 4]
    assert await storage.workers.load("A") == Load(hosted=10, running=24, workers=3)


async def test_a_whole_workspace_counts_toward_a_share(storage: Storage, clock: ManualClock) -> None:
    """However their sessions began: whoever takes the first of a workspace takes them all."""
    for worker in "AB":
        await enlist(storage, worker)
    for number in range(24):
        clock.advance(0.01)
        await start_in(storage, f"W{number % 6}", f"s{number:02}")
    assert [len(await claim(storage, worker, room=100)) for worker in "AB"] == [16, 8]


LATE: Mapping[str, timedelta] = {
    "lasts": timedelta(seconds=5),
    "due": timedelta(seconds=2),
    "spares": timedelta(seconds=4),
}


@pytest.mark.parametrize("after", [3.5, 6])
async def test_who_renews_late_leaves_what_others_held(storage: Storage, clock: ManualClock, after: float) -> None:
    """The database was away from all of them: whoever is back first is not the only one who lives."""
    await enlist(storage, "B")
    for worker, workspace in (("A", "W1"), ("dismissed", "W2")):
        await enlist(storage, worker, timedelta(seconds=3))
        await start_in(storage, workspace, f"s of {worker}")
        await claim(storage, worker)
    clock.advance(after)
    await start_in(storage, "W1", "t")
    await start_in(storage, "W3", "u")
    await storage.workers.dismiss("dismissed")
    assert await storage.workers.renew("B", **LATE)
    assert ids(await claim(storage, "B")) == {"s of dismissed", "u"}
    assert len(await storage.workers.held("A")) == 1
    clock.advance(1.5)
    assert await storage.workers.renew("B", **LATE), "in time, which does not end it"
    assert await claim(storage, "B", but=("s of dismissed", "u")) == []
    clock.advance(2.5)
    assert ids(await claim(storage, "B", but=("s of dismissed", "u"))) == {"s of A", "t"}


@pytest.mark.parametrize(("apart", "taken"), [(1.0, set()), (60.0, {"s of A", "s of B"})])
async def test_who_starts_after_an_outage_leaves_what_others_held(
    storage: Storage, clock: ManualClock, apart: float, taken: set[str]
) -> None:
    for worker, workspace in (("A", "W1"), ("B", "W2")):
        await enlist(storage, worker)
        await start_in(storage, workspace, f"s of {worker}")
        await claim(storage, worker)
        clock.advance(apart)
    clock.advance(6)
    await storage.workers.enlist("C", ProcessProfile(), lasts=LIFE, spares=timedelta(seconds=4))
    assert ids(await claim(storage, "C")) == taken
    clock.advance(4.5)
    assert ids(await claim(storage, "C")) == {"s of A", "s of B"}


@pytest.mark.parametrize("back", ["renewed", "started"])
async def test_who_starts_beside_one_that_spares_does_too(storage: Storage, clock: ManualClock, back: str) -> None:
    for worker, workspace in (("A", "W1"), ("B", "W2")):
        await enlist(storage, worker)
        await start_in(storage, workspace, f"s of {worker}")
        await claim(storage, worker)
    clock.advance(6)
    if back == "renewed":
        assert await storage.workers.renew("B", **LATE)
    for worker in "CD":
        await storage.workers.enlist(worker, ProcessProfile(), lasts=LIFE, spares=timedelta(seconds=4))
        assert ids(await claim(storage, worker)) == set()
        clock.advance(1)
    clock.advance(2.5)
    await storage.workers.dismiss("B")
    assert ids(await claim(storage, "C")) | ids(await claim(storage, "D")) == {"s of A", "s of B"}


@pytest.mark.parametrize("others", ["A", "ABD"])
async def test_who_starts_beside_a_death_claims_at_once(storage: Storage, clock: ManualClock, others: str) -> None:
    for worker in others:
        await enlist(storage, worker)
    await start(storage, "s")
    await claim(storage, "A")
    clock.advance(4)
    for worker in others[1:]:
        await storage.workers.renew(worker, lasts=LIFE)
    clock.advance(2)
    await storage.workers.enlist("C", ProcessProfile(), lasts=LIFE, spares=timedelta(seconds=4))
    assert ids(await claim(storage, "C")) == {"s"}


async def test_who_renews_in_time_claims_at_once(storage: Storage, clock: ManualClock) -> None:
    await enlist(storage, "A", timedelta(seconds=1))
    await enlist(storage, "B")
    await start(storage, "s")
    await claim(storage, "A")
    clock.advance(2.5)
    assert await storage.workers.renew("B", **LATE)
    assert ids(await claim(storage, "B")) == {"s"}


async def test_who_is_alone_takes_all(storage: Storage) -> None:
    await enlist(storage, "A")
    for number in range(24):
        await start_in(storage, f"W{number}", f"s{number:02}")
    assert len(await claim(storage, "A", room=100)) == 24


async def test_a_process_without_rooms_claims_nothing(storage: Storage) -> None:
    """And is nobody to whom a session could go."""
    await storage.workers.enlist("web", ProcessProfile(rooms=0), lasts=LIFE)
    await start(storage, "s")
    assert await claim(storage, "web") == []
    assert not await storage.workers.others_alive("A")
    await enlist(storage, "A")
    assert ids(await claim(storage, "A")) == {"s"}
