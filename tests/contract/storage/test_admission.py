"""Admission: what it is told, what it writes, and all of that in one transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest

from bot.commands.options import ChannelSettings
from bot.domain.conversations import ConversationRef, MessageEdited, MessageRef
from bot.domain.posts import Opened as CardOpened
from bot.domain.provider import Use
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage import Storage
from bot.ports.storage.records import ProcessProfile
from bot.ports.storage.repositories import OWN_ACCOUNT
from bot.ports.storage.transactions import AdmissionQuery, Admitted, NewSession, Situation
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.conftest import NOON
from tests.contract.storage.seeds import BEN, SPEC, accept, claim_turn, hosted, said, session, start, waiting

HERE = ConversationRef("room", "W1", "s")
ELSEWHERE = ConversationRef("room", "W2", "s")
NOTHING: Callable[[Situation], Admitted] = lambda _: Admitted()  # noqa: E731


async def told(storage: Storage, query: AdmissionQuery) -> Situation:
    seen: list[Situation] = []

    def decide(situation: Situation) -> Admitted:
        seen.append(situation)
        return Admitted()

    await storage.admit(lambda: query, decide)
    return seen[-1]


async def asleep(storage: Storage, session_id: str = "s") -> None:
    lease = await hosted(storage, session_id)
    async with storage.fenced(lease) as run:
        run.rest()
    await storage.unfenced.released(lease)


async def test_of_nothing_nothing_is_told(storage: Storage, clock: ManualClock) -> None:
    assert await told(storage, AdmissionQuery()) == Situation(clock.now())


async def test_what_was_accepted_before_is_known(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(1))
    asked = {("room", "W1", "e1"), ("room", "W1", "e2"), ("room", "W2", "e1")}
    situation = await told(storage, AdmissionQuery(events=frozenset(asked)))
    assert situation.known & asked == {("room", "W1", "e1")}


async def test_sessions_of_the_channel_are_told_until_they_end(storage: Storage) -> None:
    lease = await hosted(storage)
    query = AdmissionQuery(places=frozenset({HERE.in_thread("t"), ELSEWHERE}))
    assert [each.id for each in (await told(storage, query)).sessions] == ["s"]
    async with storage.fenced(lease) as run:
        run.end(EndReason.STOPPED)
    assert (await told(storage, query)).sessions == ()


async def test_sessions_can_be_asked_for_by_their_id(storage: Storage) -> None:
    await start(storage, "s")
    named = await told(storage, AdmissionQuery(named=frozenset({"s", "17"})))
    again = await told(storage, AdmissionQuery(earlier=frozenset({"s", "17"})))
    assert [each.id for each in named.sessions] == ["s"]
    assert again.sessions == ()
    assert again.earlier.keys() == {"s"}


async def test_the_last_session_that_ended_is_told_where_none_runs(storage: Storage, clock: ManualClock) -> None:
    async def ends(session_id: str, place: ConversationRef) -> None:
        await start(storage, session_id, place)
        (lease,) = await storage.workers.claim("w", room=1)
        async with storage.fenced(lease) as run:
            run.open_thread(opened_at(place))
            run.end(EndReason.STOPPED)

    await storage.workers.enlist("w", ProcessProfile(), lasts=None)
    for number in range(2):
        await ends(f"s{number}", HERE)
        clock.advance(1)
    query = AdmissionQuery(places=frozenset({HERE}), spoken_in=frozenset({HERE}), just_ended=timedelta(minutes=1))
    situation = await told(storage, query)
    assert {place: each.id for place, each in situation.ended.items()} == {HERE: "s1"}
    assert situation.earlier.keys() == {"s1"}
    clock.advance(120)
    thread = HERE.in_thread("t")
    late = await told(storage, replace(query, spoken_in=frozenset({HERE, thread})))
    assert late.ended.keys() == {thread}, "long ago only where it talked"
    await start(storage, "next", HERE)
    assert HERE not in (await told(storage, query)).ended


def opened_at(place: ConversationRef) -> CardOpened:
    return CardOpened(MessageRef(place, "card"), place.in_thread("t"))


async def test_settings_and_the_operators_word_are_told(storage: Storage) -> None:
    await storage.channels.save_settings(HERE, ChannelSettings(listening="channel"))
    await storage.channels.allow("room", "W1", yes=True)
    workspaces = frozenset({("room", "W1"), ("room", "W2")})
    situation = await told(storage, AdmissionQuery(places=frozenset({HERE, ELSEWHERE}), workspaces=workspaces))
    assert situation.settings == {HERE: ChannelSettings(listening="channel")}
    assert situation.allowed == {("room", "W1"): True, ("room", "W2"): None}


async def test_what_waits_to_be_spoken_is_counted_by_author(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(1), said(2), said(3, person=BEN), said(4, verb="stop"))
    situation = await told(storage, AdmissionQuery(places=frozenset({HERE})))
    assert situation.waiting == {("s", "ann"): 2, ("s", "ben"): 1}


async def test_who_pays_is_told_with_their_use_and_what_runs(storage: Storage) -> None:
    await start(storage, "s")
    await storage.vault.put("slack", "T9", OWN_ACCOUNT, b"key")
    situation = await told(storage, AdmissionQuery(payers=frozenset({(HERE, "ann"), (ELSEWHERE, "ann")})))
    assert situation.own_accounts == {("slack", "T9")}
    assert situation.used == {("room", "W1", "ann"): Use(held=600), ("room", "W2", "ann"): Use()}
    assert situation.running == {("room", "W1"): 1}


async def test_whoever_would_pay_for_waking_it_is_told(storage: Storage) -> None:
    query = AdmissionQuery(places=frozenset({HERE}), payers_if_asleep=frozenset({(HERE, "ann"), (ELSEWHERE, "ann")}))
    assert (await told(storage, query)).used == {}
    await asleep(storage)
    assert (await told(storage, query)).used.keys() == {("room", "W1", "ann")}


# ---------------------------------------------------------------- what is written


async def test_a_start_is_a_session_with_its_budget_set_aside(storage: Storage) -> None:
    await storage.admit(
        AdmissionQuery, lambda _: Admitted(starts=[NewSession("s", HERE, "ann", "Ann", SPEC)], rows=[said(1)])
    )
    found = await session(storage)
    assert (found.status, found.place, found.starter_name, found.payer_id) == (
        SessionStatus.STARTING,
        HERE,
        "Ann",
        "ann",
    )
    assert (found.spec, found.reserved_s, found.created_at, found.thread) == (SPEC, 600, NOON, None)
    assert [row.id for row in await waiting(storage)] == ["row1"]


async def test_two_sessions_in_one_place_are_none(storage: Storage) -> None:
    await start(storage, "s", HERE)
    with pytest.raises(Exception):  # noqa: B017, PT011 - a fault of whoever decides, and nothing is written
        await start(storage, "s2", HERE)
    assert await storage.sessions.get("s2") is None


async def test_whoever_wakes_it_pays(storage: Storage, clock: ManualClock) -> None:
    await asleep(storage)
    clock.advance(60)
    await storage.admit(AdmissionQuery, lambda _: Admitted(wakes={"s": ("ben", 300)}))
    found = await session(storage)
    assert (found.status, found.payer_id, found.reserved_s) == (SessionStatus.STARTING, "ben", 300)
    assert (found.slept_at, found.active_at) == (None, clock.now())


async def test_a_sleeper_that_ends_answers_what_ended_it(storage: Storage) -> None:
    await asleep(storage)
    row = said(1, verb="stop", handle="handle")
    await storage.admit(AdmissionQuery, lambda _: Admitted(rows=[row], ends={"s": EndReason.STOPPED}))
    found = await session(storage)
    assert (found.status, found.end_reason, found.ended_at) == (SessionStatus.ENDED, EndReason.STOPPED, NOON)
    assert [due.id for due in await storage.inbox.claim_replies(["room"], 10, "A", lasts=timedelta())] == ["row1"]


async def test_what_is_used_stays_awake(storage: Storage, clock: ManualClock) -> None:
    await start(storage, "s")
    clock.advance(60)
    await storage.admit(AdmissionQuery, lambda _: Admitted(rows=[said(1)]))
    assert (await session(storage)).active_at == NOON
    await storage.admit(AdmissionQuery, lambda _: Admitted(rows=[said(2)], used={"s"}))
    assert (await session(storage)).active_at == clock.now()


async def test_what_waits_is_edited_and_withdrawn_and_nothing_else(storage: Storage) -> None:
    lease = await hosted(storage)
    await accept(storage, said(1), said(2), said(3))
    (row, *_) = await waiting(storage)
    async with storage.fenced(lease) as run:
        claim_turn(run, row, "Hello")
    refs = [each.message for each in (said(1), said(2), said(3)) if each.message]
    edits = [MessageEdited(ref, "Good morning") for ref in refs[:2]]
    await storage.admit(AdmissionQuery, lambda _: Admitted(edits=edits, withdrawals=[refs[2]]))
    assert [(row.id, row.text) for row in await waiting(storage)] == [("row2", "Good morning")]
    assert [given.text for given in await storage.transcripts.given("s")] == ["Hello"]


async def test_a_decision_that_fails_writes_nothing(storage: Storage) -> None:
    def fails(_: Situation) -> NoReturn:
        raise ValueError("undecided")

    with pytest.raises(ValueError, match="undecided"):
        await storage.admit(AdmissionQuery, fails)
    await storage.admit(AdmissionQuery, NOTHING)


async def test_admissions_at_once_see_each_other(storage: Storage) -> None:
    await start(storage, "s")

    async def take(number: int) -> None:
        def decide(situation: Situation) -> Admitted:
            return Admitted() if situation.waiting else Admitted(rows=[said(number)])

        await storage.admit(lambda: AdmissionQuery(places=frozenset({HERE})), decide)

    await asyncio.gather(*map(take, range(5)))
    assert len(await waiting(storage)) == 1


async def test_it_is_asked_once_and_late(storage: Storage) -> None:
    came_in: list[ConversationRef] = []
    asked: list[int] = []

    def ask() -> AdmissionQuery:
        asked.append(len(came_in))
        return AdmissionQuery()

    admitting = asyncio.create_task(storage.admit(ask, NOTHING))
    came_in.append(HERE)  # before the transaction had a chance to begin
    await admitting
    assert asked == [1]
