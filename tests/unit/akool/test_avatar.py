"""AKOOL's avatar over a seat: who it is, what reaches it and when, what is made of what it says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.akool.avatar import MEDIA_BACKLOG, AkoolAvatar
from bot.errors import CommandRefused, SeatError
from bot.model import Mode, Speaker, VoiceParams
from bot.ports.avatar import (
    AvatarArrived,
    AvatarEvent,
    AvatarGone,
    AvatarLeft,
    ParamChanges,
    Speaking,
    Utterance,
)
from bot.ports.room import (
    AudioFrame,
    Codec,
    LinkDown,
    LinkUp,
    Packet,
    PeerJoined,
    PeerLeft,
    SeatEvent,
    SeatLoss,
    SeatLost,
    TokenExpiring,
    VideoFrame,
)
from tests.virtual_time import virtual

US, AVATAR, STRANGER = "100000", "200", "300"


def now() -> float:
    return asyncio.get_running_loop().time()


class InMemorySeat:
    """A seat whose room is this test: `happen` is what the others do, `sent` what we did and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, dict[str, Any]]] = []
        self.watched: list[str | None] = []
        self.key_frames: list[str] = []
        self.times_left = 0
        self.join_error: SeatError | None = None
        self.send_error: SeatError | None = None
        self.events_error: Exception | None = None
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None
        self._events: asyncio.Queue[SeatEvent | None] = asyncio.Queue()

    def happen(self, *events: SeatEvent) -> None:
        for event in events:
            self._events.put_nowait(event)

    def hear(self, message: dict[str, Any], uid: str = AVATAR) -> None:
        self.happen(Packet(uid, json.dumps({"v": 2, **message}).encode()))

    def hang_up(self) -> None:
        self._events.put_nowait(None)

    async def join(self) -> None:
        if self.join_error:
            raise self.join_error

    async def events(self) -> AsyncIterator[SeatEvent]:
        while (event := await self._events.get()) is not None:
            yield event
            if isinstance(event, SeatLost):
                return
        if self.events_error:
            raise self.events_error

    async def send(self, packet: bytes) -> None:
        assert len(packet) <= 960
        if self.send_error:
            raise self.send_error
        message = json.loads(packet)
        self.sent.append((now(), message))
        if answer := self.answer(message):
            self.hear(answer)

    async def watch(self, uid: str | None) -> None:
        self.watched.append(uid)

    async def request_key_frame(self, uid: str) -> None:
        self.key_frames.append(uid)

    async def leave(self) -> None:
        self.times_left += 1
        self.hang_up()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for _, message in self.sent]

    @property
    def commands(self) -> list[str]:
        return [message["pld"]["cmd"] for message in self.messages if message["type"] == "command"]

    def spoken(self, mid: str = "turn") -> str:
        return "".join(m["pld"]["text"] for m in self.messages if m["type"] == "chat" and m["mid"] == mid)


class Stay:
    """An avatar we have joined, its seat, and what it has told so far."""

    def __init__(self, avatar_uid: str | None = None) -> None:
        self.seat = InMemorySeat()
        self.avatar = AkoolAvatar(self.seat, own_uid=US, avatar_uid=avatar_uid)
        self.told: list[AvatarEvent] = []

    async def listen(self) -> None:
        async for event in self.avatar.events():
            self.told.append(event)


@asynccontextmanager
async def joined(avatar_uid: str | None = None) -> AsyncIterator[Stay]:
    stay = Stay(avatar_uid)
    await stay.avatar.join()
    async with asyncio.TaskGroup() as group:
        group.create_task(stay.listen())
        try:
            yield stay
        finally:
            await stay.avatar.leave()


@asynccontextmanager
async def present(avatar_uid: str | None = None) -> AsyncIterator[Stay]:
    async with joined(avatar_uid) as stay:
        stay.seat.happen(PeerJoined(AVATAR))
        await asyncio.sleep(0.01)
        assert stay.told == [AvatarArrived()]
        stay.told.clear()
        yield stay


def ack(message: dict[str, Any], code: int = 1000, *, mid: bool = True) -> dict[str, Any] | None:
    """As AKOOL acknowledges `set-params` and `interrupt`, and nothing else."""
    cmd = message["pld"].get("cmd")
    if cmd not in {"set-params", "interrupt"}:
        return None
    named = {"mid": message["mid"]} if mid else {}
    return {"type": "command", **named, "pld": {"cmd": cmd, "code": code, "msg": "OK" if code == 1000 else "no"}}


def part(text: str, idx: int = 0, *, fin: bool = False) -> dict[str, Any]:
    return {"type": "chat", "mid": "turn", "idx": idx, "fin": fin, "pld": {"from": "bot", "text": text}}


def picture(*, key: bool, uid: str = AVATAR) -> VideoFrame:
    return VideoFrame(uid, Codec.H264, key, 2, 2, 0, b"picture")


def sound(uid: str = AVATAR) -> AudioFrame:
    return AudioFrame(uid, 16_000, 1, 0, b"sound")


# ---------------------------------------------------------------- who it is


@virtual
async def test_whoever_is_not_us_is_the_avatar_of_akools_room() -> None:
    async with joined() as stay:
        stay.seat.happen(PeerJoined(US), PeerJoined(AVATAR), PeerLeft(AVATAR), PeerJoined("another"))
        await asyncio.sleep(1)
        assert stay.told == [AvatarArrived(), AvatarLeft(), AvatarArrived()]


@virtual
async def test_an_avatar_that_speaks_is_there() -> None:
    async with joined() as stay:
        stay.seat.hear(part("Hello", fin=True))
        await asyncio.sleep(1)
        assert stay.told == [AvatarArrived(), Utterance("turn", Speaker.BOT, "Hello", final=True)]


@virtual
async def test_an_avatar_may_come_back_before_it_is_seen_to_leave() -> None:
    async with present() as stay:
        await stay.avatar.watch(on=True)
        stay.seat.happen(PeerJoined("again"), PeerLeft(AVATAR))
        await asyncio.sleep(1)
        assert stay.told == [AvatarLeft(), AvatarArrived()]
        assert stay.seat.watched == [AVATAR, "again"]
        await stay.avatar.say("turn", "Hello")
        assert stay.seat.spoken() == "Hello"


@virtual
async def test_in_a_room_of_ours_only_the_expected_uid_is_heard() -> None:
    async with joined(AVATAR) as stay:
        stay.seat.happen(PeerJoined(STRANGER), picture(key=True, uid=STRANGER), PeerLeft(STRANGER))
        stay.seat.hear(part("I am the avatar", fin=True), STRANGER)
        stay.seat.hear(part("No, I am", fin=True), US)
        await asyncio.sleep(1)
        assert stay.told == []
        assert stay.avatar.dropped_foreign == 2
        stay.seat.happen(PeerJoined(AVATAR))
        await asyncio.sleep(1)
        assert stay.told == [AvatarArrived()]


@virtual
async def test_what_is_not_protocol_v2_is_counted_and_dropped() -> None:
    async with joined() as stay:
        stay.seat.happen(Packet(AVATAR, b"\x00"), Packet(AVATAR, b'{"v":1}'))
        await asyncio.sleep(1)
        assert stay.told == []
        assert stay.avatar.dropped_malformed == 2


@virtual
async def test_messages_of_tomorrow_pass_without_harm() -> None:
    async with present() as stay:
        stay.seat.hear({"type": "mood", "pld": {"mood": "good"}})
        stay.seat.hear({"type": "chat", "mid": "m", "idx": 0, "fin": True, "pld": {"text": "what we sent"}})
        await asyncio.sleep(1)
        assert stay.told == []
        assert stay.avatar.dropped_malformed == stay.avatar.dropped_foreign == 0


# ---------------------------------------------------------------- what it says


@virtual
async def test_it_is_heard_to_speak_and_to_stop() -> None:
    async with present() as stay:
        stay.seat.hear({"type": "event", "mid": "turn", "pld": {"event": "audio_start"}})
        stay.seat.hear(part("Hel", 0))
        stay.seat.hear(part("lo", 1, fin=True))
        stay.seat.hear({"type": "event", "mid": "turn", "pld": {"event": "audio_end"}})
        await asyncio.sleep(1)
        assert stay.told == [
            Speaking("turn", on=True),
            Utterance("turn", Speaker.BOT, "Hel", final=False),
            Utterance("turn", Speaker.BOT, "Hello", final=True),
            Speaking("turn", on=False),
        ]


@virtual
async def test_time_alone_shows_a_gap_and_ends_an_utterance() -> None:
    async with present() as stay:
        stay.seat.hear(part("a", 0))
        stay.seat.hear(part("c", 2))
        await asyncio.sleep(0.4)
        assert stay.told[-1] == Utterance("turn", Speaker.BOT, "a…c", final=False)
        await asyncio.sleep(10)
        assert stay.told[-1] == Utterance("turn", Speaker.BOT, "a…c", final=True)


@virtual
async def test_the_link_and_the_token_are_reported() -> None:
    async with present() as stay:
        stay.seat.happen(LinkDown(), LinkUp(), TokenExpiring())
        await asyncio.sleep(1)
        assert stay.told == [LinkDown(), LinkUp(), TokenExpiring()]


# ---------------------------------------------------------------- what is said to it


@virtual
async def test_a_text_is_said_in_order_and_paced() -> None:
    text = "A sentence of some length, to be said. " * 200
    async with present() as stay:
        await stay.avatar.say("turn", text)
        assert stay.seat.spoken() == text
        assert stay.seat.messages[-1]["fin"]
        assert now() > 1
        for start, _ in stay.seat.sent:
            second = [len(json.dumps(m, separators=(",", ":"))) for at, m in stay.seat.sent if start <= at < start + 1]
            assert sum(second) <= 5760


@virtual
async def test_nothing_is_sent_before_it_has_arrived() -> None:
    async with joined() as stay, asyncio.TaskGroup() as group:
        group.create_task(stay.avatar.say("turn", "Hello"))
        group.create_task(stay.avatar.act("nod", None))
        await asyncio.sleep(20)
        assert stay.seat.sent == []
        stay.seat.happen(PeerJoined(AVATAR))
        await asyncio.sleep(1)
        assert [message["type"] for message in stay.seat.messages] == ["command", "chat"]


@pytest.mark.parametrize(
    ("gone", "back"), [(PeerLeft(AVATAR), PeerJoined(AVATAR)), (LinkDown(), LinkUp())], ids=["avatar", "link"]
)
@virtual
async def test_what_would_be_lost_waits(gone: SeatEvent, back: SeatEvent) -> None:
    async with present() as stay, asyncio.TaskGroup() as group:
        stay.seat.happen(gone)
        await asyncio.sleep(0.1)
        group.create_task(stay.avatar.say("turn", "Hello"))
        await asyncio.sleep(5)
        assert stay.seat.sent == []
        stay.seat.happen(back)
        await asyncio.sleep(0.1)
        assert stay.seat.spoken() == "Hello"


@virtual
async def test_pieces_are_said_as_they_are_written() -> None:
    async def answer() -> AsyncIterator[str]:
        yield "First. "
        await asyncio.sleep(3)
        yield "Second. "
        await asyncio.sleep(3)
        yield "Third."

    async with present() as stay:
        start = now()
        await stay.avatar.say("turn", answer())
        assert [(round(at - start), m["idx"], m["fin"], m["pld"]["text"]) for at, m in stay.seat.sent] == [
            (0, 0, False, "First. "),
            (3, 1, False, "Second. "),
            (6, 2, True, "Third."),
        ]


@virtual
async def test_a_writer_that_fails_is_heard_so_far_and_reported() -> None:
    async def answer() -> AsyncIterator[str]:
        yield "So far. "
        raise ZeroDivisionError

    async with present() as stay:
        with pytest.raises(ZeroDivisionError):
            await stay.avatar.say("turn", answer())
        assert stay.seat.spoken() == "So far. "
        assert stay.seat.messages[-1]["fin"]


@virtual
async def test_nothing_to_say_is_said_at_once() -> None:
    async def silence() -> AsyncIterator[str]:
        for piece in list[str]():
            yield piece

    async with joined() as stay:
        await stay.avatar.say("turn", "")
        await stay.avatar.say("turn", silence())
        assert stay.seat.sent == []


@virtual
async def test_a_turn_said_twice_at_once_is_said_once() -> None:
    async with present() as stay, asyncio.TaskGroup() as group:
        text = "word " * 1000
        group.create_task(stay.avatar.say("turn", text))
        await asyncio.sleep(0.1)
        with pytest.raises(ValueError, match="turn"):
            await stay.avatar.say("turn", text)
        await asyncio.sleep(10)
        assert stay.seat.spoken() == text


@virtual
async def test_who_gives_up_saying_takes_the_rest_along() -> None:
    async with present() as stay:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await stay.avatar.say("turn", "word " * 10_000)
        sent = len(stay.seat.sent)
        await asyncio.sleep(10)
        assert 5 <= len(stay.seat.sent) == sent


@virtual
async def test_a_writer_given_up_is_closed() -> None:
    closed: list[float] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "and so on "
                await asyncio.sleep(1)
        finally:
            closed.append(now())

    async with present() as stay:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await stay.avatar.say("turn", endless())
        assert len(closed) == 1
        assert not any(message["fin"] for message in stay.seat.messages)


# ---------------------------------------------------------------- commands


@virtual
async def test_an_interrupt_overtakes_and_drops_what_is_unsent() -> None:
    async with present() as stay, asyncio.TaskGroup() as group:
        stay.seat.answer = ack
        saying = group.create_task(stay.avatar.say("turn", "word " * 10_000))
        await asyncio.sleep(0.5)
        sent, asked_at = len(stay.seat.sent), now()
        await stay.avatar.interrupt()
        assert now() == asked_at
        await saying
        await asyncio.sleep(10)
        assert stay.seat.commands == ["interrupt"]
        assert len(stay.seat.sent) == sent + 1


@virtual
async def test_an_interrupt_stops_the_writer_too() -> None:
    async def endless() -> AsyncIterator[str]:
        while True:
            yield "and so on "
            await asyncio.sleep(1)

    async with present() as stay, asyncio.TaskGroup() as group:
        stay.seat.answer = ack
        saying = group.create_task(stay.avatar.say("turn", endless()))
        await asyncio.sleep(2.5)
        await stay.avatar.interrupt()
        await saying
        assert stay.seat.messages[-1]["pld"] == {"cmd": "interrupt"}


@virtual
async def test_params_are_set_and_acknowledged() -> None:
    async with present() as stay:
        stay.seat.answer = ack
        await stay.avatar.set_params(ParamChanges(mode=Mode.RETELLING, voice=VoiceParams(speed=1.1)))
        assert stay.seat.messages[0]["pld"]["data"] == {"mode": 1, "vparams": {"speed": 1.1}}
        await stay.avatar.set_params(ParamChanges())
        assert len(stay.seat.sent) == 1


@virtual
async def test_an_acknowledgement_without_mid_is_matched_by_its_command() -> None:
    async with present() as stay:
        stay.seat.answer = lambda message: ack(message, mid=False)
        async with asyncio.TaskGroup() as group:
            group.create_task(stay.avatar.interrupt())
            group.create_task(stay.avatar.set_params(ParamChanges(language="de")))
        assert sorted(stay.seat.commands) == ["interrupt", "set-params"]


@virtual
async def test_acknowledgements_of_others_are_not_ours() -> None:
    async with present() as stay:
        stay.seat.hear({"type": "command", "mid": "x", "pld": {"cmd": "interrupt", "code": 1000}})
        stay.seat.hear({"type": "command", "pld": {"cmd": "interrupt", "code": 1000}})
        await asyncio.sleep(1)
        stay.seat.answer = lambda message: ack({**message, "mid": "somebody else's"})
        with pytest.raises(CommandRefused):
            await stay.avatar.interrupt()


@virtual
async def test_no_acknowledgement_ends_a_speech() -> None:
    async with present() as stay:
        stay.seat.hear({"type": "command", "mid": "turn", "pld": {"cmd": "interrupt", "code": 1000}})
        text = "word " * 1000
        await stay.avatar.say("turn", text)
        assert stay.seat.spoken() == text


@virtual
async def test_a_lost_command_is_sent_once_more() -> None:
    async with present() as stay:
        stay.seat.answer = lambda message: ack(message) if len(stay.seat.sent) > 1 else None
        start = now()
        await stay.avatar.interrupt()
        assert now() - start == pytest.approx(1.5)
        assert stay.seat.commands == ["interrupt"] * 2
        assert len({message["mid"] for message in stay.seat.messages}) == 1


@virtual
async def test_without_an_acknowledgement_a_command_is_refused_after_five_seconds() -> None:
    async with present() as stay:
        start = now()
        with pytest.raises(CommandRefused, match="did not confirm"):
            await stay.avatar.interrupt()
        assert now() - start == pytest.approx(5)
        assert stay.seat.commands == ["interrupt"] * 2


@virtual
async def test_a_command_nobody_could_hear_is_not_sent_later() -> None:
    async with joined() as stay:
        with pytest.raises(CommandRefused):
            await stay.avatar.interrupt()
        stay.seat.happen(PeerJoined(AVATAR))
        await asyncio.sleep(1)
        assert stay.seat.sent == []


@virtual
async def test_a_refusal_says_so_and_keeps_the_code_for_the_log() -> None:
    async with present() as stay:
        stay.seat.answer = lambda message: ack(message, 1003)
        with pytest.raises(CommandRefused) as refused:
            await stay.avatar.set_params(ParamChanges(language="xx"))
        assert refused.value.detail == "set-params: 1003 no"


@virtual
async def test_settings_too_long_for_a_packet_are_refused() -> None:
    async with present() as stay:
        with pytest.raises(CommandRefused, match="too long"):
            await stay.avatar.set_params(ParamChanges(background_url="https://example.com/" + "x" * 1000))
        assert stay.seat.sent == []


@virtual
async def test_acting_returns_when_sent() -> None:
    async with present() as stay:
        await stay.avatar.act("hand_wave", "happiness")
        assert stay.seat.messages[0]["pld"] == {
            "cmd": "set-action",
            "data": {"action": "hand_wave", "expression": "happiness"},
        }


# ---------------------------------------------------------------- picture and sound


@virtual
async def test_picture_and_sound_pass_while_watched() -> None:
    async with joined() as stay:
        await stay.avatar.request_key_frame()
        await stay.avatar.watch(on=True)
        stay.seat.happen(PeerJoined(AVATAR), picture(key=True), sound())
        await asyncio.sleep(1)
        await stay.avatar.request_key_frame()
        await stay.avatar.watch(on=False)
        assert stay.told == [AvatarArrived(), picture(key=True), sound()]
        assert stay.seat.watched == [AVATAR, None]
        assert stay.seat.key_frames == [AVATAR]


@virtual
async def test_media_nobody_takes_are_dropped_up_to_the_next_key_frame_and_words_are_not() -> None:
    stay = Stay()
    await stay.avatar.join()
    stay.seat.happen(PeerJoined(AVATAR), picture(key=True), *[sound()] * (MEDIA_BACKLOG + 5), picture(key=False))
    stay.seat.hear(part("still heard", fin=True))
    await asyncio.sleep(1)
    assert stay.avatar.dropped_frames == 8
    events = stay.avatar.events()
    taken = [await anext(events) for _ in range(MEDIA_BACKLOG + 1)]
    assert taken[-1] == Utterance("turn", Speaker.BOT, "still heard", final=True)
    assert stay.seat.key_frames == []  # it could not be taken yet
    stay.seat.happen(sound(), picture(key=False), picture(key=False), picture(key=True), picture(key=False))
    assert [await anext(events) for _ in range(3)] == [sound(), picture(key=True), picture(key=False)]
    assert stay.seat.key_frames == [AVATAR]
    await stay.avatar.leave()
    assert [event async for event in events] == []


# ---------------------------------------------------------------- the end


@virtual
async def test_a_lost_seat_is_the_last_event_and_frees_whoever_waits() -> None:
    async with present() as stay:
        saying = asyncio.create_task(stay.avatar.say("turn", "word " * 10_000))
        interrupting = asyncio.create_task(stay.avatar.set_params(ParamChanges(language="de")))
        await asyncio.sleep(1)
        stay.seat.happen(SeatLost(SeatLoss.THROWN_OUT, "same uid"))
        with pytest.raises(SeatError):
            await saying
        with pytest.raises(CommandRefused):
            await interrupting
        assert stay.told == [AvatarGone(SeatLoss.THROWN_OUT, "same uid")]
        with pytest.raises(SeatError):
            await stay.avatar.say("next", "Hello")


@virtual
async def test_a_seat_that_breaks_is_lost() -> None:
    async with present() as stay:
        stay.seat.events_error = SeatError("The room is broken.", "native error 9")
        stay.seat.hang_up()
        await asyncio.sleep(1)
        assert stay.told == [AvatarGone(SeatLoss.ERROR, "native error 9")]


@virtual
async def test_a_bug_in_a_seat_is_raised_to_whoever_listens() -> None:
    stay = Stay()
    await stay.avatar.join()
    stay.seat.events_error = ZeroDivisionError("a bug")
    stay.seat.hang_up()
    with pytest.raises(ExceptionGroup):
        await stay.listen()
    await stay.avatar.leave()


@virtual
async def test_a_packet_the_seat_refuses_fails_what_it_belongs_to_and_no_more() -> None:
    async with present() as stay:
        stay.seat.send_error = SeatError("The room refused a packet.")
        with pytest.raises(SeatError, match="refused a packet"):
            await stay.avatar.say("turn", "word " * 10_000)
        with pytest.raises(CommandRefused, match="refused a packet"):
            await stay.avatar.interrupt()
        stay.seat.send_error = None
        await stay.avatar.say("next", "Hello")
        assert stay.seat.spoken("next") == "Hello"
        assert stay.seat.spoken("turn") == ""


@virtual
async def test_leaving_twice_or_before_joining_is_safe() -> None:
    stay = Stay()
    await stay.avatar.leave()
    await stay.listen()
    async with joined() as other:
        await asyncio.gather(other.avatar.leave(), other.avatar.leave())
    assert other.seat.times_left == 3


@virtual
async def test_a_seat_that_cannot_be_taken_is_reported_and_can_be_left() -> None:
    stay = Stay()
    stay.seat.join_error = SeatError("No room.")
    with pytest.raises(SeatError):
        await stay.avatar.join()
    await stay.avatar.leave()


@virtual
async def test_leaving_ends_an_utterance_under_way_without_a_word() -> None:
    async with present() as stay:
        stay.seat.hear(part("unfinished"))
        await asyncio.sleep(1)
    assert stay.told == [Utterance("turn", Speaker.BOT, "unfinished", final=False)]
    await asyncio.sleep(20)
    assert stay.avatar._events.empty()
