"""AKOOL's avatar over a connection: who it is, what reaches it and when, what is made of what it says."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from bot.domain.posts import Speaker
from bot.ports.avatar import (
    AvatarArrived,
    AvatarLeft,
    Speaking,
    Utterance,
)
from bot.ports.room import LinkDown, LinkUp, Packet, PeerJoined, PeerLeft, RoomEvent, TokenExpiring
from bot.testing.virtual_time import virtual
from tests.unit.akool.one_avatar import (
    AVATAR,
    STRANGER,
    US,
    joined,
    now,
    part,
    picture,
    present,
)

# ---------------------------------------------------------------- who it is


@virtual
async def test_whoever_is_not_us_is_the_avatar_of_akools_room() -> None:
    async with joined() as stay:
        stay.connection.happen(PeerJoined(US), PeerJoined(AVATAR), PeerLeft(AVATAR), PeerJoined("another"))
        await asyncio.sleep(1)
        assert stay.told == [AvatarArrived(), AvatarLeft(), AvatarArrived()]


@virtual
async def test_an_avatar_that_speaks_is_there() -> None:
    async with joined() as stay:
        stay.connection.hear(part("Hello", fin=True))
        await asyncio.sleep(1)
        assert stay.told == [AvatarArrived(), Utterance("turn", Speaker.BOT, "Hello", final=True)]


@virtual
async def test_an_avatar_may_return_before_it_is_gone() -> None:
    async with present() as stay:
        await stay.avatar.watch(on=True)
        stay.connection.happen(PeerJoined("again"), PeerLeft(AVATAR))
        await asyncio.sleep(1)
        assert stay.told == [AvatarLeft(), AvatarArrived()]
        assert stay.connection.watched == [AVATAR, "again"]
        await stay.avatar.say("turn", "Hello")
        assert stay.connection.spoken() == "Hello"


@virtual
async def test_in_our_own_room_only_the_avatars_uid_counts() -> None:
    async with joined(AVATAR) as stay:
        stay.connection.happen(PeerJoined(STRANGER), picture(key=True, uid=STRANGER), PeerLeft(STRANGER))
        stay.connection.hear(part("I am the avatar", fin=True), STRANGER)
        stay.connection.hear(part("No, I am", fin=True), US)
        await asyncio.sleep(1)
        assert stay.told == []
        assert stay.avatar.dropped_foreign == 2
        stay.connection.happen(PeerJoined(AVATAR))
        await asyncio.sleep(1)
        assert stay.told == [AvatarArrived()]


@virtual
async def test_what_is_not_protocol_v2_is_counted_and_dropped() -> None:
    async with joined() as stay:
        stay.connection.happen(Packet(AVATAR, b"\x00"), Packet(AVATAR, b'{"v":1}'))
        await asyncio.sleep(1)
        assert stay.told == []
        assert stay.avatar.dropped_malformed == 2


@virtual
async def test_messages_of_tomorrow_pass_without_harm() -> None:
    async with present() as stay:
        stay.connection.hear({"type": "mood", "pld": {"mood": "good"}})
        stay.connection.hear({"type": "chat", "mid": "m", "idx": 0, "fin": True, "pld": {"text": "what we sent"}})
        await asyncio.sleep(1)
        assert stay.told == []
        assert stay.avatar.dropped_malformed == stay.avatar.dropped_foreign == 0


# ---------------------------------------------------------------- what it says


@virtual
async def test_it_is_heard_to_speak_and_to_stop() -> None:
    async with present() as stay:
        stay.connection.hear({"type": "event", "mid": "turn", "pld": {"event": "audio_start"}})
        stay.connection.hear(part("Hel", 0))
        stay.connection.hear(part("lo", 1, fin=True))
        stay.connection.hear({"type": "event", "mid": "turn", "pld": {"event": "audio_end"}})
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
        stay.connection.hear(part("a", 0))
        stay.connection.hear(part("c", 2))
        await asyncio.sleep(0.4)
        assert stay.told[-1] == Utterance("turn", Speaker.BOT, "a…c", final=False)
        await asyncio.sleep(10)
        assert stay.told[-1] == Utterance("turn", Speaker.BOT, "a…c", final=True)


@virtual
async def test_the_link_and_the_token_are_reported() -> None:
    async with present() as stay:
        stay.connection.happen(LinkDown(), LinkUp(), TokenExpiring())
        await asyncio.sleep(1)
        assert stay.told == [LinkDown(), LinkUp(), TokenExpiring()]


# ---------------------------------------------------------------- what is said to it


@virtual
async def test_a_text_is_said_in_order_and_paced() -> None:
    text = "A sentence of some length, to be said. " * 200
    async with present() as stay:
        await stay.avatar.say("turn", text)
        assert stay.connection.spoken() == text
        assert stay.connection.messages[-1]["fin"]
        assert now() > 1
        for start, _ in stay.connection.sent:
            second = [
                len(json.dumps(m, separators=(",", ":"))) for at, m in stay.connection.sent if start <= at < start + 1
            ]
            assert sum(second) <= 5760


@virtual
async def test_nothing_is_sent_before_it_has_arrived() -> None:
    async with joined() as stay, asyncio.TaskGroup() as group:
        group.create_task(stay.avatar.say("turn", "Hello"))
        group.create_task(stay.avatar.act("nod", None))
        await asyncio.sleep(20)
        assert stay.connection.sent == []
        stay.connection.happen(PeerJoined(AVATAR))
        await asyncio.sleep(1)
        assert [message["type"] for message in stay.connection.messages] == ["command", "chat"]


@pytest.mark.parametrize(
    ("gone", "back"), [(PeerLeft(AVATAR), PeerJoined(AVATAR)), (LinkDown(), LinkUp())], ids=["avatar", "link"]
)
@virtual
async def test_what_would_be_lost_waits(gone: RoomEvent, back: RoomEvent) -> None:
    async with present() as stay, asyncio.TaskGroup() as group:
        stay.connection.happen(gone)
        await asyncio.sleep(0.1)
        group.create_task(stay.avatar.say("turn", "Hello"))
        await asyncio.sleep(5)
        assert stay.connection.sent == []
        stay.connection.happen(back)
        await asyncio.sleep(0.1)
        assert stay.connection.spoken() == "Hello"


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
        assert [(round(at - start), m["idx"], m["fin"], m["pld"]["text"]) for at, m in stay.connection.sent] == [
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
        assert stay.connection.spoken() == "So far. "
        assert stay.connection.messages[-1]["fin"]


@virtual
async def test_nothing_to_say_is_said_at_once() -> None:
    async def silence() -> AsyncIterator[str]:
        for piece in list[str]():
            yield piece

    async with joined() as stay:
        await stay.avatar.say("turn", "")
        await stay.avatar.say("turn", silence())
        assert stay.connection.sent == []


@virtual
async def test_a_turn_said_twice_at_once_is_said_once() -> None:
    async with present() as stay, asyncio.TaskGroup() as group:
        text = "word " * 1000
        group.create_task(stay.avatar.say("turn", text))
        await asyncio.sleep(0.1)
        with pytest.raises(ValueError, match="turn"):
            await stay.avatar.say("turn", text)
        await asyncio.sleep(10)
        assert stay.connection.spoken() == text


@virtual
async def test_who_gives_up_saying_takes_the_rest_along() -> None:
    async with present() as stay:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await stay.avatar.say("turn", "word " * 10_000)
        sent = len(stay.connection.sent)
        await asyncio.sleep(10)
        assert 5 <= len(stay.connection.sent) == sent


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
        assert not any(message["fin"] for message in stay.connection.messages)
