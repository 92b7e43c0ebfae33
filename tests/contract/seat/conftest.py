"""The rooms in which the seat contract is kept.

A new kind of seat joins by one entry in `ROOMS`: an async context manager that yields a `RoomUnderTest`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from adapters.simulator import Simulator, remote_seats, serving
from bot.clock import SystemClock
from bot.ports.room import RoomCredentials, Seat, Seats
from tests.contract.seat.agora_room import agora_room, carries


@dataclass(frozen=True)
class RoomUnderTest:
    """One channel. `credentials` gives a valid seat for a uid, `seats` makes seats of whatever credentials.

    What the room does not `carry` must not arrive at all, rather than garbled.
    """

    credentials: Callable[[str], RoomCredentials]
    seats: Seats
    carries: Callable[[bytes], bool] = lambda _: True

    def seat(self, uid: str) -> Seat:
        return self.seats(self.credentials(uid))

    def seat_with_wrong_token(self, uid: str) -> Seat:
        return self.seats(replace(self.credentials(uid), token="not a token"))

    def seat_with_token_of(self, other: str, uid: str) -> Seat:
        return self.seats(replace(self.credentials(other), uid=uid))


@contextlib.asynccontextmanager
async def simulated() -> AsyncIterator[RoomUnderTest]:
    async with Simulator(SystemClock()) as simulator:
        yield RoomUnderTest(lambda uid: simulator.rooms.issue("here", uid, timedelta(minutes=5)), simulator.seats)


@contextlib.asynccontextmanager
async def remote() -> AsyncIterator[RoomUnderTest]:
    async with Simulator(SystemClock()) as simulator, serving(simulator) as url:
        yield RoomUnderTest(lambda uid: simulator.rooms.issue("here", uid, timedelta(minutes=5)), remote_seats(url))


@contextlib.asynccontextmanager
async def agora() -> AsyncIterator[RoomUnderTest]:
    async with agora_room() as (credentials, seats):
        yield RoomUnderTest(credentials, seats, carries)


ROOMS: dict[str, Callable[[], AbstractAsyncContextManager[RoomUnderTest]]] = {
    "simulated": simulated,
    "remote": remote,
    "agora": agora,
}


@pytest.fixture(params=ROOMS)
async def room(request: pytest.FixtureRequest) -> AsyncIterator[RoomUnderTest]:
    async with ROOMS[request.param]() as under_test:
        yield under_test
