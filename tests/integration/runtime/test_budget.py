"""What people may spend: reserved at the start, given back when it was not used."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from adapters.simulator.faults import Fault
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import Accepted, ConversationRef, Membership, Person, Refused
from bot.domain.provider import Use
from bot.domain.sessions import EndReason, SessionStatus
from bot.runtime.status_card import ENDINGS
from bot.testing.chat import ANN, CHANNEL
from tests.world_fixture import QUICK, Stack, on_stack

BOB = Person("bob", "Bob", Membership.MEMBER)
FIFTEEN = Policy(Limits(person_minutes=15))


@on_stack(QUICK, FIFTEEN)
async def test_only_what_was_used_counts(stack: Stack) -> None:
    async with stack.serving():
        for _ in range(3):
            assert isinstance(await stack.room.command("start", minutes="10"), Accepted)
            await stack.live()
            await asyncio.sleep(120)
            await stack.room.command("stop")
            await stack.ended()


@on_stack(QUICK, FIFTEEN)
async def test_the_last_minutes_of_the_day_are_bought_exactly(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="10")
        await stack.live()
        for _ in range(20):
            await stack.room.say("Still here", stack.room.thread)
            await asyncio.sleep(60)
            if stack.room.card.status is SessionStatus.ENDED:
                break
        assert stack.room.card.status is SessionStatus.ENDED
        assert "used up" in stack.room.card.note
        minutes = [session.booking.duration / 60 for session in reversed(list(stack.simulator.sessions))]
        assert minutes[0] == 10
        assert sum(minutes) <= 16
        refused = await stack.room.command("start")
    assert isinstance(refused, Refused)
    assert "for today" in refused.sentence


@on_stack(QUICK, FIFTEEN)
async def test_what_akool_certainly_refused_spends_nothing(stack: Stack) -> None:
    async with stack.serving() as service:
        for times in range(1, 7):
            stack.simulator.faults.queue("session/create", Fault(code=1006))
            assert isinstance(await stack.room.command("start", minutes="10"), Accepted)
            await stack.until(lambda times=times: len(stack.room.answers()) == times)  # type: ignore[misc]
            await asyncio.sleep(1)
        assert await service.services.storage.usage.of_person(CHANNEL, ANN.id) == Use()
        assert isinstance(await stack.room.command("start", minutes="10"), Accepted)
        await stack.live()


@on_stack(replace(QUICK, concurrency=1), Policy(Limits(provider_minutes=5, person_minutes=15)))
async def test_one_slot_gives_as_long_a_day_as_two(stack: Stack) -> None:
    """Each renewal is refused once, since the old one still runs; that attempt costs nobody anything."""
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        for _ in range(20):
            await stack.room.say("Still here", stack.room.thread)
            await asyncio.sleep(60)
        assert stack.room.card.status is SessionStatus.ENDED
    opened = [session.booking.duration / 60 for session in stack.simulator.sessions]
    assert 14 <= sum(opened) <= 16


@on_stack(QUICK, FIFTEEN)
async def test_what_nobody_knows_counts_as_if_it_had_run(stack: Stack) -> None:
    async with stack.serving() as service:
        stack.simulator.faults.queue("session/create", Fault(hang=40.0))
        stack.simulator.faults.queue("session/list", *[Fault(code=1009)] * 100)
        await stack.room.command("start", minutes="10")
        await stack.ended()
        assert await service.services.storage.usage.of_person(CHANNEL, ANN.id) == Use(used=600)
        stack.simulator.faults.clear()
        await asyncio.sleep(150)
        assert await service.services.storage.usage.of_person(CHANNEL, ANN.id) == Use()


@on_stack(QUICK)
async def test_a_workspace_that_is_no_longer_allowed_is_not_renewed(stack: Stack) -> None:
    async with stack.serving() as service:
        await stack.room.command("start", minutes="5")
        await stack.live()
        await service.services.storage.channels.allow("fake", "W1", yes=False)
        for _ in range(6):
            await stack.room.say("Still here", stack.room.thread)
            await asyncio.sleep(55)
        assert stack.room.card.status is SessionStatus.ENDED
        assert stack.room.card.note == ENDINGS[EndReason.NOT_ALLOWED]


@on_stack(QUICK, Policy(Limits(sessions=1)))
async def test_one_more_session_than_the_limit_is_refused(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        refused = await stack.room.command("start", place=ConversationRef("fake", "W1", "C2"))
    assert isinstance(refused, Refused)
    assert "limit" in refused.sentence


@on_stack(QUICK, Policy(Limits(person_minutes=10, sleep_after=timedelta(minutes=2))))
async def test_whoever_wakes_it_pays(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="8")
        await stack.live()
        for _ in range(5):
            await stack.room.say("Still here", stack.room.thread)
            await asyncio.sleep(80)
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING, within=300)
        await stack.room.say("Wake up!", stack.room.thread, BOB)
        await stack.until(lambda: len(stack.hosted) == 1)
        for _ in range(6):
            await stack.room.say("And on", stack.room.thread, BOB)
            await asyncio.sleep(80)
        assert stack.room.card.status is SessionStatus.LIVE


@on_stack(QUICK, Policy(Limits(person_minutes=10)))
async def test_whoever_keeps_it_going_pays_for_what_comes(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="8")
        await stack.live()
        assert isinstance(await stack.room.command("keep-going", stack.room.thread, BOB), Accepted)
        for _ in range(9):
            await stack.room.say("Still here", stack.room.thread)
            await asyncio.sleep(80)
        assert stack.room.card.status is SessionStatus.LIVE
