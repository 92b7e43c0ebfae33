"""What comes from the avatar in parts, put in order and made whole. Time is an argument, in monotonic seconds.

As in AKOOL's own clients, whatever comes under a `mid` belongs to it, whenever it comes: `fin` and silence close an utterance for now,
and a later part opens it again. Where `idx` grows, it orders, and a gap is waited for before it is shown. Parts with `idx` 0 are appended
as they come: one that says the same again is its repetition only once a number shows that it was counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import accumulate
from math import inf

from adapters.akool.stream.protocol import Part
from bot.domain.posts import Speaker
from bot.domain.text import well_formed
from bot.ports.avatar import Utterance

GAP_PATIENCE_S = 0.3
"""How long a missing part is waited for, from the moment a later one came."""

REPEAT_WINDOW_S = 2.0
"""Once all parts are there, one that equals what has its number is a repetition only so soon after it; later it is said anew."""

GAP = "…"

SILENCE_S = 10.0
"""An utterance of which nothing came for so long is closed, as if its `fin` was lost."""

SETTLED_S = 1.0
"""The same for one that has gone on after its `fin`: where every part carries one, none of them tells the end."""

MAX_OPEN = 64
"""Utterances open at once; the oldest is closed for the next."""

MAX_CLOSED = 512
"""Closed utterances that a late part can open again; what comes of an older one begins a new one."""

MAX_CHARACTERS = 100_000
"""Of one utterance, more than an hour of speech. What goes beyond is left out, and “…” says so."""

_Key = tuple[str, Speaker]


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


# ---------------------------------------------------------------- utterances


class _Whole:
    """An utterance, open or closed."""

    def __init__(self, utterance_id: str, speaker: Speaker) -> None:
        self._id = utterance_id
        self._speaker = speaker
        self._before = ""  # what was said under earlier numbers
        self._series = Series()
        self._size = 0
        self._finished = False
        self._heard_at = 0.0
        self._told: tuple[str, bool] | None = None
        self._closed = False
        self._went_on = False  # after its `fin` had closed it

    def add(self, part: Part, now: float) -> bool:
        """Whether that is more of it, and no repetition."""
        if self._size >= MAX_CHARACTERS:
            return False
        complete = self._finished and not self._waits(now)
        taken = self._series.take(part.idx, part.text, now, complete=complete)
        if taken is PartKind.NOT_OURS:
            self._before += self._series.text(inf)
            self._series = Series()
            self._series.take(part.idx, part.text, now, complete=False)
        news = taken is not PartKind.REPETITION or (part.fin and not self._finished)
        if news:
            self._heard_at = now
            self._went_on |= self._closed and self._finished
            self._closed = False
            self._finished |= part.fin
            self._size += len(part.text) + 1
        return news

    def growth(self, now: float) -> Iterator[Utterance]:
        """The utterance so far, if that is news."""
        return self._tell(now, final=False)

    def end(self) -> Iterator[Utterance]:
        """The whole utterance, every gap given up; nothing if it never had any text."""
        self._closed = True
        return self._tell(inf, final=True)

    def ended(self, now: float) -> bool:
        if now >= self._heard_at + SILENCE_S:
            return True
        settled = not self._went_on or now >= self._heard_at + SETTLED_S
        return self._finished and settled and not self._waits(now)

    def changes_at(self, now: float) -> float:
        """When after `now` time alone may change it."""
        settled = [self._heard_at + SETTLED_S] if self._went_on else []
        moments = [self._heard_at + SILENCE_S, *settled, *self._series.gaps()]
        return min(moment for moment in moments if moment > now)

    def _waits(self, now: float) -> bool:
        return any(gap_until > now for gap_until in self._series.gaps())

    def _tell(self, now: float, *, final: bool) -> Iterator[Utterance]:
        over = GAP if self._size >= MAX_CHARACTERS else ""
        text = well_formed(self._before + self._series.text(now) + over)
        if (text, final) != self._told and (text or self._told):
            self._told = text, final
            yield Utterance(self._id, self._speaker, text, final)


class Reassembly:
    """Utterances in the making. In bounded memory, whatever comes.

    An utterance of the avatar has the avatar's `mid` as its id. What a person said aloud has `user:` before it, for the
    answer may carry the same `mid`.
    """

    def __init__(self) -> None:
        self._open: dict[_Key, _Whole] = {}
        self._closed: dict[_Key, _Whole] = {}

    def take(self, part: Part, now: float) -> list[Utterance]:
        """What is to be shown anew because of this part and of the time that has passed."""
        changed = self.due(now)
        key = part.mid, part.speaker
        whole = self._open.get(key) or self._closed.get(key) or _new(key)
        news = whole.add(part, now)
        if key not in self._open:
            if not news:
                return changed
            changed += self._admit(key, whole)
        return changed + self._progress(key, now)

    def due(self, now: float) -> list[Utterance]:
        """What is to be shown anew because of the time that has passed."""
        return [changed for key in list(self._open) for changed in self._progress(key, now)]

    def due_at(self, now: float) -> float | None:
        """When `due` is to be called next, if nothing comes before."""
        return min((whole.changes_at(now) for whole in self._open.values()), default=None)

    def _admit(self, key: _Key, whole: _Whole) -> list[Utterance]:
        self._closed.pop(key, None)
        evicted = self._close(next(iter(self._open))) if len(self._open) >= MAX_OPEN else []
        self._open[key] = whole
        return evicted

    def _progress(self, key: _Key, now: float) -> list[Utterance]:
        whole = self._open[key]
        return self._close(key) if whole.ended(now) else list(whole.growth(now))

    def _close(self, key: _Key) -> list[Utterance]:
        self._closed[key] = whole = self._open.pop(key)
        if len(self._closed) > MAX_CLOSED:
            del self._closed[next(iter(self._closed))]
        return list(whole.end())


def _new(key: _Key) -> _Whole:
    mid, speaker = key
    return _Whole(f"user:{mid}" if speaker is Speaker.USER else mid, speaker)
