import asyncio

import pytest

from adapters.agora.event_queue import KEY_FRAME_EVERY, EventQueue
from adapters.agora.media import LIMIT
from bot.ports.room import Codec, ConnectionLost, LossReason, Packet, RoomEvent, VideoFrame

KEY = VideoFrame("1", Codec.VP8, True, 640, 360, 0, b"key")
DELTA = VideoFrame("1", Codec.VP8, False, 640, 360, 0, b"delta")


async def read(queue: EventQueue) -> list[RoomEvent]:
    queue.close()
    return [event async for event in queue]


async def test_events_are_read_in_order_and_the_end_stays_the_end() -> None:
    queue = EventQueue(lambda _: None)
    queue.put(Packet("1", b"a"))
    queue.put(Packet("1", b"b"))
    assert await read(queue) == [Packet("1", b"a"), Packet("1", b"b")]
    with pytest.raises(StopAsyncIteration):
        await anext(queue)


async def test_nothing_follows_the_loss_of_the_seat() -> None:
    queue = EventQueue(lambda _: None)
    lost = ConnectionLost(LossReason.LOST)
    queue.put(lost)
    queue.put(Packet("1", b"too late"))
    assert await read(queue) == [lost]


async def test_who_falls_behind_loses_pictures_and_no_words_and_a_key_frame_is_asked_for() -> None:
    starved: list[str] = []
    queue = EventQueue(starved.append)
    for _ in range(LIMIT + 10):
        queue.put(KEY)
    queue.put(Packet("1", b"words"))
    got = await read(queue)
    assert got == [KEY] * (LIMIT + 1) + [Packet("1", b"words")]
    assert starved == ["1"]


async def test_a_key_frame_is_asked_for_again_until_it_comes() -> None:
    starved: list[str] = []
    queue = EventQueue(starved.append)
    for _ in range(LIMIT + 2):
        queue.put(KEY)
    for _ in range(LIMIT + 1):
        await anext(queue)
    queue.put(DELTA)
    await asyncio.sleep(KEY_FRAME_EVERY)
    queue.put(DELTA)
    queue.put(KEY)
    queue.put(DELTA)
    assert await read(queue) == [KEY, DELTA]
    assert starved == ["1", "1"]
