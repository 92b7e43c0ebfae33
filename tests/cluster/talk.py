"""People who talk with avatars, whatever happens to the processes that serve them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from bot.tasks import rest


@dataclass(frozen=True)
class Place:
    platform: str
    workspace: str
    channel: str


@dataclass(frozen=True)
class SaidMessage:
    """One message that the platform's delivery of was acknowledged."""

    event_id: str
    text: str
    """What the avatar then says."""


@dataclass(frozen=True)
class PostedLine:
    """A message of the bot's, and the key it was posted under."""

    channel: str
    key: str
    text: str
    card: bool


class Chat(Protocol):
    """A chat service, as whoever looks at all of it sees it."""

    def lines(self) -> Sequence[PostedLine]: ...

    def told(self) -> Sequence[tuple[str, str]]:
        """Each sentence that one person alone saw, after who that was."""
        ...

    def refused(self) -> Sequence[str]:
        """Calls that came too fast, each with what it met."""
        ...


@dataclass
class Talker(ABC):
    """One person in one place, who has one session there."""

    place: Place
    person: str
    said: list[SaidMessage] = field(default_factory=list, kw_only=True)
    typed: int = field(default=0, kw_only=True)
    """Commands so far, those included that nobody took."""

    @abstractmethod
    async def command(self, text: str) -> None:
        """Returns once it was taken."""

    @abstractmethod
    async def write(self, text: str, thread: str) -> str:
        """Returns once it was taken, with the event's id."""

    async def say(self, thread: str) -> None:
        text = f"this is number {len(self.said)} of {self.place.channel}, loud and clear."
        event_id = await self.write(f"Repeat after me: {text}", thread)
        self.said.append(SaidMessage(event_id, text))

    async def talk(self, thread: str, stop: asyncio.Event, dice: Random, every: float) -> None:
        """One message after the other until told to stop."""
        await rest(stop, dice.uniform(0, every))
        while not stop.is_set():
            await self.say(thread)
            await rest(stop, dice.uniform(0.7, 1.3) * every)
