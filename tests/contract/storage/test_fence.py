"""What a run writes, only the run writes, and all of a block or nothing: of every operation there is."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NoReturn

import pytest

from bot.domain.conversations import MessageRef
from bot.domain.posts import Opened as CardOpened
from bot.domain.sessions import EndReason, Outlook, SessionSpec, SessionStatus, Shown
from bot.ports.storage import Storage
from bot.ports.storage.records import (
    Conclusion,
    InboxOutcome,
    InboxRecord,
    Lease,
    LeaseLost,
    PostRecord,
    UnfinishedRow,
    VoicePlace,
)
from bot.ports.storage.transactions import FencedWrites, Settlement, UnfencedWrites
from tests.contract.storage.conftest import NOON
from tests.contract.storage.seeds import (
    CREDENTIALS,
    PLACE,
    accept,
    claim_turn,
    enlist,
    hosted,
    said,
    session,
    start,
    utterance,
    waiting,
)

Write = Callable[[FencedWrites, InboxRecord], object]
CARD = MessageRef(PLACE, "card")
HOUR = timedelta(hours=1)


def concluded(unfinished: Sequence[UnfinishedRow]) -> Settlement:
    return Settlement([Conclusion(row.id, InboxOutcome.UNHEARD, "Say it again.") for row in unfinished])


WRITES: dict[str, Write] = {
    "become": lambda run, _: run.become(SessionStatus.LIVE),
    "survived": lambda run, _: run.survived(),
    "end": lambda run, _: run.end(EndReason.STOPPED),
    "rest": lambda run, _: run.rest(),
    "respecify": lambda run, _: run.respecify(SessionSpec("ben")),
    "open_thread": lambda run, _: run.open_thread(CardOpened(CARD, PLACE)),
    "move_card": lambda run, _: run.move_card(CARD),
    "charge": lambda run, _: run.charge("ben"),
    "show": lambda run, _: run.show(Shown("Reconnecting", Outlook("It ends.", NOON))),
    "be_heard": lambda run, _: run.be_heard(VoicePlace("lounge", "ben")),
    "settle": lambda run, _: run.settle(concluded),
    "claim_turn": lambda run, row: claim_turn(run, row, "Hello"),
    "finish": lambda run, row: run.finish(row.id, InboxOutcome.SPOKEN),
    "intend": lambda run, _: run.intend("p2", lambda _: 10),
    "abandon": lambda run, _: run.abandon("intended"),
    "lost": lambda run, _: run.lost("intended"),
    "orphaned": lambda run, _: run.orphaned("intended"),
    "closing": lambda run, _: run.closing("p"),
    "save": lambda run, _: run.save(utterance("u2")),
    "shown": lambda run, _: run.shown("u"),
    "posted": lambda run, _: run.posted("u", 0, "m7"),
    "intend_post": lambda run, _: run.intend_post(PostRecord("u", 1, "key-1", "", NOON)),
}
"""One example of each operation; what it writes can be seen in `everything`."""


def operations(of: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}


def test_every_operation_is_tried() -> None:
    assert operations(FencedWrites) == WRITES.keys()
    at_the_provider = {"opened", "closing", "closed", "expired", "given_up", "found", "refuted", "ran_at_most"}
    assert operations(UnfencedWrites) == {*at_the_provider, "posted", "released"}


async def lived_in(storage: Storage) -> tuple[Lease, InboxRecord]:
    """A session in its second epoch, run by "w" since who ran it died, with something of every kind in it."""
    await start(storage, "s")
    await enlist(storage, "before", timedelta(days=1))
    (first,) = await storage.workers.claim("before", room=1)
    await accept(storage, said(1))
    async with storage.fenced(first) as run:
        run.open_thread(CardOpened(MessageRef(PLACE, "first"), PLACE.in_thread("t")))
        run.intend("p", lambda _: 10)
        run.intend("intended", lambda _: 10)
        run.save(utterance("u"))
        run.intend_post(PostRecord("u", 0, "key-0", "", NOON))
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    await storage.workers.dismiss("before")
    await enlist(storage, "w", timedelta(days=1))
    (second,) = await storage.workers.claim("w", room=1)
    (row,) = await waiting(storage)
    return second, row


async def everything(storage: Storage) -> list[object]:
    """All that can be read of the session."""
    return [
        await storage.sessions.get("s"),
        await waiting(storage),
        await storage.inbox.waiting_controls("s"),
        await storage.inbox.claim_replies(["room"], 10, "A", lasts=timedelta()),
        await storage.transcripts.of_session("s"),
        await storage.transcripts.given("s"),
        await storage.transcripts.posts_of("u"),
        await storage.provider_sessions.unclosed("s"),
        await storage.provider_sessions.running(HOUR),
        await storage.usage.of_session("s"),
        await storage.ledger.days(NOON),
    ]


async def left(storage: Storage, lease: Lease, block: Callable[[FencedWrites], object]) -> None:
    async with storage.fenced(lease) as run:
        block(run)


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param(Lease("s", "before", 1), id="an earlier run"),
        pytest.param(Lease("s", "w", 1), id="an earlier epoch"),
        pytest.param(Lease("s", "before", 2), id="another worker"),
        pytest.param(Lease("other", "w", 2), id="another session"),
    ],
)
async def test_a_lease_that_is_not_the_sessions_writes_nothing(storage: Storage, stale: Lease) -> None:
    _, row = await lived_in(storage)
    before = await everything(storage)
    for name, write in WRITES.items():
        with pytest.raises(LeaseLost):
            async with storage.fenced(stale) as run:
                write(run, row)
        assert await everything(storage) == before, name


@pytest.mark.parametrize("write", WRITES)
async def test_the_sessions_own_lease_writes_when_its_block_is_left(storage: Storage, write: str) -> None:
    lease, row = await lived_in(storage)
    before = await everything(storage)
    async with storage.fenced(lease) as run:
        WRITES[write](run, row)
        assert await everything(storage) == before
    assert await everything(storage) != before


async def test_what_nobody_waits_for_is_fenced_and_written(storage: Storage) -> None:
    lease, _ = await lived_in(storage)
    with pytest.raises(LeaseLost):
        async with storage.fenced(Lease("s", "before", 1), unhurried=True) as run:
            run.become(SessionStatus.RECONNECTING)
    async with storage.fenced(lease, unhurried=True) as run:
        run.become(SessionStatus.LIVE)
    found = await storage.sessions.get("s")
    assert found is not None
    assert found.status is SessionStatus.LIVE


async def test_where_one_operation_fails_none_is_written(storage: Storage) -> None:
    lease, row = await lived_in(storage)
    before = await everything(storage)

    def fails(_: Sequence[UnfinishedRow]) -> NoReturn:
        raise ValueError("undecided")

    for name, write in WRITES.items():
        with pytest.raises(ValueError, match="undecided"):
            await left(storage, lease, lambda run: (write(run, row), run.settle(fails)))  # noqa: B023 - left at once
        assert await everything(storage) == before, name


async def test_a_block_that_is_left_by_an_exception_writes_nothing(storage: Storage) -> None:
    lease = await hosted(storage)

    def breaks(run: FencedWrites) -> NoReturn:
        run.become(SessionStatus.LIVE)
        raise KeyError

    with pytest.raises(KeyError):
        await left(storage, lease, breaks)
    assert (await session(storage)).status is SessionStatus.STARTING


async def test_what_a_block_answers_is_known_once_it_is_left(storage: Storage) -> None:
    lease = await hosted(storage)
    async with storage.fenced(lease) as run:
        minutes, status = run.intend("p", lambda standing: standing.reserved_s // 60), run.rest()
        with pytest.raises(LookupError):
            _ = minutes.value
    assert (minutes.value, status.value) == (10, SessionStatus.SLEEPING)


async def test_operations_of_a_block_take_effect_in_their_order(storage: Storage) -> None:
    lease = await hosted(storage)
    async with storage.fenced(lease) as run:
        run.become(SessionStatus.STOPPING, EndReason.IDLE)
        run.become(SessionStatus.LIVE)
        run.save(utterance("u", "Good"))
        run.save(utterance("u", "Good morning."))
    assert (await session(storage)).status is SessionStatus.LIVE
    assert [each.text for each in await storage.transcripts.of_session("s")] == ["Good morning."]


async def test_of_two_runs_only_the_newest_writes(storage: Storage) -> None:
    lease, _ = await lived_in(storage)

    async def write(lease: Lease, status: SessionStatus) -> None:
        async with storage.fenced(lease) as run:
            run.become(status)

    stale = write(Lease("s", "before", 1), SessionStatus.STOPPING)
    results = await asyncio.gather(stale, write(lease, SessionStatus.LIVE), return_exceptions=True)
    assert [type(result) for result in results] == [LeaseLost, type(None)]
    assert (await session(storage)).status is SessionStatus.LIVE


@pytest.mark.parametrize("over", ["abandon", "lost"])
async def test_what_was_opened_meanwhile_stays_known(storage: Storage, over: str) -> None:
    lease = await hosted(storage)
    async with storage.fenced(lease) as run:
        run.intend("p", lambda _: 10)
    await storage.unfenced.opened("p", "akool-1", CREDENTIALS)
    async with storage.fenced(lease) as run:
        getattr(run, over)("p")
    assert await storage.provider_sessions.running(HOUR) == (frozenset({"akool-1"}), 0)


async def test_unfenced_facts_are_written_after_a_lost_lease(storage: Storage) -> None:
    await lived_in(storage)
    await storage.unfenced.posted("u", 0, "m7")
    await storage.unfenced.closed("p")
    assert [post.message_id for post in await storage.transcripts.posts_of("u")] == ["m7"]
    assert [row.id for row in await storage.provider_sessions.unclosed("s")] == ["intended"]
    before = await everything(storage)
    await storage.unfenced.released(Lease("s", "before", 1))
    assert await everything(storage) == before
