"""AKOOL's avatar over a connection: its commands and their acknowledgements, its picture and sound, and its end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.domain.errors import CommandRefused, RoomError
from bot.domain.posts import Speaker
from bot.domain.sessions import Mode, ParamChanges, VoiceParams
from bot.ports.avatar import AvatarArrived, AvatarGone, FirstSent, Utterance
from bot.ports.room import ConnectionLost, LossReason, PeerJoined
from bot.testing.virtual_time import virtual
from tests.unit.akool.one_avatar import (
    AVATAR,
    Stay,
    ack,
    joined,
    now,
    part,
    picture,
    present,
    sound,
)

# ---------------------------------------------------------------- commands


@virtual
async def test_an_interrupt_overtakes_and_drops_what_is_unsent() -> None:
    async with present() as stay, asyncio.TaskGroup() as group:
        stay.connection.answer = ack
        saying = group.create_task(stay.avatar.say("turn", "word " * 10_000))
        await asyncio.sleep(0.5)
        sent, asked_at = len(stay.connection.sent), now()
        await stay.avatar.interrupt()
        assert now() == asked_at
        await saying
        await asyncio.sleep(10)
        assert stay.connection.commands == ["interrupt"]
        assert len(stay.connection.sent) == sent + 1


@virtual
async def test_an_interrupt_stops_the_writer_too() -> None:
    async def endless() -> AsyncIterator[str]:
        while True:
            yield "and so on "
            await asyncio.sleep(1)

    async with present() as stay, asyncio.TaskGroup() as group:
        stay.connection.answer = ack
        saying = group.create_task(stay.avatar.say("turn", endless()))
        await asyncio.sleep(2.5)
        await stay.avatar.interrupt()
        await saying
        assert stay.connection.messages[-1]["pld"] == {"cmd": "interrupt"}


@virtual
async def test_params_are_set_and_acknowledged() -> None:
    async with present() as stay:
        stay.connection.answer = ack
        await stay.avatar.set_params(ParamChanges(mode=Mode.RETELLING, voice=VoiceParams(speed=1.1)))
        assert stay.connection.messages[0]["pld"]["data"] == {"mode": 1, "vparams": {"speed": 1.1}}
        await stay.avatar.set_params(ParamChanges())
        assert len(stay.connection.sent) == 1


@virtual
async def test_an_acknowledgement_without_mid_is_matched_by_its_command() -> None:
    async with present() as stay:
        stay.connection.answer = lambda message: ack(message, mid=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(stay.avatar.interrupt())
            group.create_task(stay.avatar.set_params(ParamChanges(language="de")))
        assert sorted(stay.connection.commands) == ["interrupt", "set-params"]


@virtual
async def test_acknowledgements_of_others_are_not_ours() -> None:
    async with present() as stay:
        stay.connection.hear({"type": "command", "mid": "x", "pld": {"cmd": "interrupt", "code": 1000}})
        stay.connection.hear({"type": "command", "pld": {"cmd": "interrupt", "code": 1000}})
        await asyncio.sleep(1)
        stay.connection.answer = lambda message: ack({**message, "mid": "somebody else's"})
        with pytest.raises(CommandRefused):
            await stay.avatar.interrupt()


@virtual
async def test_no_acknowledgement_ends_a_speech() -> None:
    async with present() as stay:
        stay.connection.hear({"type": "command", "mid": "turn", "pld": {"cmd": "interrupt", "code": 1000}})
        text = "word " * 1000
        await stay.avatar.say("turn", text)
        assert stay.connection.spoken() == text


@virtual
async def test_a_lost_command_is_sent_once_more() -> None:
    async with present() as stay:
        stay.connection.answer = lambda message: ack(message) if len(stay.connection.sent) > 1 else None
        start = now()
        await stay.avatar.interrupt()
        assert now() - start == pytest.approx(1.5)
        assert stay.connection.commands == ["interrupt"] * 2
        assert len({message["mid"] for message in stay.connection.messages}) == 1


@virtual
async def test_without_an_acknowledgement_a_command_is_refused_after_five_seconds() -> None:
    async with present() as stay:
        start = now()
        with pytest.raises(CommandRefused, match="did not confirm"):
            await stay.avatar.interrupt()
        assert now() - start == pytest.approx(5)
        assert stay.connection.commands == ["interrupt"] * 2


@virtual
async def test_a_command_nobody_could_hear_is_not_sent_later() -> None:
    async with joined() as stay:
        with pytest.raises(CommandRefused):
            await stay.avatar.interrupt()
        stay.connection.happen(PeerJoined(AVATAR))
        await asyncio.sleep(1)
        assert stay.connection.sent == []


@virtual
async def test_a_refusal_keeps_its_code_for_the_log() -> None:
    async with present() as stay:
        stay.connection.answer = lambda message: ack(message, 1003)
        with pytest.raises(CommandRefused) as refused:
            await stay.avatar.set_params(ParamChanges(language="xx"))
        assert refused.value.detail == "set-params: 1003 no"


@virtual
async def test_settings_too_long_for_a_packet_are_refused() -> None:
    async with present() as stay:
        with pytest.raises(CommandRefused, match="too long"):
            await stay.avatar.set_params(ParamChanges(background_url="https://example.com/" + "x" * 1000))
        assert stay.connection.sent == []


@virtual
async def test_acting_returns_when_sent() -> None:
    async with present() as stay:
        await stay.avatar.act("hand_wave", "happiness")
        assert stay.connection.messages[0]["pld"] == {
            "cmd": "set-action",
            "data": {"action": "hand_wave", "expression": "happiness"},
        }


# ---------------------------------------------------------------- picture and sound


@virtual
async def test_picture_and_sound_pass_while_watched() -> None:
    async with joined() as stay:
        await stay.avatar.request_key_frame()
        await stay.avatar.watch(on=True)
        stay.connection.happen(PeerJoined(AVATAR), picture(key=True), sound())
        await asyncio.sleep(1)
        await stay.avatar.request_key_frame()
        await stay.avatar.watch(on=False)
        assert stay.told == [AvatarArrived(), picture(key=True), sound()]
        assert stay.connection.watched == [AVATAR, None]
        assert stay.connection.key_frames == [AVATAR]


# ---------------------------------------------------------------- the end


@virtual
async def test_losing_the_connection_is_the_last_event() -> None:
    async with present() as stay:
        saying = asyncio.create_task(stay.avatar.say("turn", "word " * 10_000))
        interrupting = asyncio.create_task(stay.avatar.set_params(ParamChanges(language="de")))
        await asyncio.sleep(1)
        stay.connection.happen(ConnectionLost(LossReason.THROWN_OUT, "same uid"))
        with pytest.raises(RoomError):
            await saying
        with pytest.raises(CommandRefused):
            await interrupting
        assert stay.told == [FirstSent("turn"), AvatarGone(LossReason.THROWN_OUT, "same uid")]
        with pytest.raises(RoomError):
            await stay.avatar.say("next", "Hello")


@virtual
async def test_a_seat_that_breaks_is_lost() -> None:
    async with present() as stay:
        stay.connection.events_error = RoomError("The room is broken.", "native error 9")
        stay.connection.hang_up()
        await asyncio.sleep(1)
        assert stay.told == [AvatarGone(LossReason.ERROR, "native error 9")]


@virtual
async def test_a_bug_in_a_seat_is_raised_to_whoever_listens() -> None:
    stay = Stay()
    await stay.avatar.join()
    stay.connection.events_error = ZeroDivisionError("a bug")
    stay.connection.hang_up()
    with pytest.raises(ExceptionGroup):
        await stay.listen()
    await stay.avatar.leave()


@virtual
async def test_a_refused_packet_fails_only_its_own_message() -> None:
    async with present() as stay:
        stay.connection.send_error = RoomError("The room refused a packet.")
        with pytest.raises(RoomError, match="refused a packet"):
            await stay.avatar.say("turn", "word " * 10_000)
        with pytest.raises(CommandRefused, match="refused a packet"):
            await stay.avatar.interrupt()
        stay.connection.send_error = None
        await stay.avatar.say("next", "Hello")
        assert stay.connection.spoken("next") == "Hello"
        assert stay.connection.spoken("turn") == ""


@virtual
async def test_leaving_twice_or_before_joining_is_safe() -> None:
    stay = Stay()
    await stay.avatar.leave()
    await stay.listen()
    async with joined() as other:
        await asyncio.gather(other.avatar.leave(), other.avatar.leave())
    assert other.connection.times_left == 3


@virtual
async def test_a_failed_join_is_reported_and_can_be_left() -> None:
    stay = Stay()
    stay.connection.join_error = RoomError("No room.")
    with pytest.raises(RoomError):
        await stay.avatar.join()
    await stay.avatar.leave()


@virtual
async def test_leaving_ends_an_utterance_under_way_without_a_word() -> None:
    async with present() as stay:
        stay.connection.hear(part("unfinished"))
        await asyncio.sleep(1)
    assert stay.told == [Utterance("turn", Speaker.BOT, "unfinished", final=False)]
    await asyncio.sleep(20)
    assert stay.avatar._events.empty()
