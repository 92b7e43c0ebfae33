"""What rooms do beyond the contract of a connection: bad weather, and lines that break."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.simulator.faults import LossyLink, NetworkConditions
from adapters.simulator.room import BACKLOG_LIMIT, SimulatedConnection, SimulatedRooms
from bot.domain.errors import RoomError
from bot.ports.room import ConnectionLost, LinkDown, LinkUp, LossReason, Packet, PeerJoined, RoomEvent
from bot.testing.virtual_time import LoopClock, virtual


async def pair() -> tuple[SimulatedConnection, SimulatedConnection, AsyncIterator[RoomEvent]]:
    """A sender, a receiver, and what the receiver hears after they have met."""
    rooms = SimulatedRooms(LoopClock(), seed=7)
    connections = [rooms.connection(rooms.issue("here", uid, timedelta(minutes=5))) for uid in ("1", "2")]
    for connection in connections:
        await connection.join()
    events = connections[1].events()
    assert await anext(events) == PeerJoined("1")
    return connections[0], connections[1], events


async def heard(conditions: NetworkConditions, count: int = 200) -> list[int]:
    sender, receiver, events = await pair()
    receiver.line.conditions = conditions
    for number in range(count):
        await sender.send(json.dumps(number).encode())
        await asyncio.sleep(0.01)
    await asyncio.sleep(1)
    await receiver.leave()
    return [int(event.data) async for event in events if isinstance(event, Packet)]


@virtual
async def test_in_good_weather_everything_comes_once_and_in_order() -> None:
    assert await heard(NetworkConditions()) == list(range(200))


@virtual
async def test_packets_get_lost() -> None:
    numbers = await heard(NetworkConditions(lose=0.3))
    assert 100 < len(numbers) < 180
    assert numbers == sorted(numbers)


@virtual
async def test_packets_come_twice() -> None:
    numbers = await heard(NetworkConditions(repeat=0.3))
    assert 230 < len(numbers) < 300
    assert sorted(set(numbers)) == list(range(200))


@virtual
async def test_packets_come_late_and_none_is_lost_by_it() -> None:
    numbers = await heard(NetworkConditions(reorder=0.3))
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(200))


def test_the_same_seed_has_the_same_weather() -> None:
    def fates(seed: int) -> list[tuple[float, ...]]:
        line = LossyLink(seed)
        line.conditions = NetworkConditions(0.2, 0.2, 0.2)
        return [line.delays() for _ in range(50)]

    assert fates(3) == fates(3) != fates(4)


@virtual
async def test_a_broken_link_loses_packets_silently() -> None:
    sender, receiver, events = await pair()
    receiver.link_down()
    await sender.send(b"unheard")
    await receiver.send(b"unheard too")
    receiver.link_up()
    await sender.send(b"heard")
    assert [await anext(events) for _ in range(3)] == [LinkDown(), LinkUp(), Packet("1", b"heard")]
    await sender.leave()
    assert [event async for event in sender.events()] == [PeerJoined("2")]


@virtual
async def test_an_unread_connection_is_lost_without_a_leak() -> None:
    sender, receiver, events = await pair()
    for _ in range(BACKLOG_LIMIT + 1):
        await sender.send(b"x")
    with pytest.raises(RoomError):
        await receiver.send(b"?")
    *_, last = [event async for event in events]
    assert isinstance(last, ConnectionLost)
    assert last.reason is LossReason.ERROR
