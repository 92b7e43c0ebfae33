"""The avatars that keep the contract, in virtual time. One more joins by an entry in `AVATARS`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest

from adapters.akool.avatar import AkoolAvatar
from adapters.simulator.avatar import AvatarParams, SimulatedAvatar
from adapters.simulator.dialogue import Persona
from adapters.simulator.options import Options
from adapters.simulator.room import SimulatedRooms
from adapters.simulator.talker import Talker
from bot.domain.sessions import Mode
from bot.ports.avatar import AdjustableAvatar, Avatar, GesturingAvatar
from bot.ports.room import LossReason, RoomCredentials, TokenExpiring, VideoFrame
from bot.testing.avatar import AvatarBehavior, FakeAvatar
from bot.testing.virtual_time import LoopClock

PACE = 150.0
"""Characters a second."""

ARRIVES_AFTER = 0.2


class WholeAvatar(Avatar, AdjustableAvatar, GesturingAvatar, Protocol):
    """With everything that an avatar may have."""


class AvatarUnderTest(Protocol):
    """An avatar that repeats what it is given, not joined yet, and the strings of its room. It comes after `ARRIVES_AFTER` seconds."""

    @property
    def avatar(self) -> WholeAvatar: ...

    @property
    def given(self) -> Sequence[str]:
        """What reached it, in order."""
        ...

    def speaks_itself(self, text: str) -> None:
        """It says something that nobody asked for."""
        ...

    def depart(self) -> None: ...

    def arrive(self) -> None: ...

    def link_down(self) -> None: ...

    def link_up(self) -> None: ...

    def expire_token(self) -> None: ...

    def lose(self, reason: LossReason) -> None: ...

    def perform(self, frame: VideoFrame) -> None:
        """Its picture, for whoever watches."""
        ...


class FakeUnderTest:
    def __init__(self) -> None:
        self.avatar = self._fake = FakeAvatar(AvatarBehavior(arrives_after=ARRIVES_AFTER, pace=PACE))

    @property
    def given(self) -> Sequence[str]:
        return [given.text for given in self._fake.given]

    def speaks_itself(self, text: str) -> None:
        self._fake.plan("by-itself", text)

    def depart(self) -> None:
        self._fake.depart()

    def arrive(self) -> None:
        self._fake.arrive()

    def link_down(self) -> None:
        self._fake.link_down()

    def link_up(self) -> None:
        self._fake.link_up()

    def expire_token(self) -> None:
        self._fake.expire_token()

    def lose(self, reason: LossReason) -> None:
        self._fake.lose(reason)

    def perform(self, frame: VideoFrame) -> None:
        self._fake.show(frame)


class AkoolUnderTest:
    """AKOOL's avatar: ours at one end of a simulated room, a simulated one at the other."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._rooms = SimulatedRooms(clock)
        self._ours = self._rooms.connection(self._credentials("1"))
        self.avatar = AkoolAvatar(self._ours, own_uid="1")
        self._performers: list[SimulatedAvatar] = []
        self._tasks: list[asyncio.Task[None]] = []

    def _credentials(self, uid: str) -> RoomCredentials:
        return self._rooms.issue("here", uid, timedelta(hours=1))

    def arrive(self) -> None:
        performer = SimulatedAvatar(
            self._rooms.avatar_connection(self._credentials("2")),
            Talker(Persona("Alma")),
            AvatarParams(mode=Mode.RETELLING),
            replace(Options(), pace=PACE),
            self._clock,
        )
        self._performers.append(performer)
        self._tasks.append(asyncio.create_task(performer.perform()))

    def depart(self) -> None:
        self._performers[-1].connection.lose(LossReason.LOST)

    @property
    def given(self) -> Sequence[str]:
        return [spoken.given for performer in self._performers for spoken in performer.spoken]

    def speaks_itself(self, text: str) -> None:
        self._performers[-1]._plan("by-itself", text)

    def link_down(self) -> None:
        self._ours.link_down()

    def link_up(self) -> None:
        self._ours.link_up()

    def expire_token(self) -> None:
        self._ours.tell(TokenExpiring())

    def lose(self, reason: LossReason) -> None:
        self._ours.lose(reason)

    def perform(self, frame: VideoFrame) -> None:
        self._performers[-1].connection.perform(frame)

    async def end(self) -> None:
        self._rooms.close("here")
        await asyncio.gather(*self._tasks)


@contextlib.asynccontextmanager
async def fake() -> AsyncIterator[AvatarUnderTest]:
    yield FakeUnderTest()


@contextlib.asynccontextmanager
async def akool() -> AsyncIterator[AvatarUnderTest]:
    under_test = AkoolUnderTest(LoopClock())
    arriving = asyncio.get_running_loop().call_later(ARRIVES_AFTER, under_test.arrive)
    try:
        yield under_test
    finally:
        arriving.cancel()
        await under_test.end()


Kind = Callable[[], AbstractAsyncContextManager[AvatarUnderTest]]

AVATARS: dict[str, Kind] = {"fake": fake, "akool": akool}


@pytest.fixture(params=AVATARS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return AVATARS[request.param]
