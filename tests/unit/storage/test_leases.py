"""Who runs a session: one worker at a time, whatever their clocks say, and only the newest lease writes."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.conversations import ConversationRef
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.storage import provider_sessions, sessions
from bot.storage.engine import Store
from bot.storage.records import Lease
from bot.storage.sessions import LeaseLost

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LIFE = timedelta(seconds=5)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def enlist(store: Store, worker: str, now: datetime = NOON) -> None:
    await store.write(lambda c: sessions.enlist(c, worker, now=now, until=now + LIFE, capacity=10, address="here"))


async def renew(store: Store, worker: str, now: datetime) -> bool:
    return await store.write(lambda c: sessions.renew(c, worker, now=now, until=now + LIFE))


async def claim(
    store: Store, worker: str, now: datetime = NOON, *, room: int = 10, but: tuple[str, ...] = ()
) -> list[Lease]:
    return await store.write(lambda c: sessions.claim(c, worker, now=now, room=room, but=but))


async def start(store: Store, session_id: str, created: datetime = NOON) -> None:
    place = ConversationRef("fake", "W1", session_id)
    await store.write(
        lambda c: sessions.add(
            c,
            store.cipher,
            session_id=session_id,
            place=place,
            starter_id="ann",
            starter_name="Ann",
            spec=SessionSpec("alma"),
            now=created,
        )
    )


async def write_as(store: Store, lease: Lease, **values: object) -> None:
    await store.write(lambda c: sessions.change(c, lease, **values))


async def status(store: Store, session_id: str) -> SessionStatus:
    session = await store.read(lambda c: sessions.get(c, store.cipher, session_id))
    assert session is not None
    return session.status


async def test_a_session_is_claimed_once(store: Store) -> None:
    await enlist(store, "A")
    await enlist(store, "B")
    await start(store, "s")
    assert await store.read(lambda c: sessions.claimable(c, NOON))
    assert await claim(store, "A") == [Lease("s", "A", 1)]
    assert not await store.read(lambda c: sessions.claimable(c, NOON))
    assert await claim(store, "B") == []


async def test_a_worker_takes_the_oldest_and_no_more_than_it_has_room_for(store: Store) -> None:
    await enlist(store, "A")
    for number in range(3):
        await start(store, f"s{number}", later(-number))
    assert {lease.session_id for lease in await claim(store, "A", room=2)} == {"s1", "s2"}


async def test_who_renews_keeps_what_it_holds(store: Store) -> None:
    await enlist(store, "A")
    await enlist(store, "B")
    await start(store, "s")
    await claim(store, "A")
    assert await renew(store, "A", later(4))
    assert await claim(store, "B", later(6)) == []


async def test_whose_lease_has_ended_cannot_renew_it_and_loses_what_it_held(store: Store) -> None:
    await enlist(store, "A")
    await start(store, "s")
    (old,) = await claim(store, "A")
    await enlist(store, "B", later(6))
    assert not await renew(store, "A", later(6))
    assert await claim(store, "B", later(6)) == [Lease("s", "B", 2)]
    with pytest.raises(LeaseLost):
        await write_as(store, old, status=SessionStatus.LIVE)


async def test_a_stale_run_writes_nothing_and_releases_nothing(store: Store) -> None:
    await enlist(store, "A")
    await start(store, "s")
    (old,) = await claim(store, "A")
    await enlist(store, "B", later(6))
    (new,) = await claim(store, "B", later(6))
    with pytest.raises(LeaseLost):
        await write_as(store, old, status=SessionStatus.STOPPING, end_reason=EndReason.STOPPED)
    with pytest.raises(LeaseLost):
        await store.write(lambda c: sessions.fence(c, old))
    await store.write(lambda c: sessions.release(c, old))
    await write_as(store, new, status=SessionStatus.LIVE)
    assert await status(store, "s") is SessionStatus.LIVE


async def test_a_stale_run_closes_nothing_at_the_provider(store: Store) -> None:
    """It may have been paused between its decision and the call: by then its successor may sit in that room."""
    await enlist(store, "A")
    await start(store, "s")
    (old,) = await claim(store, "A")
    await store.write(lambda c: provider_sessions.intend(c, old, "row", "ann", 600, later(0)))
    await store.write(lambda c: provider_sessions.opened(c, store.cipher, "row", "akool-1", "credentials", later(0)))
    await enlist(store, "B", later(6))
    (new,) = await claim(store, "B", later(6))
    with pytest.raises(LeaseLost):
        await store.write(lambda c: provider_sessions.closing(c, old, "row"))
    assert await state(store) == [provider_sessions.OPEN]
    await store.write(lambda c: provider_sessions.closing(c, new, "row"))
    assert await state(store) == [provider_sessions.CLOSING]


async def state(store: Store) -> list[str]:
    rows = await store.read(lambda c: provider_sessions.unclosed(c, store.cipher, "s"))
    return [row.state for row in rows]


async def test_the_same_workers_earlier_run_is_stale_too(store: Store) -> None:
    await enlist(store, "A")
    await start(store, "s")
    (first,) = await claim(store, "A")
    await store.write(lambda c: sessions.release(c, first))
    assert await claim(store, "A") == [Lease("s", "A", 2)]
    with pytest.raises(LeaseLost):
        await write_as(store, first, status=SessionStatus.LIVE)


async def test_a_clock_that_jumps_ahead_takes_a_living_workers_sessions_and_the_fence_holds(store: Store) -> None:
    await enlist(store, "A")
    await start(store, "s")
    (as_before,) = await claim(store, "A")
    await enlist(store, "B", later(3_600))
    (new,) = await claim(store, "B", later(3_600))
    assert await renew(store, "A", later(1)), "A lives, and does not know"
    with pytest.raises(LeaseLost):
        await write_as(store, as_before, status=SessionStatus.LIVE)
    await write_as(store, new, status=SessionStatus.LIVE)


async def test_a_worker_whose_lease_is_over_claims_nothing(store: Store) -> None:
    await enlist(store, "A")
    await start(store, "s")
    assert await claim(store, "A", later(3_600)) == []
    await store.write(lambda c: sessions.dismiss(c, "A"))
    assert await claim(store, "A") == []


async def test_what_a_worker_still_runs_from_before_is_not_claimed_again(store: Store) -> None:
    await enlist(store, "A")
    await start(store, "s")
    await start(store, "t")
    await claim(store, "A", room=1)
    await enlist(store, "A again", later(6))
    assert [lease.session_id for lease in await claim(store, "A again", later(6), but=("s",))] == ["t"]


async def test_what_a_dismissed_worker_held_is_free_at_once(store: Store) -> None:
    await enlist(store, "A")
    await enlist(store, "B")
    await start(store, "s")
    await claim(store, "A")
    await store.write(lambda c: sessions.dismiss(c, "A"))
    assert await claim(store, "B") == [Lease("s", "B", 2)]


async def test_whoever_is_alone_dismisses_all_others(store: Store) -> None:
    await enlist(store, "A")
    await enlist(store, "B")
    assert await store.read(lambda c: sessions.others_alive(c, "B", NOON))
    await store.write(lambda c: sessions.dismiss_others(c, "B"))
    assert not await store.read(lambda c: sessions.others_alive(c, "B", NOON))
    assert not await renew(store, "A", NOON)


@pytest.mark.parametrize("resting", [SessionStatus.SLEEPING, SessionStatus.ENDED])
async def test_what_rests_needs_nobody(store: Store, resting: SessionStatus) -> None:
    await enlist(store, "A")
    await start(store, "s")
    (lease,) = await claim(store, "A")
    await write_as(store, lease, status=resting)
    await store.write(lambda c: sessions.release(c, lease))
    assert not await store.read(lambda c: sessions.claimable(c, NOON))
    assert await claim(store, "A") == []


async def test_a_claim_counts_as_an_attempt_until_the_session_is_live(store: Store) -> None:
    await start(store, "s")
    for number in range(1, 4):
        await enlist(store, f"W{number}", later(number * 10))
        await claim(store, f"W{number}", later(number * 10))
        session = await store.read(lambda c: sessions.get(c, store.cipher, "s"))
        assert session is not None
        assert (session.attempts, session.epoch) == (number, number)
