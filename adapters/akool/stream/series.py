"""Parts of an utterance in their order. Time is an argument, in monotonic seconds.

Where `idx` grows, it orders, and a gap is waited for before it is shown. Parts with `idx` 0 are appended as they come, for AKOOL's own
clients do so with every part: one that says the same again is its repetition only once a number shows that it was counted.
"""

from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate

GAP_PATIENCE_S = 0.3
"""How long a missing part is waited for, from the moment a later one came."""

REPEAT_WINDOW_S = 2.0
"""Once all parts are there, one that equals what has its number is a repetition only so soon after it; later it is said anew."""

GAP = "…"


@dataclass(frozen=True, slots=True)
class _Arrival:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class _Slot:
    """A text at its place in the order. What is missing before it, if anything, is waited for until `gap_until`."""

    text: str
    gap_until: float | None


class PartKind(Enum):
    """What a part was to a series."""

    NEW = auto()
    REPETITION = auto()
    NOT_OURS = auto()  # its number stands for other words: the numbers have begun anew


class Series:
    """Parts whose numbers were given in one go. Numbers may begin with 0 or with 1."""

    def __init__(self) -> None:
        self._zeros: list[str] = []
        self._joined_zeros = ""
        self._zero_at = 0.0
        self._numbered: dict[int, _Arrival] = {}
        self._last = 0
        self._slots: list[_Slot] = []
        self._ready = ""  # the text of the first `_ready_slots`, whose gaps are over
        self._ready_slots = 0

    def take(self, idx: int, text: str, now: float, *, complete: bool) -> PartKind:
        """Put a part in its place. `complete` tells that an end was seen and nothing is missing."""
        taken = self._what(idx, text, now, complete=complete)
        if taken is PartKind.NEW:
            (self._add if idx else self._add_zero)(idx, _Arrival(now, text))
        return taken

    def text(self, now: float) -> str:
        """Everything up to the first gap that is still waited for. `now` never goes back."""
        for slot in self._slots[self._ready_slots :]:
            if slot.gap_until is not None and slot.gap_until > now:
                break
            self._ready += slot.text
            self._ready_slots += 1
        return self._ready

    def gaps(self) -> list[float]:
        """Until when each of the gaps that are not shown yet is waited for."""
        return [slot.gap_until for slot in self._slots[self._ready_slots :] if slot.gap_until is not None]

    # ------------------------------------------------------------ inside

    def _what(self, idx: int, text: str, now: float, *, complete: bool) -> PartKind:
        if idx == 0:
            if not self._numbered or not self._zeros:
                return PartKind.NEW
            same, at = text in self._zeros, self._zero_at
        elif known := self._numbered.get(idx):
            same, at = text == known.text, known.at
        else:
            return PartKind.NEW
        return PartKind.REPETITION if same and not (complete and now - at > REPEAT_WINDOW_S) else PartKind.NOT_OURS

    def _add_zero(self, _: int, arrival: _Arrival) -> None:
        self._zeros.append(arrival.text)
        self._joined_zeros += arrival.text
        self._zero_at = arrival.at
        self._arrange()

    def _add(self, idx: int, arrival: _Arrival) -> None:
        follows = idx == self._last + 1 and bool(self._numbered)
        self._numbered[idx] = arrival
        self._last = max(self._last, idx)
        if follows:
            self._slots.append(_Slot(arrival.text, None))
        else:
            self._arrange()

    def _arrange(self) -> None:
        numbered = sorted(self._numbered.items())
        noticed = [*accumulate((arrival.at for _, arrival in reversed(numbered)), min)][::-1]
        slots = [_Slot(self._beginning(), None)] if self._zeros else []
        expected = len(slots)
        for (idx, arrival), noticed_at in zip(numbered, noticed, strict=True):
            mark = "" if expected == 0 and idx == 1 else GAP
            missing = idx > expected
            slots.append(
                _Slot(mark + arrival.text, noticed_at + GAP_PATIENCE_S) if missing else _Slot(arrival.text, None)
            )
            expected = idx + 1
        self._slots, self._ready, self._ready_slots = slots, "", 0

    def _beginning(self) -> str:
        """The text of all parts with `idx` 0. Before numbered ones, equal parts are repetitions however late they came."""
        repeated = self._numbered and all(text == self._zeros[0] for text in self._zeros)
        return self._zeros[0] if repeated else self._joined_zeros
