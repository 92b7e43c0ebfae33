"""The terminal takes the contract as far as it goes: one person, one place, and what is written on the screen stays there.

What people do comes from a talk (`adapters/terminal/talk.py`), which the whole demo's tests hold.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import pytest

from adapters.terminal.platform import PLACE, YOU, TerminalPlatform
from adapters.terminal.screen import MARGIN, TerminalScreen, TerminalShape
from bot.domain.conversations import ConversationRef, MessageRef, ReplyTo
from bot.domain.posts import Card, CardAction, Opened, TranscriptLine
from tests.contract.platform.harness import ANN, Abilities, PlatformHarness, RecordingCore, Seen

WIDE = TerminalShape(columns=1_000_000, lines=1_000_000, rewrites=True, colours=True)
_CLEARED = re.compile(r"\r(?:\033\[\d+A\r)?\033\[J|\r\033\[\d+A\r?\033\[J")
_BLOCK = re.compile(r" *(?:\033\[1m(?P<name>.*?)\033\[0m)?  (?P<text>.*)", re.DOTALL)
_STYLE = re.compile(r"\033\[\d*m")

TALKED = "what people do comes from a talk, which has tests of its own"
STAYS = "what is written in a terminal stays there"


@dataclass
class Block:
    """A name in its column and words beside it; one that grows is taken away by what is written next."""

    name: str
    text: str
    grows: bool
    ref: MessageRef | None = None


class Eyes:
    """What stands on the screen."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []

    def write(self, written: str) -> None:
        shown = _CLEARED.sub("", written)
        if shown != written:
            assert self.blocks.pop().grows
        found = _BLOCK.fullmatch(shown.removesuffix("\n"))
        if found and shown.strip():
            text = _STYLE.sub("", found["text"]).replace("\n" + " " * MARGIN, "\n")
            self.blocks.append(Block(found["name"] or "", text, grows=not shown.endswith("\n")))

    def belongs(self, ref: MessageRef) -> MessageRef:
        """What was written since is this message's."""
        for block in self.blocks:
            block.ref = block.ref or ref
        return ref


class WatchedTerminal(TerminalPlatform):
    """The terminal, and whose each block is."""

    def __init__(self, eyes: Eyes) -> None:
        super().__init__(TerminalScreen(lambda: WIDE, eyes.write))
        self._eyes = eyes

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:
        opened = await super().post_card(place, card, since=since)
        self._eyes.belongs(opened.card)
        return opened

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        return self._eyes.belongs(await super().post(thread, line, key))

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        await super().edit(ref, line)
        self._eyes.belongs(ref)

    async def notify(self, thread: ConversationRef, text: str) -> None:
        await super().notify(thread, text)
        self._eyes.belongs(MessageRef(thread, f"notice-{len(self._eyes.blocks)}"))


class TerminalHarness(PlatformHarness):
    def __init__(self) -> None:
        self.core = RecordingCore()
        self.abilities = Abilities(
            has_outsiders=False,
            has_private_channels=False,
            shows_cards=False,
            has_threads=False,
        )
        self.place = PLACE
        self.place_name = "the terminal"
        self._eyes = Eyes()
        self._told: list[str] = []
        self.platform = WatchedTerminal(self._eyes)

    async def asked(self, who: str) -> ReplyTo:
        return ReplyTo(PLACE, YOU, "handle-1")

    # ------------------------------------------------ what people see

    async def messages(self, place: ConversationRef) -> Sequence[Seen]:
        texts: dict[MessageRef, list[str]] = {}
        names: dict[MessageRef, str] = {}
        for block in self._eyes.blocks:
            if block.ref:
                texts.setdefault(block.ref, []).append(block.text)
                names[block.ref] = block.name
        return [Seen(ref, "\n".join(lines), names[ref]) for ref, lines in texts.items()]

    async def privately(self, who: str) -> Sequence[str]:
        while not self.platform.told.empty():
            self._told.append(self.platform.told.get_nowait())
        return self._told if who == ANN else []

    # ------------------------------------------------ what happens to the world

    def later(self, seconds: float) -> None:
        """Nothing here has an end."""

    async def restart(self) -> None:
        await self.privately(ANN)
        self.platform = WatchedTerminal(self._eyes)

    async def lose_message(self, ref: MessageRef) -> None:
        pytest.skip(STAYS)

    async def make_private(self, place: ConversationRef) -> None:
        raise NotImplementedError

    async def lose_place(self, place: ConversationRef) -> None:
        pytest.skip(STAYS)

    # ------------------------------------------------ what people do

    async def write(self, who: str, text: str, place: ConversationRef, *, mention: bool = False) -> MessageRef:
        pytest.skip(TALKED)

    async def rewrite(self, ref: MessageRef, text: str) -> None:
        pytest.skip(TALKED)

    async def withdraw(self, ref: MessageRef) -> None:
        pytest.skip(TALKED)

    async def command(self, who: str, verb: str, options: dict[str, str], place: ConversationRef) -> None:
        pytest.skip(TALKED)

    def mention(self, who: str) -> str:
        raise NotImplementedError

    async def press(self, who: str, card: MessageRef, action: CardAction) -> None:
        pytest.skip(TALKED)

    async def answer_buttons(self, who: str) -> Sequence[str]:
        raise NotImplementedError

    async def press_answer(self, who: str, label: str) -> str:
        raise NotImplementedError

    async def type_ahead(self, who: str, verb: str, option: str, typed: str, place: ConversationRef) -> Sequence[str]:
        pytest.skip(TALKED)

    async def redeliver(self) -> None:
        raise NotImplementedError


@asynccontextmanager
async def open_harness() -> AsyncIterator[TerminalHarness]:
    yield TerminalHarness()
