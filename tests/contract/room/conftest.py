"""The rooms in which the connection contract is kept.

A new kind of connection joins by one entry in `ROOMS`: an async context manager that yields a `RoomUnderTest`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import pytest

from adapters.simulator import Simulator, connect_remote, serving
from adapters.simulator.room import SimulatedRooms
from bot.clock import SystemClock
from bot.ports.room import AudioFrame, ConnectRoom, RoomConnection, RoomCredentials, VideoFrame
from bot.testing.room import FakeRoomConnection, FakeRooms
from tests.contract.room.agora_room import AgoraPerformer, agora_room, carries, credentials


class Performer(Protocol):
    """Somebody in the room who can be seen and heard."""

    def perform(self, frame: VideoFrame | AudioFrame) -> None:
        """Send it to those who watch."""
        ...

    def key_frames_asked(self) -> int:
        """Since the last call."""
        ...


@dataclass(frozen=True)
class RoomUnderTest:
    """One channel. `credentials` gives a valid connection for a uid, `connections` makes connections of whatever credentials, `performer` lets
    somebody else in, `publishes` says whether the voice of a uid is published at the moment.

    What the room does not `carry` must not arrive at all, rather than garbled.
    """

    credentials: Callable[[str], RoomCredentials]
    connections: ConnectRoom
    performer: Callable[[str], Performer]
    publishes: Callable[[str], bool]
    carries: Callable[[bytes], bool] = lambda _: True

    def connection(self, uid: str) -> RoomConnection:
        return self.connections(self.credentials(uid))

    def connection_with_wrong_token(self, uid: str) -> RoomConnection:
        return self.connections(replace(self.credentials(uid), token="not a token"))

    def connection_with_token_of(self, other: str, uid: str) -> RoomConnection:
        return self.connections(replace(self.credentials(other), uid=uid))


class SimulatedPerformer:
    def __init__(self, rooms: SimulatedRooms, uid: str) -> None:
        self._connection = rooms.connection(rooms.issue("here", uid, timedelta(minutes=5)))
        self._connection.enter()

    def perform(self, frame: VideoFrame | AudioFrame) -> None:
        self._connection.perform(frame)

    def key_frames_asked(self) -> int:
        return int(self._connection.take_keyframe_request())


@contextlib.asynccontextmanager
async def simulated() -> AsyncIterator[RoomUnderTest]:
    async with Simulator(SystemClock()) as simulator:
        yield _room_of(simulator, simulator.connect)


@contextlib.asynccontextmanager
async def remote() -> AsyncIterator[RoomUnderTest]:
    async with Simulator(SystemClock()) as simulator, serving(simulator) as url:
        yield _room_of(simulator, connect_remote(url))


def _room_of(simulator: Simulator, connections: ConnectRoom) -> RoomUnderTest:
    rooms = simulator.rooms
    return RoomUnderTest(
        lambda uid: rooms.issue("here", uid, timedelta(minutes=5)),
        connections,
        lambda uid: SimulatedPerformer(rooms, uid),
        lambda uid: any(each.publishes for each in rooms.connections("here") if each.uid == uid),
    )


class FakePerformer:
    def __init__(self, connection: FakeRoomConnection) -> None:
        self._connection = connection
        connection.enter()

    def perform(self, frame: VideoFrame | AudioFrame) -> None:
        self._connection.perform(frame)

    def key_frames_asked(self) -> int:
        asked, self._connection.key_frames_asked = self._connection.key_frames_asked, 0
        return asked


@contextlib.asynccontextmanager
async def fake() -> AsyncIterator[RoomUnderTest]:
    rooms = FakeRooms()
    yield RoomUnderTest(
        lambda uid: rooms.issue("here", uid),
        rooms.connect,
        lambda uid: FakePerformer(rooms.connect(rooms.issue("here", uid))),
        lambda uid: any(each.publishes for each in rooms.inside("here") if each.uid == uid),
    )


@contextlib.asynccontextmanager
async def agora() -> AsyncIterator[RoomUnderTest]:
    async with agora_room() as (hub, connections):
        yield RoomUnderTest(
            credentials,
            connections,
            lambda uid: AgoraPerformer(hub, uid),
            lambda uid: any(each.publishes for each in hub.connections("here") if each.uid == uid),
            carries,
        )


ROOMS: dict[str, Callable[[], AbstractAsyncContextManager[RoomUnderTest]]] = {
    "fake": fake,
    "simulated": simulated,
    "remote": remote,
    "agora": agora,
}


@pytest.fixture(params=ROOMS)
async def room(request: pytest.FixtureRequest) -> AsyncIterator[RoomUnderTest]:
    async with ROOMS[request.param]() as under_test:
        yield under_test
