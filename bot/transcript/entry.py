"""One thing to show in a session's thread, and what is known to stand there."""

from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.disclosure import SAID_BEFORE, Disclosure
from bot.domain.posts import Addressee, TranscriptLine
from bot.ports.storage.records import UtteranceRecord


@dataclass(slots=True, eq=False)
class TranscriptEntry:
    """One thing to show in the thread, in its order: an utterance, or somebody's words that stand nowhere yet."""

    record: UtteranceRecord
    speaker: str
    began: float
    silent: bool = False  # the channel already holds the words
    announcement: bool = False
    resumed: bool = False  # an earlier run may have posted some of it
    before: str = ""  # what an earlier run heard of it
    saved: UtteranceRecord | None = None
    whole: UtteranceRecord | None = None  # what all stands in the thread of once the part that is being posted does
    marked: UtteranceRecord | None = None  # what is written down as shown
    next_save: float = 0.0
    next_edit: float = 0.0
    growing: bool = False  # it takes room among the messages that grow
    # By part: its message and what stands there; since when its post may have arrived although the call failed.
    shown: list[tuple[str, TranscriptLine | None]] = field(default_factory=list)
    tried: dict[int, datetime] = field(default_factory=dict)
    disclosure: Disclosure = SAID_BEFORE  # with its first part, whatever becomes of its text
    answers: Addressee | None = None
    fresh: bool = True  # this run has shown nothing of it

    @property
    def posted(self) -> bool:
        return self.silent or bool(self.shown)

    @property
    def pressing(self) -> bool:
        """Whether all of it is to be posted, and written before."""
        return self.record.final and not self.silent

    @property
    def visible(self) -> bool:
        """Whether there is anything of it to show in the thread."""
        return not self.silent and bool(self.record.text.strip())
