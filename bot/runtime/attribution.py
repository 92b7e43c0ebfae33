"""Which of what the avatar says is said to the turn in flight.

Avatars seem to answer under the `mid` of the request, but nothing promises it. Once that was seen in a run, only a turn's own `mid`
counts. Until then, what begins under another `mid` after all of a turn was sent is taken for its answer.
"""

from collections import deque

from bot.domain.posts import Addressee

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

    def arrived(self, *, opens: bool) -> None:
        """An avatar has come into the room. `opens`: it may say an opening line by itself, as it has a knowledge base."""
        self._opening_due = opens

    def begin(self, turn: str, asked_by: Addressee | None) -> None:
        """A turn is given to the avatar. One that nobody asked greets: then the avatar has no opening line of its own."""
        self._turn, self._answer, self._sent = turn, None, False
        self._asked_by, self._greets = asked_by, asked_by is None
        self._turns.append(turn)
        self._recall(turn)

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
        if opening or self._own_mids or self._answer is not None or not (self._sent and begins):
            return False
        self._answer = mid
        self._recall(mid)
        return True

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
