"""What a chat platform brings along to take the contract: a service to talk to, people in it, and eyes.

To join, put a module `harness_<platform>.py` beside this one with an async context manager `open_harness()` that yields a
`PlatformHarness`. Nothing else is to be edited; `conftest.py` finds it.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import pytest

from bot.domain.conversations import (
    Accepted,
    Choice,
    ConversationRef,
    Duplicate,
    Inbound,
    MessagePosted,
    MessageRef,
    Outcome,
    Reply,
    ReplyTo,
)
from bot.domain.errors import StoreUnavailable
from bot.domain.posts import CardAction
from bot.ports.chat import ChatPlatform, CoreApi, Give, ValueQuery

T = TypeVar("T")

ANN = "ann"
BEN = "ben"
GUEST = "guest"
"""An outsider (Slack Connect, a guest); where a platform has none, `has_outsiders` is False."""


class RecordingCore(CoreApi):
    """The front door with a notebook: keeps what came in and answers as it was told to."""

    def __init__(self) -> None:
        self.inbounds: list[Inbound] = []
        self.asked: list[ValueQuery] = []
        self.gone: list[ConversationRef] = []
        self.outcome: Outcome = Accepted("row", "session")
        self.unavailable = False
        self.reply = Reply("")
        self.choices: Sequence[Choice] = ()
        self.ask_hangs = False
        self.forgotten: frozenset[str] = frozenset()
        self.hosted = True
        self.broken: Exception | None = None
        self.left: list[tuple[ConversationRef, str]] = []
        self.answered: set[str] = set()
        self.accounts: frozenset[str] = frozenset()
        self.talked: dict[ConversationRef, str] = {}

    async def accept(self, inbound: Inbound) -> Outcome:
        self.inbounds.append(inbound)
        if inbound.event_id in self.answered:
            return Duplicate()
        if self.broken:
            raise self.broken
        if self.unavailable:
            raise StoreUnavailable("Not taken, try again.")
        if isinstance(self.outcome, Accepted) and isinstance(inbound.body, MessagePosted) and inbound.body.message:
            self.talked[inbound.place] = inbound.body.message.message_id
        return self.outcome

    async def concerns(self, place: ConversationRef) -> bool:
        return self.hosted

    async def first_to_answer(self, inbound: Inbound, give: Give) -> Give | None:
        if self.unavailable:
            raise StoreUnavailable("Not taken, try again.")
        first = inbound.event_id not in self.answered
        self.answered.add(inbound.event_id)
        return give if first else None

    async def talks(self, platform: str) -> Mapping[ConversationRef, str]:
        if self.unavailable:
            raise StoreUnavailable("Not known now.")
        return self.talked

    async def answer(self, inbound: Inbound) -> Reply:
        return self.reply

    async def ask(self, ask: ValueQuery) -> Sequence[Choice]:
        self.asked.append(ask)
        if self.ask_hangs:
            await asyncio.Event().wait()
        return self.choices

    async def channel_removed(self, place: ConversationRef, *, whole_workspace: bool = False) -> None:
        self.gone.append(place)

    async def kept(self, session_ids: Collection[str]) -> frozenset[str]:
        return frozenset(session_ids) - self.forgotten

    async def own_accounts(self, platform: str) -> frozenset[str]:
        if self.unavailable:
            raise StoreUnavailable("Not known now.")
        return self.accounts

    async def person_gone(self, place: ConversationRef, person_id: str) -> None:
        self.left.append((place, person_id))


@dataclass(frozen=True)
class Seen:
    """A message as another person in the channel reads it: rendered, so with the platform's escaping undone.

    `notified` names whom the platform would ping because of it (people's ids, or words like "everyone").
    """

    ref: MessageRef
    text: str
    author: str = ""
    notified: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    marked: bool = False
    replies_to: str = ""
    """The author of the message that it is shown as a reply to."""


@dataclass
class Abilities:
    """What a platform honestly cannot do; tests that need it are skipped with that reason."""

    has_outsiders: bool = True
    sees_edits: bool = True
    redelivers: bool = True
    types_ahead: bool = True
    has_private_channels: bool = True
    shows_cards: bool = True
    has_threads: bool = True
    threads_in_threads: bool = field(default=False)


class PlatformHarness(Protocol):
    """One platform, running against a local stand-in for its service. People are `ANN`, `BEN` and `GUEST`."""

    platform: ChatPlatform
    core: RecordingCore
    abilities: Abilities
    place: ConversationRef  # a channel where the bot may post
    place_name: str  # what people call it

    # ------------------------------------------------ what people do

    async def write(self, who: str, text: str, place: ConversationRef, *, mention: bool = False) -> MessageRef:
        """Somebody writes; with `mention` they address the bot by name first. Returns when the adapter is done with it."""
        ...

    async def rewrite(self, ref: MessageRef, text: str) -> None:
        """The author edits their message."""
        ...

    async def withdraw(self, ref: MessageRef) -> None:
        """The author deletes their message."""
        ...

    async def command(self, who: str, verb: str, options: dict[str, str], place: ConversationRef) -> None:
        """Somebody runs `/avatar <verb>`. Returns when the adapter is done with it."""
        ...

    def mention(self, who: str) -> str:
        """What somebody's client sends when they pick `who` from the list behind an @."""
        ...

    async def press(self, who: str, card: MessageRef, action: CardAction) -> None:
        """Somebody presses a button of a card."""
        ...

    async def answer_buttons(self, who: str) -> Sequence[str]:
        """The words on the buttons below the last answer to this person, links left out."""
        ...

    async def press_answer(self, who: str, label: str) -> str:
        """This person presses the first button of that word below their last answer, and says yes to what their client asks
        back before it is run. Returns that question, `''` where the client asks nothing.
        """
        ...

    async def type_ahead(self, who: str, verb: str, option: str, typed: str, place: ConversationRef) -> Sequence[str]:
        """The labels that somebody is offered while typing the value of an option."""
        ...

    async def redeliver(self) -> None:
        """The service delivers its last event once more."""
        ...

    async def asked(self, who: str) -> ReplyTo:
        """How somebody is answered who ran a command that the core took."""
        await self.command(who, "status", {}, self.place)
        reply_to = self.core.inbounds[-1].reply_to
        assert reply_to is not None
        return reply_to

    # ------------------------------------------------ what people see

    async def messages(self, place: ConversationRef) -> Sequence[Seen]:
        """What Ben reads in exactly this place, oldest first, nothing private."""
        ...

    async def privately(self, who: str) -> Sequence[str]:
        """What only this person was told, oldest first: text, items, link and file name of each answer as one string."""
        ...

    # ------------------------------------------------ what happens to the world

    def later(self, seconds: float) -> None:
        """The clock moves on."""
        ...

    async def lose_message(self, ref: MessageRef) -> None:
        """A message of the bot is deleted by somebody."""
        ...

    async def make_private(self, place: ConversationRef) -> None:
        """From now on only those who are let into a channel know of it; the bot is."""
        ...

    async def lose_place(self, place: ConversationRef) -> None:
        """The bot is removed from the channel, or it is deleted or archived."""
        ...

    async def restart(self) -> None:
        """The process dies and comes back: a new `platform`, same service, nothing kept in memory."""
        ...


def needs(ability: bool, reason: str) -> None:
    """Skips the test where a platform honestly cannot do that."""
    if not ability:
        pytest.skip(reason)


def able(feature: T | None) -> T:
    """A feature of a platform; the test is skipped where it has none."""
    if feature is None:
        pytest.skip("this platform has no such feature")
    return feature


async def told_for_a_message(harness: PlatformHarness, who: str, place: ConversationRef) -> Sequence[str]:
    """What somebody was told because of their last message: privately, or as a reply to it where a platform has nothing private."""
    author = harness.core.inbounds[-1].person.id
    replies = [seen.text for seen in await harness.messages(place) if seen.replies_to == author]
    return [*await harness.privately(who), *replies]
