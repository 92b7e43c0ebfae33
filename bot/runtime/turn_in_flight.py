"""The turn in flight: what the avatar has shown of it, and when it is taken to be over although nothing says so."""

import asyncio
import math
from dataclasses import dataclass, field

from bot.ports.avatar import Speaking, Utterance
from bot.ports.storage.records import InboxOutcome, InboxRecord
from bot.speech.sentences import speaking_seconds

SILENT_GRACE = 5.0
"""Seconds beyond the estimated speaking time after which a turn without an end is taken to be over."""

SETTLED = 1.0
"""Seconds without a word after a final text; where every part is marked as the last, more comes after it."""

BEHIND_AT_MOST = 150.0
"""Seconds from a turn's beginning for which it waits behind something else that the avatar says; the longest opening line takes 130."""


@dataclass(slots=True)
class TurnInFlight:
    """Times are the loop's."""

    row: InboxRecord
    began: float
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # something below has changed
    ends_by: float = 0.0  # when it is taken to be over although nothing says so
    settled_at: float = math.inf  # when it is over unless more is said: its text was final, and no voice was told of
    heard: bool = False
    voiced: bool = False  # audio_start was seen, so audio_end should come; the stream may lose it
    over: bool = False
    stopped: InboxOutcome = InboxOutcome.NONE  # its outcome, where somebody stopped it

    def follow(self, event: Speaking | Utterance, speed: float) -> None:
        """The avatar answers, with a voice of that speed."""
        match event:
            case Speaking(on=True):
                self.voiced = True
                self._hears("", speed)
            case Speaking(on=False):
                self.over = True
            case Utterance(text=text, final=final):
                self._hears(text, speed)
                settles = final and not self.voiced
                self.settled_at = _now() + SETTLED if settles else math.inf

    def wait_behind(self, event: Speaking | Utterance, within: float) -> None:
        """It says something else: a knowledge base's opening line, or the end of an earlier turn. What waits may come after it."""
        if self.heard:
            return
        match event:
            case Speaking(on=True):
                self.ends_by = self.began + BEHIND_AT_MOST
            case Speaking(on=False):
                self.ends_by = _now() + within
            case Utterance():
                self.ends_by = max(self.ends_by, _now() + within)
        self.ends_by = min(self.ends_by, self.began + BEHIND_AT_MOST)

    def _hears(self, text: str, speed: float) -> None:
        """A sign of life; all of `text` may still have to be spoken, and then a sign of the end is due."""
        ends_by = _now() + speaking_seconds(text, speed) + SILENT_GRACE
        self.ends_by = max(self.ends_by, ends_by) if self.heard else ends_by
        self.heard = True


def _now() -> float:
    return asyncio.get_running_loop().time()
