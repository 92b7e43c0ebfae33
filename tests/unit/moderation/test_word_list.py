"""The words of a channel, in what is written and in what would be spoken."""

import pytest

from adapters.moderation.moderators import BLOCKED_WORD, WordList
from bot.ports.words import Objection, ProposedSpeech, Source
from bot.testing.chat import CHANNEL


@pytest.mark.parametrize(
    ("written", "spoken"), [("Heck!", "Heck!"), ("**h**eck", "heck"), ("heck.example/x", "a link"), ("Hi", "Heck: Hi")]
)
async def test_a_word_of_the_channel_is_refused(written: str, spoken: str) -> None:
    speech = ProposedSpeech(written, spoken, CHANNEL, Source.PERSON, ("darn", "heck"))
    assert await WordList().review(speech) == Objection(BLOCKED_WORD)


async def test_a_channel_without_words_allows_everything() -> None:
    assert await WordList().review(ProposedSpeech("Heck!", "Heck!", CHANNEL, Source.PERSON)) is None
