"""What every connection promises, whoever carries the room."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from bot.domain.errors import RoomError
from bot.ports.room import (
    VOICE_FRAME,
    VOICE_RATE,
    AudioFrame,
    Codec,
    ConnectionLost,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomConnection,
    RoomEvent,
    VideoFrame,
)
from bot.tasks import cancel_and_wait
from tests.contract.room.conftest import Performer, RoomUnderTest
from tests.patience import HANG_S, until


async def joined(room: RoomUnderTest, uid: str) -> tuple[RoomConnection, AsyncIterator[RoomEvent]]:
    connection = room.connection(uid)
    await connection.join()
    return connection, connection.events()


async def next_of(events: AsyncIterator[RoomEvent], kind: type[RoomEvent]) -> RoomEvent:
    """The next event of a kind; others may come before it."""
    async with asyncio.timeout(HANG_S):
        async for event in events:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the events ended without a {kind.__name__}")


async def rest_of(events: AsyncIterator[RoomEvent]) -> list[RoomEvent]:
    async with asyncio.timeout(HANG_S):
        return [event async for event in events]


async def test_a_wrong_token_does_not_let_in(room: RoomUnderTest) -> None:
    with pytest.raises(RoomError):
        await room.connection_with_wrong_token("1").join()


async def test_a_token_admits_only_its_own_uid(room: RoomUnderTest) -> None:
    with pytest.raises(RoomError):
        await room.connection_with_token_of("1", "2").join()


async def test_peers_see_each_other_come_whoever_was_first_and_go(room: RoomUnderTest) -> None:
    first, first_events = await joined(room, "1")
    second, second_events = await joined(room, "2")
    assert await next_of(first_events, PeerJoined) == PeerJoined("2")
    assert await next_of(second_events, PeerJoined) == PeerJoined("1")
    await second.leave()
    assert await next_of(first_events, PeerLeft) == PeerLeft("2")
    await first.leave()


@pytest.mark.parametrize("data", [b"", b"x", b"\x00\xff not text", "Grüße 👋".encode(), b"x" * 1024])
async def test_a_packet_arrives_unchanged_with_its_senders_uid(room: RoomUnderTest, data: bytes) -> None:
    sender, _ = await joined(room, "1")
    connections = [await joined(room, uid) for uid in ("2", "3")]
    await sender.send(data)
    await sender.send(b"and then")
    for _, events in connections:
        if room.carries(data):
            assert await next_of(events, Packet) == Packet("1", data)
        assert await next_of(events, Packet) == Packet("1", b"and then")
    for connection in (sender, *(connection for connection, _ in connections)):
        await connection.leave()


async def test_what_is_sent_does_not_come_back_to_its_sender(room: RoomUnderTest) -> None:
    talker, heard = await joined(room, "1")
    peer, peer_events = await joined(room, "2")
    await talker.send(b"question")
    await next_of(peer_events, Packet)
    await peer.send(b"answer")
    assert await next_of(heard, Packet) == Packet("2", b"answer")
    await talker.leave()
    await peer.leave()


async def test_the_same_uid_throws_the_first_one_out_for_good(room: RoomUnderTest) -> None:
    first, first_events = await joined(room, "1")
    second, second_events = await joined(room, "1")
    last = (await rest_of(first_events))[-1]
    assert isinstance(last, ConnectionLost)
    assert last.reason is LossReason.THROWN_OUT
    with pytest.raises(RoomError):
        await first.send(b"still here?")
    with pytest.raises(RoomError):
        await first.join()
    peer, peer_events = await joined(room, "2")
    await next_of(second_events, PeerJoined)
    await second.send(b"my connection")
    assert await next_of(peer_events, Packet) == Packet("1", b"my connection")
    await first.leave()
    await second.leave()
    await peer.leave()


async def test_a_packet_over_1024_bytes_is_refused_and_changes_nothing(room: RoomUnderTest) -> None:
    sender, _ = await joined(room, "1")
    peer, heard = await joined(room, "2")
    with pytest.raises(RoomError):
        await sender.send(b"x" * 1025)
    await sender.send(b"short")
    assert await next_of(heard, Packet) == Packet("1", b"short")
    await sender.leave()
    await peer.leave()


async def test_leaving_ends_the_events_and_can_be_done_twice(room: RoomUnderTest) -> None:
    connection, events = await joined(room, "1")
    await connection.leave()
    await connection.leave()
    assert not any(isinstance(event, ConnectionLost) for event in await rest_of(events))
    with pytest.raises(RoomError):
        await connection.send(b"gone")


async def test_leaving_ends_the_events_for_somebody_who_waits_for_them(room: RoomUnderTest) -> None:
    connection, events = await joined(room, "1")
    waiting = asyncio.create_task(rest_of(events))
    await asyncio.sleep(0)
    await connection.leave()
    assert not any(isinstance(event, ConnectionLost) for event in await waiting)


async def test_a_connection_never_joined_can_only_be_left(room: RoomUnderTest) -> None:
    connection = room.connection("1")
    with pytest.raises(RoomError):
        await connection.send(b"too early")
    await connection.leave()
    with pytest.raises(RoomError):
        await connection.join()


# ---------------------------------------------------------------- picture and sound


def act(uid: str) -> list[VideoFrame | AudioFrame]:
    return [
        VideoFrame(uid, Codec.H264, True, 1280, 720, 40_000, b"\0\0\0\1 key \xff"),
        AudioFrame(uid, 16_000, 1, 50_000, bytes(range(256)) + bytes(64)),
        VideoFrame(uid, Codec.H264, False, 1280, 720, 80_000, b"\0\0\0\1 delta"),
    ]


@dataclass
class Performance:
    performers: dict[str, Performer]
    rounds: int = 0

    async def play(self) -> None:
        """Until cancelled, each what is theirs."""
        while True:
            for uid, performer in self.performers.items():
                for frame in act(uid):
                    performer.perform(frame)
            self.rounds += 1
            await asyncio.sleep(0.02)

    async def goes_on(self, rounds: int) -> None:
        enough = self.rounds + rounds
        await until(lambda: self.rounds >= enough)


@contextlib.asynccontextmanager
async def performing(room: RoomUnderTest, *uids: str) -> AsyncIterator[Performance]:
    performance = Performance({uid: room.performer(uid) for uid in uids})
    task = asyncio.create_task(performance.play())
    yield performance
    task.cancel()
    await asyncio.wait([task])


async def frames_of(events: AsyncIterator[RoomEvent], count: int) -> list[RoomEvent]:
    async with asyncio.timeout(HANG_S):
        found: list[RoomEvent] = []
        async for event in events:
            if isinstance(event, VideoFrame | AudioFrame):
                found.append(event)
            if len(found) == count:
                return found
    raise AssertionError("the events ended")


async def test_media_of_the_subscribed_uid_arrives_unchanged(room: RoomUnderTest) -> None:
    async with performing(room, "11", "12"):
        connection, events = await joined(room, "1")
        await connection.watch("11")
        frames = await frames_of(events, 12)
        await connection.leave()
    assert all(frame in act("11") for frame in frames)
    assert all(frame in frames for frame in act("11"))


async def test_nothing_is_seen_before_it_is_watched_or_after(room: RoomUnderTest) -> None:
    async with performing(room, "11") as performance:
        connection, events = await joined(room, "1")
        await performance.goes_on(10)
        await connection.watch("11")
        first = await frames_of(events, 1)
        await connection.watch(None)
        await performance.goes_on(60)
        await connection.leave()
    assert first
    late = [event for event in await rest_of(events) if isinstance(event, VideoFrame | AudioFrame)]
    assert len(late) < 60  # what was on its way; three times as many came since


async def test_a_key_frame_is_asked_of_who_is_watched(room: RoomUnderTest) -> None:
    async with performing(room, "11", "12") as performance:
        connection, events = await joined(room, "1")
        await connection.watch("11")
        await frames_of(events, 1)
        performance.performers["11"].key_frames_asked()
        await connection.request_key_frame("11")
        await until(performance.performers["11"].key_frames_asked)
        assert not performance.performers["12"].key_frames_asked()
        await connection.leave()


# ---------------------------------------------------------------- a voice of ours


def voice(number: int) -> bytes:
    return bytes([number]) * VOICE_FRAME


async def test_a_voice_reaches_who_listens_whole_and_in_order(room: RoomUnderTest) -> None:
    speaker, _ = await joined(room, "1")
    peer, events = await joined(room, "2")
    await peer.watch("1")
    speaking = asyncio.create_task(_speak(speaker))
    heard = b"".join(frame.data for frame in await frames_of(events, 8) if isinstance(frame, AudioFrame))
    await cancel_and_wait(speaking)
    numbers = [heard[at] for at in range(0, len(heard), VOICE_FRAME)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert heard == b"".join(map(voice, numbers))
    await speaker.leave()
    await peer.leave()


async def _speak(speaker: RoomConnection) -> None:
    for number in range(256):
        await speaker.publish(voice(number))
        await asyncio.sleep(0.02)


async def test_a_voice_is_published_only_while_somebody_speaks(room: RoomUnderTest) -> None:
    speaker, _ = await joined(room, "1")
    assert not room.publishes("1")
    for _ in range(2):  # it can begin again
        await speaker.publish(voice(1))
        await until(lambda: room.publishes("1"))
        began = asyncio.get_running_loop().time()
        await until(lambda: not room.publishes("1"))
        assert asyncio.get_running_loop().time() - began > 0.2
    await speaker.leave()


async def test_a_voice_ends_with_its_connection(room: RoomUnderTest) -> None:
    speaker, events = await joined(room, "1")
    peer, _ = await joined(room, "2")
    await speaker.publish(voice(1))
    await speaker.leave()
    assert not room.publishes("1")
    with pytest.raises(RoomError):
        await speaker.publish(voice(2))
    await rest_of(events)
    await peer.leave()


@pytest.mark.parametrize("size", [0, VOICE_FRAME - 2, VOICE_FRAME + 2, 100_000])
async def test_what_is_no_piece_of_a_voice_is_refused(room: RoomUnderTest, size: int) -> None:
    speaker, _ = await joined(room, "1")
    with pytest.raises(RoomError):
        await speaker.publish(bytes(size))
    assert not room.publishes("1")
    await speaker.leave()


async def test_who_has_not_joined_has_no_voice(room: RoomUnderTest) -> None:
    with pytest.raises(RoomError):
        await room.connection("1").publish(voice(1))


def test_a_piece_of_a_voice_is_20_milliseconds() -> None:
    assert VOICE_FRAME == VOICE_RATE * 2 * 20 // 1000
