"""The team's own language model speaks through the avatar, sentence by sentence while it is still being written."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from bot.domain.errors import ProviderError, Verdict
from bot.ports.storage.records import InboxRecord
from bot.ports.words import Exchange, Source
from bot.runtime.context import SessionContext
from bot.runtime.services import Cleared, Refusal
from bot.speech.sentences import SentenceStream
from bot.speech.speakable import clean_name, speakable

LONGEST_ANSWER = 2_000
"""Characters after which an answer is cut: about two minutes of speech."""

LONGEST_READ = 8_000
"""Characters that are read of an answer. Markup and links shrink to a few words, so less than that may be spoken."""

CUT = Cleared("… and so on.")
"""What the avatar says where an answer was cut."""

PAUSE = 0.02
"""Seconds without a word after which what reads as a sentence is taken for one, so that nobody waits for the next to begin."""

HISTORY = 30
"""Lines of the conversation that the model is given."""

USUAL_PROMPT = (
    "You are {name}, a video avatar in a team's chat. You are heard, not read: answer in a few short spoken sentences, "
    "without lists, links or formatting."
)


@dataclass(slots=True)
class LlmReply:
    """One answer of the language model, spoken while it is written."""

    context: SessionContext
    row: InboxRecord
    text: str
    refused: Refusal | None = None
    """Of the sentence that the answer ended before, once it has."""
    _said: list[str] = field(default_factory=list)

    @property
    def so_far(self) -> str:
        return " ".join(self._said)

    async def sentences(self) -> AsyncGenerator[Cleared, None]:
        """Sentences as they are complete, capped in length, up to one that is `refused`. Raises `ProviderError`; closing it cancels the request."""
        async with contextlib.aclosing(self._written()) as written:
            async for sentence in written:
                if said := speakable(sentence):
                    await self.context.read_settings()
                    cleared = await self.context.cleared(sentence, said, Source.MODEL)
                    if isinstance(cleared, Refusal):
                        self.refused = cleared
                        return
                    yield self._keep(cleared)
                if len(self.so_far) >= LONGEST_ANSWER:
                    yield CUT
                    return
        if not self._said:
            raise ProviderError("The language model gave no answer. Please ask again.", verdict=Verdict.RETRY_LATER)

    async def _written(self) -> AsyncGenerator[str, None]:
        """What the model writes, sentence by sentence; what is longer than anybody listens to is not read to its end."""
        model = self.context.services.model
        assert model is not None
        splitter, unread = SentenceStream(), LONGEST_READ
        async with (
            contextlib.aclosing(model.answer(self._prompt(), await self._history())) as pieces,
            contextlib.aclosing(_with_pauses(pieces)) as written,
        ):
            async for piece in written:
                for sentence in splitter.settle() if piece is None else splitter.feed(piece[:unread]):
                    yield sentence
                unread -= len(piece or "")
                if unread <= 0:
                    break
        for sentence in splitter.flush():
            yield sentence

    def _keep(self, sentence: Cleared) -> Cleared:
        self._said.append(sentence)
        return Cleared(sentence + " ")

    def _prompt(self) -> str:
        return self.context.settings.prompt or USUAL_PROMPT.format(name=self.context.session.spec.avatar_name)

    async def _history(self) -> list[Exchange]:
        """What was said before, from our own transcript, and the question last."""
        session_id = self.context.session.id
        lines = await self.context.services.storage.transcripts.conversation(session_id, HISTORY, self.row.id)
        before = [Exchange(clean_name(name) if name else None, text) for name, text in lines]
        return [*before, Exchange(clean_name(self.row.person_name), self.text)]


async def _with_pauses(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str | None, None]:
    """The pieces, and None before one that is not there within `PAUSE`. Closing it cancels the wait for the next."""
    while True:
        coming = asyncio.ensure_future(anext(pieces, None))
        try:
            done, _ = await asyncio.wait((coming,), timeout=PAUSE)
            if not done:
                yield None
            piece = await coming
        finally:
            coming.cancel()
            await asyncio.wait((coming,))
        if piece is None:
            return
        yield piece


class LlmReplies:
    """Answers of the team's own model in one session."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context

    def answer(self, row: InboxRecord, text: str) -> LlmReply:
        return LlmReply(self._context, row, text)
