import pytest

from adapters.agora.connection import EventQueue
from bot.ports.room import ConnectionLost, LossReason, Packet, RoomEvent


async def read(queue: EventQueue) -> list[RoomEvent]:
    queue.close()
    return [event async for event in queue]


async def test_events_are_ordered_and_the_end_is_final() -> None:
    queue = EventQueue()
    queue.put(Packet("1", b"a"))
    queue.put(Packet("1", b"b"))
    assert await read(queue) == [Packet("1", b"a"), Packet("1", b"b")]
    with pytest.raises(StopAsyncIteration):
        await anext(queue)


async def test_nothing_follows_the_loss_of_the_seat() -> None:
    queue = EventQueue()
    lost = ConnectionLost(LossReason.LOST)
    queue.put(lost)
    queue.put(Packet("1", b"too late"))
    assert await read(queue) == [lost]
