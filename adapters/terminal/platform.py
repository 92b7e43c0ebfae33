"""The terminal as a chat platform: one place, one person, lines instead of messages."""

import asyncio
from collections.abc import Callable, Sequence

import click
from starlette.routing import BaseRoute

from bot.model import (
    Card,
    Delivery,
    File,
    Line,
    MessageRef,
    Opened,
    Person,
    Place,
    Reply,
    ReplyTo,
    SessionStatus,
    Standing,
)
from bot.ports.chat import Pace

PLACE = Place("terminal", "terminal", "terminal")
YOU = Person("you", "You", Standing.ADMIN)
NAME_WIDTH = 10


class TerminalPlatform:
    """Writes with `echo`. On a terminal a growing line is rewritten in place; elsewhere only whole lines are written."""

    name = "terminal"
    pace = Pace(calls_per_second=100, edit_interval=0.05, first_post=0.05)
    text_limit = 100_000

    def __init__(self, *, rewrites: bool, echo: Callable[..., None] = click.echo, width: int = 80) -> None:
        self.finals: asyncio.Queue[str] = asyncio.Queue()
        self.cards: asyncio.Queue[Card] = asyncio.Queue()
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self._rewrites = rewrites
        self._echo = echo
        self._width = width
        self._last = 0
        self._greeted = False

    def measure(self, text: str) -> int:
        return len(text)

    async def open(self, place: Place, card: Card) -> Opened:
        self.cards.put_nowait(card)
        return Opened(MessageRef(place, "card"), place)

    async def show(self, card_ref: MessageRef, thread: Place, card: Card) -> MessageRef:  # noqa: ARG002
        self.cards.put_nowait(card)
        if card.status is SessionStatus.LIVE and not self._greeted:
            self._greeted = True
            self.say("", click.style(f"{card.avatar_name} is live.", dim=True))
        return card_ref

    async def post(self, thread: Place, line: Line, key: str) -> MessageRef:  # noqa: ARG002
        self._last += 1
        self._write(line)
        return MessageRef(thread, str(self._last))

    async def find(self, thread: Place, key: str) -> MessageRef | None:  # noqa: ARG002
        return None

    async def edit(self, ref: MessageRef, line: Line) -> None:  # noqa: ARG002
        self._write(line)

    async def heard(self, ref: MessageRef) -> None:
        """The words stand on the screen already."""

    async def thinking(self, thread: Place) -> None:
        """Nothing to show."""

    async def tell(self, thread: Place, text: str) -> None:  # noqa: ARG002
        self.say("", text)

    async def attach(self, thread: Place, file: File, text: str) -> None:  # noqa: ARG002
        self.say("", f"{text}\n{file.content.decode(errors='replace')}")

    async def reply(self, to: ReplyTo, reply: Reply) -> None:  # noqa: ARG002
        self.told.put_nowait(reply.text)

    def routes(self) -> Sequence[BaseRoute]:
        return ()

    async def run(self) -> None:
        await asyncio.Event().wait()

    # ------------------------------------------------ the screen

    def say(self, speaker: str, text: str) -> None:
        """One whole line."""
        self._echo(f"{click.style(speaker.rjust(NAME_WIDTH), bold=True)}  {text}")

    def _write(self, line: Line) -> None:
        if line.delivery is Delivery.FINAL:
            self._echo("\r\033[K" if self._rewrites else "", nl=False)
            self.say(line.speaker, line.text)
            self.finals.put_nowait(line.text)
        elif self._rewrites:
            room = self._width - NAME_WIDTH - 3
            self._echo(f"\r\033[K{line.speaker.rjust(NAME_WIDTH)}  {line.text[-room:]}", nl=False)
