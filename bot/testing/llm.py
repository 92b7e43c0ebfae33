"""A language model for tests: answers as it is told, piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.ports.words import Exchange
from bot.testing.scripted_calls import ScriptedCalls

Answering = Callable[[str, Sequence[Exchange]], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as the model got it."""

    system_prompt: str
    history: tuple[Exchange, ...]

    @property
    def question(self) -> str:
        return self.history[-1].text


def repeats(_: str, history: Sequence[Exchange]) -> Iterable[str]:
    """The question back, word by word."""
    return (f"{word} " for word in history[-1].text.split())


class FakeLanguageModel(ScriptedCalls):
    """A `LanguageModel`. `answering` gives the pieces of an answer, and each takes `pause` seconds to write.

    It refuses a history whose last line is not a person's: nothing was asked. `asked` has every question, and `writing` says how
    many answers are being written: one that is closed before its end is given up at once.
    """

    def __init__(self, answering: Answering = repeats, *, pause: float = 0.0) -> None:
        super().__init__()
        self.answering = answering
        self.pause = pause
        self.hangs = False
        """Whether an answer neither goes on nor ends after its pieces."""
        self.asked: list[Asked] = []
        self.writing = 0

    async def answer(self, system_prompt: str, history: Sequence[Exchange]) -> AsyncGenerator[str, None]:
        if not history or history[-1].name is None:
            raise ValueError("the last line of the history is nobody's question")
        self.asked.append(Asked(system_prompt, tuple(history)))
        self.writing += 1
        try:
            async with self.called("answer", system_prompt, history):
                for piece in self.answering(system_prompt, history):
                    await asyncio.sleep(self.pause)
                    if piece:
                        yield piece
                if self.hangs:
                    await asyncio.Event().wait()
        finally:
            self.writing -= 1
