"""Whatever is done to a storage, every implementation answers the same and is left with the same."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands.options import ChannelSettings
from bot.domain.api_tokens import ApiToken
from bot.domain.conversations import (
    ConversationRef,
    Inbound,
    Membership,
    MessageEdited,
    MessagePosted,
    MessageRef,
    Person,
    ReplyTo,
    Role,
)
from bot.domain.errors import AvatarbotError
from bot.domain.hook_events import EventType, PlaceScope
from bot.domain.posts import Opened
from bot.domain.sessions import EndReason, Outlook, SessionSpec, SessionStatus, Shown
from bot.ports.grants import Scope
from bot.ports.room import RoomCredentials
from bot.ports.storage import Storage
from bot.ports.storage.hooks import HookRecord
from bot.ports.storage.records import (
    SAY,
    Conclusion,
    InboxOutcome,
    Lease,
    NewRow,
    PostRecord,
    ProcessProfile,
    SessionRecord,
    VoicePlace,
)
from bot.ports.storage.transactions import AdmissionQuery, Admitted, FencedWrites, NewSession, Settlement
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import KINDS, NOON, Open
from tests.contract.storage.seeds import utterance

CHANNEL = ConversationRef("fake", "W1", "C1")
PLACES = (CHANNEL, CHANNEL.in_thread("t1"), ConversationRef("fake", "W1", "C2"), ConversationRef("fake", "W2", "C1"))
PEOPLE = (Person("ann", "Ann", Membership.MEMBER), Person("ben", "Ben", Membership.ADMIN), Person("", ""))
SESSIONS, WORKERS, ROWS = ("s0", "s1", "s2"), ("A", "B"), range(4)
LIVE, RECONNECTING, STOPPING = SessionStatus.LIVE, SessionStatus.RECONNECTING, SessionStatus.STOPPING
"""What a run becomes; it ends and rests by methods of their own."""
AGES = (timedelta(0), timedelta(seconds=20), timedelta(days=1))
HOUR = timedelta(hours=1)
MANY = "SOAK" in os.environ

session_ids, places, people = st.sampled_from(SESSIONS), st.sampled_from(PLACES), st.sampled_from(PEOPLE)
numbers, workers, ages = st.sampled_from(ROWS), st.sampled_from(WORKERS), st.sampled_from(AGES)


@dataclass
class World:
    """One storage, its clock, and the leases that it gave out."""

    storage: Storage
    clock: ManualClock
    leases: dict[str, list[Lease]] = field(default_factory=dict)

    async def admit(self, **what: Any) -> object:
        return await self.storage.admit(AdmissionQuery, lambda _: Admitted(**what))

    async def fenced(self, session_id: str, newest: bool, *writes: Callable[[FencedWrites], Any]) -> object:
        given_out = self.leases.get(session_id)
        if not given_out:
            return None
        async with self.storage.fenced(given_out[-1 if newest else 0]) as run:
            pending = [write(run) for write in writes]
        return [each.value for each in pending if each]


Step = Callable[[World], Awaitable[object]]


def row(number: int, session_id: str, place: ConversationRef, person: Person, verb: str = SAY) -> NewRow:
    ref = MessageRef(place, f"m{number}") if verb == SAY else None
    reply_to = ReplyTo(place, person, "handle", NOON + HOUR, 5) if number % 2 else None
    inbound = Inbound(f"e{number}", number, place, person, MessagePosted("Hello", ref), reply_to)
    return NewRow(f"row{number}", session_id, inbound, verb, {"text": f"Hello {number}"}, ref, Role.MEMBER)


def settled(unfinished: Sequence[Any]) -> Settlement:
    return Settlement([Conclusion(each.id, InboxOutcome.UNHEARD, "Say it again.") for each in unfinished])


async def claim(world: World, worker: str, room: int) -> object:
    """In no particular order."""
    leases = await world.storage.workers.claim(worker, room=room)
    for lease in leases:
        world.leases.setdefault(lease.session_id, []).append(lease)
    return sorted(leases, key=lambda lease: lease.session_id)


async def pass_time(world: World, seconds: int) -> None:
    world.clock.advance(seconds)


async def claim_turn(world: World, session_id: str, newest: bool) -> object:
    waiting = await world.storage.inbox.waiting_turns(session_id)
    if not waiting:
        return None
    return await world.fenced(
        session_id,
        newest,
        lambda run: run.claim_turn(waiting[0], "p0", "Ann: Hello", place=PLACES[0], settings=ChannelSettings()),
    )


async def ask_to_end(world: World, session_id: str, number: int) -> object:
    def stop(session: SessionRecord) -> NewRow:
        return row(number, session.id, session.place, PEOPLE[0], "stop")

    asked = await world.storage.sessions.ask_to_end([session_id], EndReason.STOPPED, stop)
    return [session.id for session in asked]


async def came_to_be(world: World, number: int) -> None:
    """Where it is known that it was intended."""
    unclosed = [row.id for s in SESSIONS for row in await world.storage.provider_sessions.unclosed(s)]
    if f"p{number}" in unclosed:
        credentials = RoomCredentials("app", "channel", "7", "token", account="key" if number % 2 else "")
        await world.storage.unfenced.opened(f"p{number}", f"akool{number}", credentials)


async def hooked(world: World, number: int, place: ConversationRef) -> None:
    hook = HookRecord(
        f"hook{number}", "https://a.example/", "whsec_a", frozenset(EventType), PlaceScope((place,)), NOON
    )
    await world.storage.hooks.add(hook)


async def delivered(world: World, number: int, taken: bool) -> object:
    """What comes first to a hook is taken, or not."""
    hook = f"hook{number}"
    first = await world.storage.hooks.due(hook, 1)
    for each in first:
        if taken:
            await world.storage.hooks.settled(hook, each.event.id)
        else:
            await world.storage.hooks.put_off(hook, each.event.id, world.clock.at + HOUR, "answered 500")
    return [(each.event.type, each.attempts) for each in first]


def step(work: Callable[..., Any], *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    """`work(world, *args)`, with arguments drawn."""
    return st.builds(_Step, st.just(work), st.tuples(*args), st.just(work.__code__.co_firstlineno))


class _Step:
    """`work` stands in this line of this file, which is what is shown of it."""

    def __init__(self, work: Callable[..., Any], args: tuple[Any, ...], line: int) -> None:
        self.work = work
        self.args = args
        self.line = line

    def __repr__(self) -> str:
        return f"line {self.line} {self.args}"

    def __call__(self, world: World) -> Any:
        return self.work(world, *self.args)


def in_run(write: Callable[..., Any], *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    """`write(run, *args)` in a block of a run, the newest or the first that there was."""

    def work(world: World, session_id: str, newest: bool, *drawn: Any) -> Any:
        return world.fenced(session_id, newest, lambda run: write(run, *drawn))

    drawn = st.tuples(session_ids, st.sampled_from((True, True, True, False)), *args)
    return st.builds(_Step, st.just(work), drawn, st.just(write.__code__.co_firstlineno))


spec = SessionSpec("alma", "Alma")
rows = st.builds(row, numbers, session_ids, places, people, st.sampled_from((SAY, SAY, "stop", "set")))
outcomes = st.sampled_from([InboxOutcome.SPOKEN, InboxOutcome.DONE, InboxOutcome.UNHEARD, InboxOutcome.MODERATED])

names = st.sampled_from(("a", "b"))


def token(name: str) -> ApiToken:
    return ApiToken(name, PLACES[:2], ("say",), 30, NOON)


STEPS: st.SearchStrategy[Step] = st.one_of(
    step(lambda w, d, n: w.storage.tokens.add(d, token(n)), st.sampled_from(("d1", "d2")), names),
    step(lambda w, n: w.storage.tokens.revoke(n), names),
    step(lambda w, _: w.storage.tokens.everything(), st.none()),
    step(lambda w, d: w.storage.tokens.find(d), st.sampled_from(("d1", "d2"))),
    step(lambda w, n: w.storage.inbox.get(f"row{n}"), numbers),
    step(lambda w, n, p: w.storage.inbox.of_event(p, f"e{n}"), numbers, places),
    step(pass_time, st.sampled_from((1, 30, 4_000))),
    step(lambda w, s, p: w.admit(starts=[NewSession(s, p, "ann", "Ann", spec)]), session_ids, places),
    step(lambda w, each: w.admit(rows=[each]), rows),
    step(lambda w, s: w.admit(wakes={s: ("ben", 300)}, used={s}), session_ids),
    step(lambda w, s: w.admit(ends={s: EndReason.STOPPED}), session_ids),
    step(lambda w, p, n: w.admit(edits=[MessageEdited(MessageRef(p, f"m{n}"), "Edited")]), places, numbers),
    step(lambda w, p, n: w.admit(withdrawals=[MessageRef(p, f"m{n}")]), places, numbers),
    step(
        lambda w, a, lasts: w.storage.workers.enlist(a, ProcessProfile(), lasts=lasts),
        workers,
        st.sampled_from((timedelta(seconds=40), HOUR, None)),
    ),
    step(lambda w, a: w.storage.workers.renew(a, lasts=HOUR), workers),
    step(lambda w, a: w.storage.workers.dismiss(a), workers),
    step(claim, workers, st.integers(1, 2)),
    step(claim, workers, st.integers(1, 2)),
    in_run(lambda run, status: run.become(status), st.sampled_from((LIVE, RECONNECTING, STOPPING))),
    in_run(lambda run: run.end(EndReason.IDLE)),
    in_run(lambda run: run.rest()),
    in_run(lambda run: run.respecify(replace(spec, avatar_name="Noa"))),
    in_run(lambda run, p: run.open_thread(Opened(MessageRef(p, "card"), p.in_thread("t1"))), places),
    in_run(lambda run, p: run.move_card(MessageRef(p, "moved")), places),
    in_run(lambda run: run.charge("ben")),
    in_run(lambda run: run.be_heard(VoicePlace("lounge", "ben"))),
    in_run(lambda run: run.be_heard(None)),
    in_run(lambda run, note: run.show(Shown(note, Outlook("It ends.", NOON))), st.sampled_from(("", "Back."))),
    in_run(lambda run: run.settle(settled)),
    step(claim_turn, session_ids, st.booleans()),
    in_run(lambda run, n, outcome: run.finish(f"row{n}", outcome, "Told."), numbers, outcomes),
    in_run(lambda run, n: run.intend(f"p{n}", lambda standing: 1 + standing.reserved_s // 120), numbers),
    in_run(lambda run, n: run.abandon(f"p{n}"), numbers),
    in_run(lambda run, n: run.lost(f"p{n}"), numbers),
    in_run(lambda run, n: run.orphaned(f"p{n}"), numbers),
    in_run(lambda run, n: run.closing(f"p{n}"), numbers),
    in_run(
        lambda run, n, text, final: run.save(utterance(f"u{n}", text, final=final)),
        numbers,
        st.text(max_size=3),
        st.booleans(),
    ),
    in_run(lambda run, n: run.shown(f"u{n}"), numbers),
    in_run(
        lambda run, n, part: run.intend_post(PostRecord(f"u{n}", part, f"k{n}", "", NOON)), numbers, st.integers(0, 1)
    ),
    step(came_to_be, numbers),
    step(lambda w, n: w.storage.unfenced.closing(f"p{n}"), numbers),
    step(lambda w, n: w.storage.unfenced.closed(f"p{n}"), numbers),
    step(lambda w, n: w.storage.unfenced.expired(f"p{n}"), numbers),
    step(lambda w, n: w.storage.unfenced.given_up(f"p{n}"), numbers),
    step(lambda w, n: w.storage.unfenced.found(f"p{n}", f"found{n}"), numbers),
    step(lambda w, n: w.storage.unfenced.refuted(f"p{n}"), numbers),
    step(lambda w, n: w.storage.unfenced.ran_at_most(f"p{n}", 30), numbers),
    step(lambda w, age: w.storage.ledger.forget_older(age), ages),
    step(lambda w, n: w.storage.unfenced.posted(f"u{n}", 0, f"m{n}"), numbers),
    step(lambda w, s, a: w.storage.unfenced.released(Lease(s, a, 1)), session_ids, workers),
    step(lambda w, s: w.storage.sessions.put_to_rest(s, EndReason.EXPIRED), session_ids),
    step(ask_to_end, session_ids, numbers),
    step(lambda w, s: w.storage.sessions.forget([s]), session_ids),
    step(lambda w, age: w.storage.sessions.forget_older(age), ages),
    step(lambda w, n: w.storage.inbox.reply_sent(f"row{n}"), numbers),
    step(lambda w, p, who: w.storage.transcripts.forget_person(p, who.id), places, people),
    step(lambda w, p: w.storage.channels.save_settings(p, ChannelSettings(avatar=p.channel_id)), places),
    step(lambda w, yes: w.storage.channels.allow("fake", "W1", yes=yes), st.booleans()),
    step(
        lambda w, n, s, who: w.storage.grants.add(
            f"hash{n}", s, Scope.WATCH, who if who.id else None, w.clock.at + HOUR
        ),
        numbers,
        session_ids,
        people,
    ),
    step(hooked, numbers, places),
    step(lambda w, n: w.storage.hooks.remove(f"hook{n}"), numbers),
    step(lambda w, n: w.storage.hooks.disable(f"hook{n}", "gone"), numbers),
    step(lambda w, n: w.storage.hooks.retry(f"hook{n}"), numbers),
    step(lambda w, p: w.storage.hooks.listen("reader", PlaceScope((p,)), w.clock.at + HOUR), places),
    step(delivered, numbers, st.booleans()),
    step(lambda w, age: w.storage.hooks.forget_older(age), ages),
    step(lambda w, p, who: w.storage.grants.revoke_of_person(p, who.id or "ann"), places, people),
    step(lambda w, age: w.storage.grants.forget(ended_for=age), ages),
)


async def everything(storage: Storage) -> dict[str, object]:
    """What can be read; in order where the port promises one."""
    found: dict[str, object] = {
        "everywhere": await storage.sessions.everywhere(),
        "by status": dict(await storage.sessions.count_by_status()),
        "asleep": [sorted(await storage.sessions.asleep_for(age)) for age in AGES],
        "kept": await storage.sessions.kept(SESSIONS),
        "waits": [sorted(await storage.inbox.waiting_ids(worker)) for worker in WORKERS],
        "held": [await storage.workers.held(worker) for worker in WORKERS],
        "load": [await storage.workers.load(worker) for worker in WORKERS],
        "due": await storage.inbox.claim_replies(["fake"], 3, "looks", lasts=timedelta()),
        "leftovers": await storage.provider_sessions.leftovers(HOUR, HOUR),
        "running": await storage.provider_sessions.running(HOUR),
        "outcomes": dict(await storage.inbox.count_outcomes("fake", "W1", NOON, list(InboxOutcome))),
        "minutes": await storage.usage.minutes("fake", "W1", NOON),
        "unsettled": await storage.provider_sessions.unsettled(),
        "ledger": await storage.ledger.days(NOON),
        "others": await storage.workers.others_alive("A"),
        "owners": set(await storage.grants.owners()),
        "grants": [await storage.grants.find(f"hash{number}") for number in ROWS],
        "posts": [await storage.transcripts.posts_of(f"u{number}") for number in ROWS],
        "allowed": await storage.channels.allowed("fake", "W1"),
        "hooks": [(hook.id, hook.disabled) for hook in await storage.hooks.everything()],
        "events": sorted((each.type, each.body) for each in await storage.hooks.since("", 1_000)),
        "failed": sorted((each.event.body, each.reason) for each in await storage.hooks.failed(1_000)),
    }
    return (
        found
        | {s: await of_session(storage, s) for s in SESSIONS}
        | {str(p): await of_place(storage, p) for p in PLACES}
    )


async def of_session(storage: Storage, session_id: str) -> list[object]:
    return [
        await storage.sessions.get(session_id),
        await storage.sessions.past(session_id),
        await storage.inbox.waiting_turns(session_id),
        await storage.inbox.waiting_controls(session_id),
        await storage.inbox.authors(session_id),
        await storage.inbox.count_waiting(session_id),
        await storage.transcripts.of_session(session_id),
        await storage.transcripts.recent(session_id, 2),
        await storage.transcripts.given(session_id),
        await storage.transcripts.conversation(session_id, 3, "row0"),
        await storage.provider_sessions.unclosed(session_id),
        await storage.usage.of_session(session_id),
    ]


async def of_place(storage: Storage, place: ConversationRef) -> list[object]:
    return [
        sorted(session.id for session in await storage.sessions.in_channel(place)),
        await storage.sessions.in_workspace(place.platform, place.workspace_id),
        await storage.sessions.concerns(place, ended_within=HOUR),
        await storage.sessions.last_ended(place, ended_within=HOUR),
        await storage.sessions.talked_in(place, 2),
        await storage.usage.of_person(place, "ann"),
        await storage.usage.of_person(place, "ben"),
        await storage.transcripts.count_of_person(place, "ann"),
        await storage.channels.settings(place),
    ]


async def done(world: World, work: Step) -> object:
    """What a step answers, or how it fails; no two steps are at the same time."""
    world.clock.advance(0.001)
    try:
        return await work(world)
    except AvatarbotError as error:
        return type(error)


@settings(max_examples=300 if MANY else 6)
@given(steps=st.lists(STEPS, min_size=20, max_size=120 if MANY else 60))
def test_every_storage_answers_the_same(steps: list[Step]) -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            one, *others = [await opened(stack, kind(folder)) for kind in KINDS.values()]
            for work in steps:
                answer = await done(one, work)
                for other in others:
                    assert await done(other, work) == answer, (other.storage, work)
            left = await everything(one.storage)
            for other in others:
                assert await everything(other.storage) == left, other.storage

    asyncio.run(main())


async def opened(stack: contextlib.AsyncExitStack, kind: contextlib.AbstractContextManager[Open]) -> World:
    clock = ManualClock(NOON)
    return World(await stack.enter_async_context(stack.enter_context(kind)(clock)), clock)
