"""The outbox: what happens where a hook listens is written with it, and stays until it was taken."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.conversations import ConversationRef
from bot.domain.disclosure import DIGITAL_SOURCE_TYPE
from bot.domain.hook_events import EventType, PlaceScope
from bot.domain.posts import Speaker
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage import Storage
from bot.ports.storage.hooks import HookDelivery, HookRecord
from bot.ports.storage.records import InboxOutcome, Lease, LeaseLost, UtteranceRecord
from bot.ports.storage.transactions import AdmissionQuery, Admitted, FencedWrites
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import NOON
from tests.contract.storage.seeds import ANN, accept, claim_turn, hosted, said, session, start, utterance, waiting

URL, SECRET = "https://hooks.example/in?token=abc", "whsec_abc"
HERE = PlaceScope((ConversationRef("room", "W1", "s"),))
DAY = timedelta(days=1)


async def listening(storage: Storage, *events: EventType, scope: PlaceScope = HERE, id_: str = "hook") -> None:
    await storage.hooks.add(HookRecord(id_, URL, SECRET, frozenset(events or EventType), scope, NOON))


async def due(storage: Storage, hook_id: str = "hook") -> list[HookDelivery]:
    return await storage.hooks.due(hook_id, 100)


async def told(storage: Storage, hook_id: str = "hook") -> list[str]:
    return [each.event.type for each in await due(storage, hook_id)]


async def data(storage: Storage) -> dict[str, Any]:
    """Of the one event that is due."""
    (only,) = await due(storage)
    found: dict[str, Any] = json.loads(only.event.body)["data"]
    return found


async def claimed(storage: Storage, lease: Lease, text: str = "Hello") -> str:
    """A turn is in flight."""
    await accept(storage, said(1, text))
    (row,) = await waiting(storage)
    async with storage.fenced(lease) as run:
        claim_turn(run, row, f"Ann: {text}")
    return row.id


async def written(storage: Storage, lease: Lease, *writes: Callable[[FencedWrites], object]) -> None:
    async with storage.fenced(lease) as run:
        for write in writes:
            write(run)


# ---------------------------------------------------------------- what is written


async def test_a_hook_reads_back_as_it_was_added(storage: Storage) -> None:
    hook = HookRecord("hook", URL, SECRET, frozenset({EventType.SESSION_LIVE}), HERE, NOON)
    await storage.hooks.add(hook)
    assert await storage.hooks.everything() == [hook]
    assert URL not in repr(hook)
    assert SECRET not in repr(hook)


async def test_the_life_of_a_session_is_told(storage: Storage) -> None:
    await listening(storage)
    lease = await hosted(storage)
    await written(storage, lease, lambda run: run.become(SessionStatus.LIVE), lambda run: run.end(EndReason.IDLE))
    assert await told(storage) == ["session.started", "session.live", "session.ended"]
    last = json.loads((await due(storage))[-1].event.body)
    assert last["type"] == "session.ended"
    assert last["timestamp"] == "2026-11-28T12:00:00Z"
    assert last["version"] == 1
    assert last["data"] == {
        "session_id": "s",
        "place": "room/W1/s",
        "thread": "room/W1/s",
        "avatar": {"name": "Alma", "digitalSourceType": DIGITAL_SOURCE_TYPE},
        "reason": "idle",
    }


async def test_falling_asleep_is_told_where_nothing_waits(storage: Storage) -> None:
    await listening(storage, EventType.SESSION_ASLEEP)
    lease = await hosted(storage)
    await accept(storage, said(1))
    await written(storage, lease, lambda run: run.rest())
    assert await told(storage) == []
    await written(storage, lease, lambda run: run.finish("row1", InboxOutcome.STALE), lambda run: run.rest())
    assert await told(storage) == ["session.asleep"]


@pytest.mark.parametrize("way", ["retention", "operator", "command"])
async def test_what_sleeps_and_ends_is_told(storage: Storage, way: str) -> None:
    await listening(storage, EventType.SESSION_ENDED)
    await written(storage, await hosted(storage), lambda run: run.rest())
    match way:
        case "retention":
            await storage.sessions.put_to_rest("s", EndReason.IDLE)
            await storage.sessions.put_to_rest("s", EndReason.IDLE)
        case "operator":
            await storage.sessions.ask_to_end(["s"], EndReason.STOPPED, lambda _: said(1, verb="stop"))
        case _:
            await storage.admit(AdmissionQuery, lambda _: Admitted(ends={"s": EndReason.STOPPED}))
    assert await told(storage) == ["session.ended"]
    assert (await session(storage)).status is SessionStatus.ENDED


async def test_a_spoken_turn_is_told_with_its_author(storage: Storage) -> None:
    await listening(storage, EventType.TURN_SPOKEN)
    lease = await hosted(storage)
    row_id = await claimed(storage, lease)
    await written(storage, lease, lambda run: run.finish(row_id, InboxOutcome.SPOKEN))
    await written(storage, lease, lambda run: run.finish(row_id, InboxOutcome.SPOKEN))
    found = await data(storage)
    assert found["person"] == {"id": "ann", "name": "Ann"}
    assert (found["turn_id"], found["outcome"], found["text"]) == (row_id, "spoken", "Hello")


@pytest.mark.parametrize("outcome", sorted({*InboxOutcome} - {InboxOutcome.SPOKEN, InboxOutcome.INTERRUPTED}))
async def test_what_was_not_heard_never_leaves(storage: Storage, outcome: InboxOutcome) -> None:
    await listening(storage)
    lease = await hosted(storage)
    row_id = await claimed(storage, lease)
    await written(storage, lease, lambda run: run.finish(row_id, outcome))
    assert "turn.spoken" not in await told(storage)


async def test_a_final_utterance_says_that_it_is_generated(storage: Storage) -> None:
    await listening(storage, EventType.UTTERANCE_FINAL)
    lease = await hosted(storage)
    await written(
        storage,
        lease,
        lambda run: run.save(utterance("u", "Hi", final=False)),
        lambda run: run.save(utterance("u", "")),
        lambda run: run.save(utterance("u", "Hi there.")),
    )
    found = await data(storage)
    assert (found["speaker"], found["text"], found["utterance_id"]) == ("avatar", "Hi there.", "u")
    assert found["digitalSourceType"] == DIGITAL_SOURCE_TYPE


async def test_nothing_is_kept_where_nobody_listens(storage: Storage) -> None:
    await listening(storage, scope=PlaceScope((ConversationRef("room", "W1", "elsewhere"),)))
    await storage.hooks.listen("reader", PlaceScope((ConversationRef("room", "W1", "s"),)), NOON)
    lease = await hosted(storage)
    await written(storage, lease, lambda run: run.become(SessionStatus.LIVE), lambda run: run.save(utterance()))
    assert await told(storage) == []
    assert await storage.hooks.since("", 10) == []


async def test_a_run_that_lost_its_session_tells_nothing(storage: Storage) -> None:
    await listening(storage, EventType.SESSION_LIVE)
    await hosted(storage)
    with pytest.raises(LeaseLost):
        await written(storage, Lease("s", "w", 7), lambda run: run.become(SessionStatus.LIVE))
    assert await told(storage) == []


async def test_what_is_undone_is_not_told(storage: Storage) -> None:
    await listening(storage, EventType.SESSION_LIVE)
    lease = await hosted(storage)

    def fails(_: object) -> Any:
        raise ValueError("undecided")

    with pytest.raises(ValueError, match="undecided"):
        await written(storage, lease, lambda run: run.become(SessionStatus.LIVE), lambda run: run.settle(fails))
    assert await told(storage) == []


async def test_each_hook_has_its_own_copy_to_take(storage: Storage) -> None:
    await listening(storage, EventType.SESSION_LIVE)
    await listening(storage, EventType.SESSION_LIVE, id_="other")
    await written(storage, await hosted(storage), lambda run: run.become(SessionStatus.LIVE))
    (mine,), (theirs,) = await due(storage), await due(storage, "other")
    assert mine.event == theirs.event
    await storage.hooks.settled("hook", mine.event.id)
    assert (await told(storage), await told(storage, "other")) == ([], ["session.live"])


async def test_whoever_waits_is_woken_where_somebody_listens(storage: Storage) -> None:
    lease = await hosted(storage)
    with storage.outbox.joined() as wakeup:
        await written(storage, lease, lambda run: run.become(SessionStatus.LIVE))
        assert not wakeup.is_set()
        await listening(storage)
        await written(storage, lease, lambda run: run.save(utterance()))
        assert wakeup.is_set()


# ---------------------------------------------------------------- what waits


async def one_due(storage: Storage) -> str:
    await listening(storage, EventType.SESSION_LIVE)
    await written(storage, await hosted(storage), lambda run: run.become(SessionStatus.LIVE))
    (only,) = await due(storage)
    return only.event.id


async def test_what_is_put_off_is_due_then(storage: Storage, clock: ManualClock) -> None:
    event_id = await one_due(storage)
    await storage.hooks.put_off("hook", event_id, NOON + timedelta(seconds=5), "answered 500")
    assert await due(storage) == []
    clock.advance(5)
    (again,) = await due(storage)
    assert (again.event.id, again.attempts, again.reason) == (event_id, 1, "answered 500")
    assert await storage.hooks.due("hook", 10, [event_id]) == []


async def test_what_waits_is_counted_up_to_a_bound(storage: Storage) -> None:
    event_id = await one_due(storage)
    await written(storage, Lease("s", "w", 1), lambda run: run.become(SessionStatus.LIVE))
    assert [await storage.hooks.waiting("hook", most) for most in (1, 2, 9)] == [1, 2, 2]
    await storage.hooks.put_off("hook", event_id, None, "answered 500")
    assert await storage.hooks.waiting("hook", 9) == 1


async def test_a_dead_letter_is_listed_and_tried_anew(storage: Storage) -> None:
    event_id = await one_due(storage)
    await storage.hooks.put_off("hook", event_id, None, "answered 500")
    (dead,) = await storage.hooks.failed(10)
    assert (dead.event.id, dead.reason, await due(storage)) == (event_id, "answered 500", [])
    assert await storage.hooks.retry(hook_id="other") == 0
    assert await storage.hooks.retry(event_id=event_id) == 1
    (again,) = await due(storage)
    assert (again.event.id, again.attempts) == (event_id, 0)


async def test_a_disabled_hook_hears_nothing_until_it_is_retried(storage: Storage) -> None:
    await one_due(storage)
    await storage.hooks.disable("hook", "answered 410")
    lease = Lease("s", "w", 1)
    await written(storage, lease, lambda run: run.become(SessionStatus.LIVE))
    assert (await due(storage), len(await storage.hooks.failed(10))) == ([], 1)
    (hook,) = await storage.hooks.everything()
    assert hook.disabled == "answered 410"
    assert await storage.hooks.retry("hook") == 1
    await written(storage, lease, lambda run: run.become(SessionStatus.LIVE))
    assert await told(storage) == ["session.live"] * 2


async def test_a_removed_hook_takes_what_waits_with_it(storage: Storage) -> None:
    await one_due(storage)
    assert await storage.hooks.remove("hook")
    assert not await storage.hooks.remove("hook")
    assert (await due(storage), await storage.hooks.failed(10), await storage.hooks.everything()) == ([], [], [])


# ---------------------------------------------------------------- reading along


async def test_a_reader_is_kept_what_happens_in_its_places(storage: Storage, clock: ManualClock) -> None:
    await storage.hooks.listen("reader", HERE, NOON + DAY)
    lease = await hosted(storage)
    await start(storage, "elsewhere")
    clock.advance(1)
    await written(storage, lease, lambda run: run.become(SessionStatus.LIVE))
    first, second = await storage.hooks.since("", 10)
    assert (first.type, second.type) == ("session.started", "session.live")
    assert await storage.hooks.since(first.id, 10) == [second]
    assert first.place == ConversationRef("room", "W1", "s")
    assert await storage.hooks.everything() == []
    assert not await storage.hooks.remove("reader")
    clock.advance(DAY.total_seconds())
    await written(storage, lease, lambda run: run.become(SessionStatus.LIVE))
    assert len(await storage.hooks.since("", 10)) == 2


async def test_a_reader_sees_no_other_workspaces(storage: Storage) -> None:
    everywhere = PlaceScope((ConversationRef("room", "W1", "*"), ConversationRef("room", "W2", "*")))
    await storage.hooks.listen("reader", everywhere, NOON + DAY)
    await start(storage, "s")
    await start(storage, "theirs", ConversationRef("room", "W2", "C1"))
    assert len(await storage.hooks.since("", 10)) == 2
    (mine,) = await storage.hooks.since("", 10, {("room", "W1")})
    assert mine.place.workspace_id == "W1"
    assert len(await storage.hooks.since("", 10, {("room", "W1"), ("room", "W2")})) == 2
    assert await storage.hooks.since("", 10, {("chat", "W1")}) == []


async def test_a_reader_that_comes_back_is_kept_longer(storage: Storage, clock: ManualClock) -> None:
    await storage.hooks.listen("reader", HERE, NOON + DAY)
    await storage.hooks.listen("reader", HERE, NOON + 3 * DAY)
    clock.advance(2 * DAY.total_seconds())
    await start(storage, "s")
    assert len(await storage.hooks.since("", 10)) == 1


# ---------------------------------------------------------------- forgetting


async def test_what_nobody_waits_for_is_forgotten(storage: Storage, clock: ManualClock) -> None:
    event_id = await one_due(storage)
    await storage.hooks.listen("reader", HERE, NOON)
    clock.advance(2 * DAY.total_seconds())
    assert await storage.hooks.forget_older(DAY) == 0
    await storage.hooks.settled("hook", event_id)
    assert await storage.hooks.forget_older(3 * DAY) == 0
    assert await storage.hooks.forget_older(DAY) == 1
    assert await storage.hooks.since("", 10) == []


async def test_a_forgotten_session_takes_what_waits_with_it(storage: Storage) -> None:
    await listening(storage)
    await written(storage, await hosted(storage), lambda run: run.end(EndReason.STOPPED))
    assert await storage.sessions.forget(["s"]) == 1
    assert (await due(storage), await storage.hooks.since("", 10)) == ([], [])


async def test_a_forgotten_person_takes_their_words_with_them(storage: Storage) -> None:
    await listening(storage, EventType.TURN_SPOKEN, EventType.UTTERANCE_FINAL)
    lease = await hosted(storage)
    row_id = await claimed(storage, lease, "My secret")
    aloud = UtteranceRecord("u1", "p", row_id, Speaker.USER, "My secret", True, False, NOON, NOON)
    await written(
        storage,
        lease,
        lambda run: run.finish(row_id, InboxOutcome.SPOKEN),
        lambda run: run.save(aloud),
        lambda run: run.save(utterance("u2", "I keep it.")),
    )
    assert len(await due(storage)) == 3
    await storage.transcripts.forget_person(ConversationRef("room", "W1", ""), ANN.id)
    assert (await data(storage))["text"] == "I keep it."


async def test_two_that_write_at_once_are_both_told(storage: Storage) -> None:
    await listening(storage, EventType.UTTERANCE_FINAL)
    lease = await hosted(storage)
    await asyncio.gather(
        *(written(storage, lease, lambda run, n=n: run.save(utterance(f"u{n}"))) for n in range(5))  # type: ignore[misc]
    )
    assert len(set(await due_ids(storage))) == 5


async def due_ids(storage: Storage) -> list[str]:
    return [each.event.id for each in await due(storage)]
