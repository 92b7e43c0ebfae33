"""A talk in the terminal: start, say, listen, stop."""

import asyncio
import itertools
from collections.abc import Sequence

import click

from adapters.terminal.platform import PLACE, YOU, TerminalPlatform
from bot.domain.conversations import Accepted, Command, Inbound, MessagePosted, MessageRef
from bot.domain.sessions import SessionStatus
from bot.domain.text import printable
from bot.ports.chat import CoreApi

CHANGES_WITHIN = 40.0
"""Seconds until a session is live or has ended: longer than it may take by its own rules."""

ANSWER_WITHIN = 120.0
"""Seconds; the avatar may have much to say."""

INTRODUCTION = "Avatarbot demo: AKOOL and the video room are simulated, everything else is real."


async def talk(terminal: TerminalPlatform, core: CoreApi, says: Sequence[str]) -> int:
    """Say one thing after the other, each when the last is answered. The exit code: 0 when all was answered."""
    return await _Talk(terminal, core).hold(says)


class _Talk:
    def __init__(self, terminal: TerminalPlatform, core: CoreApi) -> None:
        self._terminal = terminal
        self._screen = terminal.screen
        self._core = core
        self._sequences = itertools.count(1)

    async def hold(self, says: Sequence[str]) -> int:
        self._screen.heading(INTRODUCTION)
        if not await self._begin():
            return 1
        answered = [await self._exchange(text) for text in says if not self._screen.deserted]
        self._screen.pause()
        ended = await self._end()
        return 0 if ended and all(answered) else 1

    async def _begin(self) -> bool:
        # Whoever is alone need not be told apart: "Hello" is heard as "Hello", not as "You: Hello".
        await self._core.answer(self._inbound(Command("defaults set", {"names": "off"})))
        self._screen.grow("", "…")
        return await self._did(Command("start")) and await self._becomes(SessionStatus.LIVE)

    async def _end(self) -> bool:
        if not await self._did(Command("stop")) or not await self._becomes(SessionStatus.ENDED):
            return False
        self._screen.aside("Stopped, and closed at AKOOL.")
        return True

    async def _exchange(self, text: str) -> bool:
        """Whether there was an answer."""
        self._screen.pause()
        self._screen.line(YOU.name, text)
        if not await self._did(MessagePosted(text, MessageRef(PLACE, f"you-{next(self._sequences)}"))):
            return False
        answered = asyncio.create_task(self._terminal.finals.get())
        refused = asyncio.create_task(self._terminal.told.get())
        done, waiting = await asyncio.wait(
            (answered, refused), timeout=ANSWER_WITHIN, return_when=asyncio.FIRST_COMPLETED
        )
        for task in waiting:
            task.cancel()
        if refused in done:
            self._complain(refused.result())
        return answered in done

    async def _did(self, body: Command | MessagePosted) -> bool:
        outcome = await self._core.accept(self._inbound(body))
        if isinstance(outcome, Accepted):
            return True
        self._complain(getattr(outcome, "sentence", "That was not taken."))
        return False

    def _inbound(self, body: Command | MessagePosted) -> Inbound:
        sequence = next(self._sequences)
        return Inbound(f"terminal-{sequence}", sequence, PLACE, YOU, body)

    async def _becomes(self, status: SessionStatus) -> bool:
        """Wait for a state of the session, and say which it is; what ends it earlier is said too."""
        try:
            async with asyncio.timeout(CHANGES_WITHIN):
                while (card := await self._terminal.cards.get()).status not in {status, SessionStatus.ENDED}:
                    pass
        except TimeoutError:
            self._complain("The session does not move.")
            return False
        if card.status is not status:
            self._complain(card.note)
        elif status is SessionStatus.LIVE:
            self._screen.aside(f"{card.avatar_name} is live.")
        return card.status is status

    def _complain(self, sentence: str) -> None:
        self._screen.clear()
        click.echo(printable(sentence), err=True)
