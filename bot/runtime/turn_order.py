"""What waits for a task of a run and whose turn it is; the turn in flight, and which of what the avatar says is said to it.

Avatars seem to answer under the `mid` of the request, but nothing promises it. Once that was seen in a run, only a turn's own `mid`
counts. Until then, what begins under another `mid` after all of a turn was sent is taken for its answer.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bot.domain.posts import Addressee
from bot.ports.avatar import Speaking, Utterance
from bot.ports.storage.records import InboxOutcome, InboxRecord
from bot.speech.sentences import speaking_seconds

Read = Callable[[], Awaitable[Sequence[InboxRecord]]]

REMEMBERED = 100
"""Rows that are over; one that is handed over later than it was read and dealt with is not dealt with again."""


class WaitingRows:
    """Of one task, which alone takes from it. The rows in the database are the truth: whoever takes a turn claims it there, as it
    was read, and one that was edited or withdrawn meanwhile is refused. Then, at the start and after a missed wakeup they are
    read again.
    """

    def __init__(self, read: Read) -> None:
        self.wakeup = asyncio.Event()
        """Set when there may be something to do. The task clears it before it looks."""
        self._read = read
        self._rows: dict[str, InboxRecord] = {}
        self._over: deque[str] = deque(maxlen=REMEMBERED)
        self._doubted = True

    def knows(self, row_id: str) -> bool:
        """Whether it waits here or was dealt with, or will be seen at the next look."""
        return self._doubted or row_id in self._rows or row_id in self._over

    def put(self, row: InboxRecord) -> None:
        """It was accepted, and is committed."""
        if row.id not in self._over:
            self._rows[row.id] = row
            self.wakeup.set()

    def doubt(self) -> None:
        """There may be others, or they may have changed: they are read before the next is taken."""
        self._doubted = True
        self.wakeup.set()

    def over(self, row: InboxRecord) -> None:
        """It waits no longer."""
        self._over.append(row.id)
        self._rows.pop(row.id, None)

    async def all(self) -> list[InboxRecord]:
        """What waits, lowest sequence first. Raises `StoreUnavailable`, and then they are still in doubt."""
        while self._doubted:
            await self._read_again()
        return sorted(self._rows.values(), key=lambda row: (row.sequence, row.id))

    async def _read_again(self) -> None:
        """What is handed over meanwhile may be missing in what is read, and stays."""
        self._doubted, before = False, set(self._rows)
        try:
            found = await self._read()
        except BaseException:
            self._doubted = True
            raise
        put = [row for row in self._rows.values() if row.id not in before]
        self._rows = {row.id: row for row in (*put, *found) if row.id not in self._over}


AUTHORS_REMEMBERED = 200
"""Authors of whom it is known when they had their turn; whoever is forgotten counts as new."""


class RoundRobin:
    """Of one run. Who never had a turn comes first, then who has waited longest since the last one; in doubt the lowest sequence."""

    def __init__(self) -> None:
        self._served: dict[str, None] = {}  # the last at the end

    def next(self, waiting: Sequence[InboxRecord]) -> InboxRecord:
        """`waiting` is not empty, the lowest sequence first."""
        first = {row.person_id: row for row in reversed(waiting)}
        rank = {person: place for place, person in enumerate(self._served, 1)}
        return min(reversed(first.values()), key=lambda row: (rank.get(row.person_id, 0), row.sequence))

    def served(self, person_id: str) -> None:
        """Somebody has a turn now."""
        self._served.pop(person_id, None)
        self._served[person_id] = None
        for forgotten in list(self._served)[:-AUTHORS_REMEMBERED]:
            del self._served[forgotten]


REMEMBERED_TURNS = 50
"""Turns whose answers are recognised as theirs."""

REMEMBERED_OTHERS = 200
"""Other `mid`s of which it is known that they are not new."""


class Attribution:
    """Of one run. Pure: it is told what happens, in order."""

    def __init__(self) -> None:
        self._opening_due = False
        self._own_mids = False  # an answer under its turn's own `mid` was seen
        self._turns: deque[str] = deque(maxlen=REMEMBERED_TURNS)
        self._others: deque[str] = deque(maxlen=REMEMBERED_OTHERS)
        self._asked: dict[str, Addressee] = {}  # by turns that somebody wrote, and their answers
        self._turn = ""
        self._answer: str | None = None
        self._asked_by: Addressee | None = None
        self._greets = False
        self._sent = False
        self._answers: dict[str, str] = {}  # the turn, by the `mid` of the answer to it
        self._aloud: str | None = None  # the answer to what was said aloud last
        self._aloud_by: Addressee | None = None  # who waits for it
        self._is_aloud = False  # the turn in flight was said aloud

    def arrived(self, *, opens: bool) -> None:
        """An avatar has come into the room. `opens`: it may say an opening line by itself, as it has a knowledge base."""
        self._opening_due = opens

    def begin(self, turn: str, asked_by: Addressee | None) -> None:
        """A turn is given to the avatar. One that nobody asked greets: then the avatar has no opening line of its own."""
        self._turn, self._answer, self._sent, self._is_aloud = turn, None, False, False
        self._asked_by, self._greets = asked_by, asked_by is None
        self._turns.append(turn)
        self._recall(turn)

    def heard(self, asked_by: Addressee) -> None:
        """Somebody was heard to say something aloud. What the avatar begins next answers them, under a `mid` that nobody can know."""
        self._aloud, self._aloud_by = None, asked_by

    def begin_heard(self, turn: str, asked_by: Addressee) -> None:
        """The turn of what was heard last. The answer to it may have begun before."""
        self.begin(turn, asked_by)
        self._answer, self._sent, self._is_aloud = self._aloud, True, True

    def is_aloud(self, mid: str) -> bool:
        """Whether that answers what was said aloud last."""
        return mid == self._aloud

    def sent(self) -> None:
        """The turn's last packet is on the wire."""
        self._sent = True

    def is_answer(self, mid: str, *, begins: bool = True) -> bool:
        """Whether what is said under `mid` is said to the turn in flight. An end (not `begins`) begins nothing."""
        if mid in self._turns:
            self._own_mids = True
            return mid == self._turn
        if mid in self._others:
            return mid == self._answer
        self._others.append(mid)
        opening, self._opening_due = self._opening_due and not self._greets, False
        if begins and not opening and self._answers_aloud():
            return self._answer_aloud(mid)
        if opening or self._own_mids or self._answer is not None or not (self._sent and begins):
            return False
        self._answer = mid
        self._recall(mid)
        self._belongs(mid)
        return True

    def _answers_aloud(self) -> bool:
        """Whether what begins is for somebody who spoke. A turn that is still unanswered comes first."""
        unanswered = not self._own_mids and self._answer is None and self._sent and not self._is_aloud
        return self._aloud_by is not None and not unanswered

    def _answer_aloud(self, mid: str) -> bool:
        assert self._aloud_by is not None
        self._aloud, self._asked[mid], self._aloud_by = mid, self._aloud_by, None
        if self._is_aloud:
            self._answer = mid
            self._belongs(mid)
        return self._is_aloud

    def _belongs(self, mid: str) -> None:
        self._answers[mid] = self._turn
        for forgotten in list(self._answers)[:-REMEMBERED_TURNS]:
            del self._answers[forgotten]

    def turn_of(self, mid: str) -> str:
        """The turn to which that is said; `''` where it is said to none, or to one of long ago."""
        return mid if mid in self._turns else self._answers.get(mid, "")

    def _recall(self, mid: str) -> None:
        if self._asked_by:
            self._asked[mid] = self._asked_by
        for forgotten in list(self._asked)[: -2 * REMEMBERED_TURNS]:
            del self._asked[forgotten]

    def is_asked(self, mid: str) -> bool:
        """Whether that is a turn that somebody wrote, or the answer to one, now or a while ago."""
        return mid in self._asked

    def asked_by(self, mid: str) -> Addressee | None:
        """Whom an answer is for; None for what is no answer, or one of long ago."""
        return self._asked.get(mid)

    @property
    def mids(self) -> tuple[str, ...]:
        """Under which the turn in flight was answered, or may have been."""
        return (self._turn,) if self._answer is None else (self._turn, self._answer)


SILENT_GRACE = 5.0
"""Seconds beyond the estimated speaking time after which a turn without an end is taken to be over."""

SETTLED = 1.0
"""Seconds without a word after a final text; where every part is marked as the last, more comes after it."""

BEHIND_AT_MOST = 150.0
"""Seconds from a turn's beginning for which it waits behind something else that the avatar says; the longest opening line takes 130."""


@dataclass(slots=True)
class TurnInFlight:
    """The turn that the avatar was given, and what was heard of it. Times are the loop's."""

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
