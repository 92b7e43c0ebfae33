"""The words that a channel blocks."""

from bot.ports.words import Objection, ProposedSpeech
from bot.speech.blocked_words import blocked_words

REASON = "it has a word that is not allowed in this channel"


class WordList:
    """A `Moderator` that needs nobody: it looks for whole words in what is written and in what would be spoken."""

    async def review(self, speech: ProposedSpeech) -> Objection | None:
        listed = blocked_words(speech.blocked)
        found = listed.found_in(speech.written) or listed.found_in(speech.spoken)
        return Objection(REASON) if found else None
