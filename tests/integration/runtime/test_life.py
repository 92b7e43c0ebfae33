"""Crash, take-over, renewal, sleep, and being thrown out."""

import asyncio
from dataclasses import replace

from adapters.simulator import Control, Fault, FaultScript, NetworkConditions
from bot.domain.conversations import Accepted, Membership, MessageRef, Person, Refused
from bot.domain.errors import PlaceGone, PlatformError, Throttled
from bot.domain.sessions import SessionStatus
from bot.ports.room import LossReason
from bot.ports.storage.records import LEFT
from bot.runtime.turns import UNHEARD
from bot.testing.chat import CHANNEL
from tests.world_fixture import QUICK, Stack, on_stack

BOB = Person("bob", "Bob", Membership.MEMBER)
SLOW = replace(QUICK, pace=15.0)


@on_stack(SLOW)
async def test_a_session_survives_a_crash_in_its_room(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1 and len(stack.room.lines) == 1)
        stack.crash()
    assert len(stack.hosted) == 1
    async with stack.serving():
        await stack.until(lambda: UNHEARD in stack.room.answers())
        await stack.room.say("What time is it?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 2)
    assert len(list(stack.simulator.sessions)) == 1
    assert "[connection lost]" in stack.room.finals[0]
    assert stack.spoken.count("Ann: Who are you?") == 1


@on_stack()
async def test_what_is_written_while_nobody_runs_it_is_spoken_afterwards(stack: Stack) -> None:
    async with stack.serving(hand_over=True):
        await stack.room.command("start")
        await stack.live()
    async with stack.serving() as service:
        outcome = await stack.room.say("Hello", stack.room.thread)
        assert isinstance(outcome, Accepted)
        assert service.worker.lease.id
        await stack.until(lambda: len(stack.room.finals) == 1)


@on_stack()
async def test_a_provider_session_is_renewed_while_somebody_talks(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        for number in range(5):
            await stack.room.say(f"Number {number}?", stack.room.thread)
            await asyncio.sleep(20)
        await stack.until(lambda: len(stack.room.finals) == 5)
        assert len(stack.hosted) == 1
        assert len(list(stack.simulator.sessions)) >= 2
    assert len(stack.spoken) == 5


@on_stack(replace(QUICK, concurrency=1))
async def test_one_slot_closes_the_old_before_creating_the_new(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        await asyncio.sleep(70)
        await stack.room.say("Still there?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(list(stack.simulator.sessions)) == 2


@on_stack(replace(QUICK, concurrency=1))
async def test_a_slot_that_frees_late_is_waited_for(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        stack.simulator.faults.queue("session/create", *[Fault(code=1215)] * 4)
        await asyncio.sleep(70)
        await stack.room.say("Still there?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(list(stack.simulator.sessions)) == 2


LATE = replace(QUICK, join_delay=10.0)
RENEWED_AFTER = 35
"""Seconds after its avatar came until a stretch of a minute is renewed."""


@on_stack(LATE)
async def test_people_are_heard_while_the_next_room_is_prepared(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        await asyncio.sleep(RENEWED_AFTER + 3)
        assert len(stack.hosted) == 2
        await stack.room.say("What time is it?", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1, within=1)
        await stack.until(lambda: len(stack.hosted) == 1, within=20)
        await stack.room.say("And now?", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 2, within=1)


@on_stack(LATE)
async def test_a_room_lost_during_renewal_is_replaced(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        await asyncio.sleep(RENEWED_AFTER + 3)
        stack.simulator.sessions.close(stack.hosted[-1].id)
        await asyncio.sleep(10)
        await stack.room.say("Still there?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(list(stack.simulator.sessions)) == 2


@on_stack(replace(LATE, pace=5.0))
async def test_rooms_change_after_the_current_utterance(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1", mode="retelling")
        await stack.live()
        await asyncio.sleep(RENEWED_AFTER - 8)
        await stack.room.say("a long word " * 10, stack.room.thread)
        await stack.until(lambda: len(stack.room.marked) == 1)
        assert len(stack.hosted) == 1


@on_stack(replace(LATE, pace=20.0))
async def test_an_avatar_lost_before_taking_over_is_replaced(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1", mode="retelling")
        await stack.live()
        await asyncio.sleep(RENEWED_AFTER - 10)
        await stack.room.say("word " * 280, stack.room.thread)
        await stack.until(lambda: len(stack.hosted) == 2)
        await asyncio.sleep(12)
        stack.simulator.sessions.close(stack.hosted[0].id)
        await stack.room.say("Are you back?", stack.room.thread, BOB)
        await stack.until(lambda: stack.spoken[-1] == "Are you back?")
        await asyncio.sleep(5)
    assert len(list(stack.simulator.sessions)) == 3
    assert stack.room.answers(BOB) == []


@on_stack()
async def test_silence_sends_it_to_sleep_until_a_message_comes(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING, within=700)
        assert stack.hosted == []
        assert any("5 minutes" in told for told in stack.room.notices)
        assert any("a minute" in told for told in stack.room.notices)
        outcome = await stack.room.say("Good morning", stack.room.thread)
        assert isinstance(outcome, Accepted)
        await stack.until(lambda: len(stack.room.finals) == 1)
        assert len(stack.hosted) == 1
        assert len(stack.room.cards) == 1


@on_stack()
async def test_keep_going_keeps_it_awake(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="30")
        await stack.live()
        await asyncio.sleep(9 * 60)
        await stack.room.command("keep-going", stack.room.thread)
        await asyncio.sleep(9 * 60)
        assert stack.room.card.status is SessionStatus.LIVE
        await stack.until(lambda: stack.room.card.status is SessionStatus.SLEEPING)


@on_stack()
async def test_an_evicted_connection_ends_the_session_before_closing_it(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        (hosted,) = stack.hosted
        intruder = stack.simulator.connect(hosted.client)
        await intruder.join()
        await stack.ended()
        assert "took its room" in stack.room.card.note
        assert stack.hosted == []
        await intruder.leave()


@on_stack()
async def test_a_place_that_is_gone_ends_its_session(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Hello", stack.room.thread)
        stack.room.faults["post"] = [PlaceGone("The channel was deleted.")]
        await stack.until(lambda: LEFT in stack.room.answers())
        assert stack.hosted == []
        assert not isinstance(await stack.room.say("Hello?", stack.room.thread), Accepted)


@on_stack()
async def test_its_starter_hears_once_that_the_place_is_gone(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.remove_channel(CHANNEL)
        await stack.until(lambda: not stack.hosted and LEFT in stack.room.answers())
        assert stack.room.answers().count(LEFT) == 1


@on_stack()
async def test_a_post_whose_answer_was_lost_is_not_posted_twice(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.room.late_faults["post"] = [PlatformError("The connection broke.")]
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(stack.room.lines) == 1


@on_stack()
async def test_a_throttled_platform_gets_every_final_in_the_end(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        stack.room.faults["post"] = [Throttled(3), Throttled(3)]
        stack.room.faults["edit"] = [Throttled(3)]
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(stack.room.lines) == 1


@on_stack(SLOW)
async def test_waiting_messages_can_be_edited_and_withdrawn(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", mode="retelling")
        await stack.live()
        await stack.room.say("The first one takes a while to say, since it is so very long.", stack.room.thread)
        await stack.room.say("Second", stack.room.thread)
        await stack.room.say("Third", stack.room.thread)
        waiting = [MessageRef(stack.room.thread, f"m{number}") for number in (3, 4)]
        await stack.room.edit_message(waiting[0], "Better")
        await stack.room.withdraw(waiting[1])
        await stack.until(lambda: len(stack.spoken) == 2)
        await asyncio.sleep(5)
    assert stack.spoken[1:] == ["Better"]


@on_stack()
async def test_an_absent_avatar_fails_the_start_with_a_sentence(stack: Stack) -> None:
    stack.simulator.sessions.join_delay = None
    async with stack.serving():
        await stack.room.command("start")
        await stack.ended()
    assert "did not come" in stack.room.answers()[0]
    assert stack.hosted == []


@on_stack()
async def test_stop_during_a_start_leaves_nothing_open(stack: Stack) -> None:
    stack.simulator.sessions.join_delay = 10
    async with stack.serving():
        await stack.room.command("start")
        await stack.until(lambda: bool(stack.hosted))
        await stack.room.command("stop")
        await stack.ended()
    assert stack.hosted == []


@on_stack()
async def test_a_broken_link_is_joined_again(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        (hosted,) = stack.hosted
        for connection in stack.simulator.rooms.connections(hosted.client.channel):
            if connection.uid == hosted.client.uid:
                connection.lose(LossReason.LOST)
        await asyncio.sleep(1)
        await stack.room.say("Hello", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(list(stack.simulator.sessions)) == 1


@on_stack()
async def test_a_lost_turn_end_does_not_block_the_next(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("First?", stack.room.thread)
        await stack.until(lambda: len(stack.room.lines) == 1)
        Control(stack.simulator).script(FaultScript(to_client=NetworkConditions(lose=1.0)))
        await asyncio.sleep(3)
        Control(stack.simulator).script(FaultScript(to_client=NetworkConditions()))
        await stack.room.say("Second?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 2, within=30)


@on_stack(SLOW)
async def test_a_room_lost_in_mid_turn_is_replaced(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", mode="retelling")
        await stack.live()
        await stack.room.say("word " * 200, stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 1)
        stack.simulator.sessions.close(stack.hosted[0].id)
        await stack.room.say("Are you back?", stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 2, within=60)
    assert stack.spoken[-1] == "Are you back?"


@on_stack()
async def test_an_avatar_that_walks_out_is_replaced(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        (hosted,) = stack.hosted
        for connection in stack.simulator.rooms.connections(hosted.client.channel):
            if connection.uid != hosted.client.uid:
                await connection.leave()
        await asyncio.sleep(40)
        await stack.room.say("Is anybody there?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
    assert len(list(stack.simulator.sessions)) == 2


@on_stack()
async def test_a_start_during_the_last_stop_must_wait(stack: Stack) -> None:
    stack.simulator.faults.queue("session/close", Fault(hang=3.0))
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await stack.room.command("stop")
        await asyncio.sleep(1)
        refused = await stack.room.command("start")
        assert isinstance(refused, Refused)
        assert "just leaving" in refused.sentence
        assert isinstance(await stack.room.say("Wait!", stack.room.thread), Refused)
        await stack.ended()
        assert isinstance(await stack.room.command("start"), Accepted)
