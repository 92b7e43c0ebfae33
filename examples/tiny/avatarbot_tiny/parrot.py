"""A provider that can host and nothing else: its one avatar says what it is given. No lists, no parameters, no picture.

AVATARBOT_PROVIDER=parrot avatarbot run
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from typing import Any

from pydantic_settings import BaseSettings

from bot.domain.posts import Speaker
from bot.domain.sessions import SessionSpec
from bot.ports.avatar import Avatar, AvatarArrived, AvatarEvent, AvatarGone, FirstSent, Speaking, Utterance
from bot.ports.plugin import ProviderContext, ProviderPlugin
from bot.ports.provider import (
    AvatarProvider,
    Capabilities,
    ProviderLimits,
    ProviderSession,
    ProviderSessionInfo,
    ProviderState,
)
from bot.ports.room import LossReason, RoomCredentials

TAKES_S = 1.0
"""How long it takes to say something, whatever it is."""

GREETING = "Good day! I repeat what you write."


class Parrot:
    """An `Avatar` in the same process: it arrives at once and greets."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[AvatarEvent | None] = asyncio.Queue()

    async def join(self) -> None:
        self._events.put_nowait(AvatarArrived())
        self._utter("greeting", GREETING)

    async def events(self) -> AsyncIterator[AvatarEvent]:
        while (event := await self._events.get()) is not None:
            yield event

    async def say(self, turn_id: str, text: str | AsyncIterable[str]) -> None:
        self._events.put_nowait(FirstSent(turn_id))
        self._utter(turn_id, text if isinstance(text, str) else "".join([piece async for piece in text]))

    def _utter(self, turn_id: str, text: str) -> None:
        self._events.put_nowait(Speaking(turn_id, on=True))
        self._events.put_nowait(Utterance(turn_id, Speaker.BOT, text[: len(text) // 2], final=False))
        asyncio.get_running_loop().call_later(TAKES_S, self._finish, turn_id, text)

    def _finish(self, turn_id: str, text: str) -> None:
        self._events.put_nowait(Utterance(turn_id, Speaker.BOT, text, final=True))
        self._events.put_nowait(Speaking(turn_id, on=False))

    async def interrupt(self) -> None:
        """It is done before that could help."""

    async def watch(self, on: bool) -> None:
        """There is nothing to see."""

    async def request_key_frame(self) -> None:
        """There is nothing to see."""

    async def leave(self) -> None:
        self._events.put_nowait(None)

    def over(self) -> None:
        """The provider ends its session."""
        self._events.put_nowait(AvatarGone(LossReason.EXPIRED))
        self._events.put_nowait(None)


class ParrotProvider:
    """An `AvatarProvider` of parrots, which last for ten minutes and are not renewed."""

    name = "The parrot house"
    limits = ProviderLimits(longest_s=600, renews=False)
    capabilities = Capabilities()

    def __init__(self) -> None:
        self.open: dict[str, Parrot] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._ids = itertools.count(1)

    async def create(self, spec: SessionSpec, duration_s: int, tag: str) -> ProviderSession:  # noqa: ARG002 - all parrots are alike
        id_ = f"parrot-{next(self._ids)}"
        self.open[id_] = Parrot()
        self._timers[id_] = asyncio.get_running_loop().call_later(duration_s, self._end, id_)
        return ProviderSession(id_, RoomCredentials("parrots", tag, "1", ""))

    async def close(self, provider_session_id: str) -> None:
        self._end(provider_session_id)

    def _end(self, id_: str) -> None:
        if id_ in self.open:
            self._timers.pop(id_).cancel()
            self.open.pop(id_).over()

    async def state(self, provider_session_id: str) -> ProviderState:
        return ProviderState.LIVE if provider_session_id in self.open else ProviderState.OVER

    async def sessions(self) -> Sequence[ProviderSessionInfo]:
        return [ProviderSessionInfo(id_, ProviderState.LIVE) for id_ in self.open]

    def avatar(self, session: ProviderSession) -> Avatar:
        return self.open.get(session.id) or Parrot()

    async def aclose(self) -> None:
        for id_ in tuple(self.open):
            self._end(id_)


@contextlib.asynccontextmanager
async def _open(_settings: Any, _context: ProviderContext) -> AsyncIterator[AvatarProvider]:
    async with contextlib.aclosing(ParrotProvider()) as provider:
        yield provider


PLUGIN = ProviderPlugin(
    name="parrot",
    title=ParrotProvider.name,
    settings=BaseSettings,
    configured=lambda _settings: False,  # only where AVATARBOT_PROVIDER names it
    setup="AVATARBOT_PROVIDER=parrot",
    open=_open,
)
