"""The rooms in which the seat contract is kept.

A new kind of seat joins by one entry in `ROOMS`: an async context manager that yields a `RoomUnderTest`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import pytest

from adapters.simulator import Simulator, connect_remote, serving
from adapters.simulator.room import Rooms
from bot.clock import SystemClock
from bot.ports.room import AudioFrame, ConnectRoom, RoomConnection, RoomCredentials, VideoFrame
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
    """One channel. `credentials` gives a valid seat for a uid, `seats` makes seats of whatever credentials, `performer` lets
    somebody else in.

    What the room does not `carry` must not arrive at all, rather than garbled.
    """

    credentials: Callable[[str], RoomCredentials]
    seats: ConnectRoom
    performer: Callable[[str], Performer]
    carries: Callable[[bytes], bool] = lambda _: True

    def seat(self, uid: str) -> RoomConnection:
        return self.seats(self.credentials(uid))

    def seat_with_wrong_token(self, uid: str) -> RoomConnection:
        return self.seats(replace(self.credentials(uid), token="not a token"))

    def seat_with_token_of(self, other: str, uid: str) -> RoomConnection:
        return self.seats(replace(self.credentials(other), uid=uid))


class SimulatedPerformer:
    def __init__(self, rooms: Rooms, uid: str) -> None:
        self._seat = rooms.seat(rooms.issue("here", uid, timedelta(minutes=5)))
        self._seat.enter()

    def perform(self, frame: VideoFrame | AudioFrame) -> None:
        self._seat.publish(frame)

    def key_frames_asked(self) -> int:
        return int(self._seat.take_keyframe_request())


@contextlib.asynccontextmanager
async def simulated() -> AsyncIterator[RoomUnderTest]:
    async with Simulator(SystemClock()) as simulator:
        yield _room_of(simulator, simulator.seats)


@contextlib.asynccontextmanager
async def remote() -> AsyncIterator[RoomUnderTest]:
    async with Simulator(SystemClock()) as simulator, serving(simulator) as url:
        yield _room_of(simulator, connect_remote(url))


def _room_of(simulator: Simulator, seats: ConnectRoom) -> RoomUnderTest:
    rooms = simulator.rooms
    return RoomUnderTest(
        lambda uid: rooms.issue("here", uid, timedelta(minutes=5)), seats, lambda uid: SimulatedPerformer(rooms, uid)
    )


@contextlib.asynccontextmanager
async def agora() -> AsyncIterator[RoomUnderTest]:
    async with agora_room() as (hub, seats):
        yield RoomUnderTest(credentials, seats, lambda uid: AgoraPerformer(hub, uid), carries)


ROOMS: dict[str, Callable[[], AbstractAsyncContextManager[RoomUnderTest]]] = {
    "simulated": simulated,
    "remote": remote,
    "agora": agora,
}


@pytest.fixture(params=ROOMS)
async def room(request: pytest.FixtureRequest) -> AsyncIterator[RoomUnderTest]:
    async with ROOMS[request.param]() as under_test:
        yield under_test
