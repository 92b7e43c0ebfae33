"""What every avatar promises, whoever hosts it, in virtual time."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.domain.errors import CommandRefused, RoomError
from bot.domain.posts import Speaker
from bot.domain.sessions import Mode, ParamChanges, VoiceParams
from bot.ports.avatar import AvatarArrived, AvatarEvent, AvatarGone, AvatarLeft, FirstSent, Speaking, Utterance
from bot.ports.room import Codec, LinkDown, LinkUp, LossReason, TokenExpiring, VideoFrame
from bot.testing.virtual_time import virtual
from tests.contract.avatar.conftest import ARRIVES_AFTER, PACE, AvatarUnderTest, Kind, WholeAvatar

LONG = "This is a sentence that takes a while to say. " * 20
TAKES_S = len(LONG) / PACE
UID = "2"


@dataclass
class Stay:
    """We are in the avatar's room, and have heard this so far."""

    under_test: AvatarUnderTest
    told: list[AvatarEvent] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    @property
    def avatar(self) -> WholeAvatar:
        return self.under_test.avatar

    @property
    def utterances(self) -> list[Utterance]:
        return [event for event in self.told if isinstance(event, Utterance)]

    @property
    def finals(self) -> list[tuple[str, str]]:
        return [(u.id, u.text) for u in self.utterances if u.final and u.text]

    async def listen(self) -> None:
        async for event in self.avatar.events():
            if isinstance(event, FirstSent):
                self.sent.append(event.id)
            elif (
                not isinstance(event, VideoFrame) or event.data == PICTURE.data
            ):  # the simulated one is seen all the time
                self.told.append(event)


PICTURE = VideoFrame(UID, Codec.VP8, True, 2, 2, 0, b"a picture of the test's")


@asynccontextmanager
async def joined(kind: Kind) -> AsyncIterator[Stay]:
    async with kind() as under_test:
        stay = Stay(under_test)
        await stay.avatar.join()
        async with asyncio.TaskGroup() as group:
            group.create_task(stay.listen())
            try:
                yield stay
            finally:
                await stay.avatar.leave()


@asynccontextmanager
async def present(kind: Kind) -> AsyncIterator[Stay]:
    """The avatar has arrived."""
    async with joined(kind) as stay:
        await asyncio.sleep(2 * ARRIVES_AFTER)
        assert stay.told == [AvatarArrived()]
        stay.told.clear()
        yield stay


# ---------------------------------------------------------------- coming and going


@virtual
async def test_it_arrives_once(kind: Kind) -> None:
    async with joined(kind) as stay:
        assert stay.told == []
        await asyncio.sleep(10)
        assert stay.told == [AvatarArrived()]


@virtual
async def test_it_may_leave_and_come_back(kind: Kind) -> None:
    async with present(kind) as stay:
        stay.under_test.depart()
        await asyncio.sleep(1)
        stay.under_test.arrive()
        await asyncio.sleep(1)
        assert stay.told == [AvatarLeft(), AvatarArrived()]


@virtual
async def test_the_link_and_the_token_are_reported(kind: Kind) -> None:
    async with present(kind) as stay:
        stay.under_test.link_down()
        stay.under_test.link_up()
        stay.under_test.expire_token()
        await asyncio.sleep(1)
        assert stay.told == [LinkDown(), LinkUp(), TokenExpiring()]


# ---------------------------------------------------------------- what is said to it


@virtual
async def test_it_says_what_it_is_given_under_the_turns_id(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.say("turn-1", LONG)
        await asyncio.sleep(TAKES_S + 5)
        assert list(stay.under_test.given) == [LONG]
        assert stay.finals == [("turn-1", LONG)]


@virtual
async def test_what_it_says_grows_between_the_signs_of_its_voice(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.say("turn-1", LONG)
        await asyncio.sleep(TAKES_S + 5)
        first, *between, last = stay.told
        assert (first, last) == (Speaking("turn-1", on=True), Speaking("turn-1", on=False))
        texts = [event.text for event in between if isinstance(event, Utterance)]
        assert len(texts) == len(between) > 2
        assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(texts))
        assert {u.speaker for u in stay.utterances} == {Speaker.BOT}


@virtual
async def test_it_tells_once_that_a_text_is_being_sent(kind: Kind) -> None:
    async with present(kind) as stay:
        assert stay.sent == []
        await stay.avatar.say("turn-1", 3 * LONG)
        await asyncio.sleep(0)
        assert stay.sent == ["turn-1"]


@virtual
async def test_saying_returns_before_it_is_spoken(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.say("turn-1", LONG)
        assert stay.finals == []
        await asyncio.sleep(TAKES_S + 5)


@virtual
async def test_one_turn_is_spoken_after_the_other(kind: Kind) -> None:
    async with present(kind) as stay:
        for number in range(3):
            await stay.avatar.say(f"turn-{number}", f"Number {number}.")
        await asyncio.sleep(10)
        assert stay.finals == [(f"turn-{number}", f"Number {number}.") for number in range(3)]


@virtual
async def test_pieces_become_one_text(kind: Kind) -> None:
    async def written() -> AsyncIterator[str]:
        for piece in ("First. ", "", "Second. ", "Third."):
            yield piece
            await asyncio.sleep(1)

    async with present(kind) as stay:
        await stay.avatar.say("turn-1", written())
        await asyncio.sleep(10)
        assert list(stay.under_test.given) == ["First. Second. Third."]


@virtual
async def test_a_writer_that_fails_is_heard_so_far(kind: Kind) -> None:
    async def written() -> AsyncIterator[str]:
        yield "So far. "
        raise ZeroDivisionError

    async with present(kind) as stay:
        with pytest.raises(ZeroDivisionError):
            await stay.avatar.say("turn-1", written())
        await asyncio.sleep(10)
        assert list(stay.under_test.given) == ["So far. "]


@virtual
async def test_nothing_to_say_is_said_at_once(kind: Kind) -> None:
    async with joined(kind) as stay:
        await stay.avatar.say("turn-1", "")
        await asyncio.sleep(10)
        assert list(stay.under_test.given) == []


@virtual
async def test_what_is_said_before_it_arrives_waits(kind: Kind) -> None:
    async with joined(kind) as stay:
        await stay.avatar.say("turn-1", "Good morning.")
        assert stay.told[:1] == [AvatarArrived()]
        await asyncio.sleep(10)
        assert list(stay.under_test.given) == ["Good morning."]


@pytest.mark.parametrize(("gone", "back"), [("depart", "arrive"), ("link_down", "link_up")])
@virtual
async def test_what_would_be_lost_waits(kind: Kind, gone: str, back: str) -> None:
    async with present(kind) as stay, asyncio.TaskGroup() as group:
        getattr(stay.under_test, gone)()
        await asyncio.sleep(0.1)
        saying = group.create_task(stay.avatar.say("turn-1", "Good morning."))
        await asyncio.sleep(5)
        assert not saying.done()
        getattr(stay.under_test, back)()
        await saying
        await asyncio.sleep(10)
        assert list(stay.under_test.given) == ["Good morning."]


@virtual
async def test_a_turn_said_twice_at_once_is_said_once(kind: Kind) -> None:
    async with joined(kind) as stay, asyncio.TaskGroup() as group:
        group.create_task(stay.avatar.say("turn-1", "Hello."))
        await asyncio.sleep(0)
        with pytest.raises(ValueError, match="turn-1"):
            await stay.avatar.say("turn-1", "Hello.")
        await asyncio.sleep(10)
        assert list(stay.under_test.given) == ["Hello."]


@virtual
async def test_giving_up_a_reply_closes_its_writer(kind: Kind) -> None:
    closed: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "and so on "
                await asyncio.sleep(1)
        finally:
            closed.append("closed")

    async with present(kind) as stay:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await stay.avatar.say("turn-1", endless())
        assert closed == ["closed"]
        await asyncio.sleep(10)
        assert stay.finals == []


@virtual
async def test_what_it_says_unasked_has_its_own_id(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.say("turn-1", "Hello.")
        stay.under_test.speaks_itself("Welcome!")
        await asyncio.sleep(10)
        assert [text for _, text in stay.finals] == ["Hello.", "Welcome!"]
        assert len({id_ for id_, _ in stay.finals}) == 2


# ---------------------------------------------------------------- commands


@virtual
async def test_an_interrupt_stops_what_it_says(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.say("turn-1", LONG)
        await stay.avatar.say("turn-2", "Never said.")
        await asyncio.sleep(TAKES_S / 2)
        await stay.avatar.interrupt()
        await asyncio.sleep(TAKES_S + 5)
        ((id_, text),) = stay.finals
        assert id_ == "turn-1"
        assert 0 < len(text) < len(LONG)
        assert stay.told[-1] == Speaking("turn-1", on=False) or Speaking("turn-1", on=False) in stay.told


@virtual
async def test_an_interrupt_ends_saying_and_its_writer(kind: Kind) -> None:
    async def endless() -> AsyncIterator[str]:
        while True:
            yield "and so on "
            await asyncio.sleep(1)

    async with present(kind) as stay, asyncio.TaskGroup() as group:
        saying = group.create_task(stay.avatar.say("turn-1", endless()))
        await asyncio.sleep(2.5)
        await stay.avatar.interrupt()
        await saying


@virtual
async def test_parameters_are_changed_or_refused(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.set_params(ParamChanges(mode=Mode.RETELLING, voice=VoiceParams(speed=1.1)))
        await stay.avatar.set_params(ParamChanges())
        with pytest.raises(CommandRefused):
            await stay.avatar.set_params(ParamChanges(voice=VoiceParams(speed=3.0)))


@virtual
async def test_what_it_cannot_hear_it_does_not_confirm(kind: Kind) -> None:
    async with present(kind) as stay:
        stay.under_test.depart()
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
        with pytest.raises(CommandRefused):
            await stay.avatar.interrupt()
        assert asyncio.get_running_loop().time() - began == pytest.approx(5)
        with pytest.raises(CommandRefused):
            await stay.avatar.set_params(ParamChanges(language="fr"))


@virtual
async def test_a_gesture_returns_when_it_is_sent(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.act("hand_wave", "happiness")


# ---------------------------------------------------------------- its picture


@virtual
async def test_its_picture_comes_while_it_is_watched(kind: Kind) -> None:
    async with present(kind) as stay:
        for on in (False, True, False):
            await stay.avatar.watch(on)
            stay.under_test.perform(PICTURE)
            await asyncio.sleep(0.5)
        await stay.avatar.request_key_frame()
        assert [event for event in stay.told if isinstance(event, VideoFrame)] == [PICTURE]


# ---------------------------------------------------------------- the end


@virtual
async def test_a_lost_connection_is_the_last_event(kind: Kind) -> None:
    async with present(kind) as stay:
        stay.under_test.lose(LossReason.THROWN_OUT)
        await asyncio.sleep(1)
        assert [event.reason for event in stay.told if isinstance(event, AvatarGone)] == [LossReason.THROWN_OUT]
        assert isinstance(stay.told[-1], AvatarGone)


@virtual
async def test_who_waits_is_freed_by_the_end(kind: Kind) -> None:
    async with present(kind) as stay:
        stay.under_test.depart()
        await asyncio.sleep(0.1)
        saying = asyncio.create_task(stay.avatar.say("turn-1", "Hello?"))
        setting = asyncio.create_task(stay.avatar.set_params(ParamChanges(language="fr")))
        await asyncio.sleep(1)
        stay.under_test.lose(LossReason.LOST)
        with pytest.raises(RoomError):
            await saying
        with pytest.raises(CommandRefused):
            await setting


@virtual
async def test_nothing_can_be_asked_after_the_end(kind: Kind) -> None:
    async with present(kind) as stay:
        await stay.avatar.leave()
        with pytest.raises(RoomError):
            await stay.avatar.say("turn-1", "Hello?")
        with pytest.raises(RoomError):
            await stay.avatar.act("hand_wave", None)
        with pytest.raises(CommandRefused):
            await stay.avatar.interrupt()


@virtual
async def test_leaving_ends_the_events_and_can_be_done_twice(kind: Kind) -> None:
    async with present(kind) as stay:
        await asyncio.gather(stay.avatar.leave(), stay.avatar.leave())
        await stay.avatar.leave()
        await asyncio.sleep(1)
    assert not any(isinstance(event, AvatarGone) for event in stay.told)


@virtual
async def test_a_room_that_was_never_joined_can_be_left(kind: Kind) -> None:
    async with kind() as under_test:
        await under_test.avatar.leave()
        assert [event async for event in under_test.avatar.events()] == []
        with contextlib.suppress(RoomError):
            await under_test.avatar.join()
            raise AssertionError("it was joined")
