"""What the service does by itself: the reaper, sleepers, and forgetting."""

import asyncio
from datetime import timedelta

from adapters.agora.rooms import OwnRooms
from adapters.simulator import Fault
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.jobs.reaper import CLOSED_UNSEEN, CREATE_TAKES, LOOK_EVERY, SWEEP_EVERY, Reaper
from bot.ports.storage.records import Lease
from bot.runtime.provider_calls import TRIED_AGAIN
from bot.runtime.services import SessionTimeouts
from bot.runtime.status_card import ENDINGS
from tests.integration.queries.asking import ask
from tests.reachable import Reachable, store_of
from tests.world_fixture import Stack, on_stack

OURS = SessionTimeouts(account_is_ours=True)
SPEC = SessionSpec("sim_Alma_cardigan_1080P")


async def _foreign(stack: Stack) -> None:
    """Somebody else creates a session with the same key."""
    assert stack.service is not None
    await stack.service.services.provider.create(SPEC, 3600, "somebody-else")


@on_stack()
async def test_unknown_sessions_of_our_account_close_after_two_sweeps(stack: Stack) -> None:
    async with stack.serving(timeouts=OURS):
        await stack.room.command("start")
        await stack.live()
        await _foreign(stack)
        await asyncio.sleep(65)
        assert len(stack.hosted) == 2
        await stack.until(lambda: len(stack.hosted) == 1)
        assert stack.room.card.status is SessionStatus.LIVE


@on_stack()
async def test_one_that_cannot_be_closed_keeps_no_other_open(stack: Stack) -> None:
    async with stack.serving() as service:
        reaper = Reaper(service.services.storage, service.services.accounts, stack.clock, account_is_ours=True)
        for _ in range(2):
            await _foreign(stack)
        await reaper.sweep()
        stack.simulator.faults.queue("session/close", *[Fault(status=503)] * (len(TRIED_AGAIN) + 1))
        swept = await reaper.sweep()
        assert (len(swept.closed), swept.strangers) == (1, ())
        assert [each.id for each in stack.hosted] == list(swept.unclosed)
        assert (await reaper.sweep()).closed == swept.unclosed
    assert stack.hosted == []


@on_stack()
async def test_leftovers_of_ended_sessions_close_on_any_account(stack: Stack) -> None:
    """The answer to its `create` came after its end, from a process that was thought dead."""
    async with stack.serving() as service:
        await stack.room.command("start")
        await stack.live()
        services, session_id = service.services, stack.room.card.session_id
        late = await services.provider.create(SPEC, 600, "late")
        lease = Lease(session_id, service.worker.lease.id, 1)
        async with services.storage.fenced(lease) as run:
            run.intend("late", lambda _: 10)
        await stack.room.command("stop")
        await stack.ended()
        await services.storage.unfenced.opened("late", late.id, late.credentials)
        assert len(stack.hosted) == 1
        await stack.until(lambda: not stack.hosted)
        assert not await services.storage.provider_sessions.leftovers(timedelta(), timedelta())


@on_stack()
async def test_what_cannot_be_proven_ours_is_left_alone(stack: Stack) -> None:
    async with stack.serving():
        await _foreign(stack)
        await asyncio.sleep(300)
        assert len(stack.hosted) == 1


@on_stack()
async def test_while_something_is_being_created_nothing_is_judged(stack: Stack) -> None:
    """What a `create` made may be written down a moment later."""
    stack.simulator.faults.queue("session/create", Fault(hang=40.0, after_effect=True))
    async with stack.serving() as service:
        reaper = Reaper(service.services.storage, service.services.accounts, stack.clock, account_is_ours=True)
        await stack.room.command("start")
        await stack.until(lambda: len(stack.hosted) == 1)
        assert [(await reaper.sweep()).too_early for _ in range(3)] == [True] * 3
        await asyncio.sleep(CREATE_TAKES.total_seconds() + 1)
        swept = await reaper.sweep()
        assert (swept.too_early, len(swept.closed)) == (False, 1)
    assert stack.hosted == []


@on_stack()
async def test_who_could_not_look_does_not_say_that_nothing_ran(stack: Stack) -> None:
    """The database was away when the reaper asked whether the job is its own."""
    async with stack.serving(timeouts=OURS, kind=Reachable) as service:
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(65)  # a sweep has seen that all is well
        storage, lease = service.services.storage, Lease(stack.room.card.session_id, service.worker.lease.id, 1)
        async with storage.fenced(lease) as run:
            run.intend("gone", lambda _: 10)
            run.orphaned("gone")
        store_of(stack).away = True
        await asyncio.sleep(CREATE_TAKES.total_seconds() + 1)
        store_of(stack).away = False
        await asyncio.sleep(LOOK_EVERY + 1)
        booked = await storage.ledger.days(stack.clock.now() - timedelta(days=1))
        assert CREATE_TAKES <= sum((line.unknown for line in booked), timedelta()) < timedelta(minutes=1)


@on_stack()
async def test_what_may_have_run_between_two_looks_is_unknown(stack: Stack) -> None:
    """Nobody took over from who intended it before it could have closed it unseen."""
    async with stack.serving(timeouts=OURS) as service:
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(SWEEP_EVERY + LOOK_EVERY)  # a sweep has seen that all is well
        storage, lease = service.services.storage, Lease(stack.room.card.session_id, service.worker.lease.id, 1)
        async with storage.fenced(lease) as run:
            run.intend("gone", lambda _: 10)
        await asyncio.sleep(SWEEP_EVERY / 2)
        async with storage.fenced(lease) as run:
            run.orphaned("gone")
        await asyncio.sleep(SWEEP_EVERY)
        booked = await storage.ledger.days(stack.clock.now() - timedelta(days=1))
        unknown = sum((line.unknown for line in booked), timedelta())
        assert CLOSED_UNSEEN <= unknown <= timedelta(seconds=SWEEP_EVERY)


@on_stack()
async def test_a_room_named_after_our_session_is_ours(stack: Stack) -> None:
    """In rooms of our own Agora project; beside it runs a stranger in a room of somebody else's."""
    stack.own_room = OwnRooms("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210", stack.clock.now)
    async with stack.serving() as service:
        await stack.room.command("start")
        await stack.live()
        (session,) = stack.hosted
        await stack.room.command("stop")
        await stack.ended()
        lost = await service.services.provider.create(SPEC, 3600, session.client.channel)
        strange = await service.services.provider.create(SPEC, 3600, "somebody-else")
        await stack.until(lambda: len(stack.hosted) < 2, within=300)
        assert [each.id for each in stack.hosted] == [strange.id] != [lost.id]


@on_stack()
async def test_an_unwoken_sleeper_ends_and_its_card_says_so(stack: Stack) -> None:
    async with stack.serving(timeouts=SessionTimeouts(wake_within=timedelta(minutes=10))):
        await stack.room.command("start")
        await stack.live()
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING, within=1_200)
        await stack.until(lambda: stack.room.card.status is SessionStatus.ENDED, within=1_200)
    assert stack.room.card.note == ENDINGS[EndReason.IDLE]


@on_stack()
async def test_what_was_said_is_forgotten_in_time(stack: Stack) -> None:
    async with stack.serving(timeouts=SessionTimeouts(retention=timedelta(minutes=10))):
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        await stack.room.command("stop")
        await stack.ended()
        assert (await ask(stack, "transcript")).file is not None
        await asyncio.sleep(25 * 60)
        assert "No avatar has talked here yet" in (await ask(stack, "transcript")).text


@on_stack()
async def test_extending_asks_who_may_spend(stack: Stack) -> None:
    from bot.domain.conversations import Refused
    from tests.integration.queries.asking import ROOT

    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await ask(stack, "defaults access", person=ROOT, who="<@somebody>")
        outcome = await stack.room.command("extend", stack.room.thread)
    assert isinstance(outcome, Refused)
    assert "not among those" in outcome.sentence
