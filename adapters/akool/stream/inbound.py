"""What comes from the avatar in parts, made whole. Time is an argument, in monotonic seconds.

The stream may lose, repeat and reorder. Where `idx` grows, it orders, and a gap is waited for before it is shown; where every
part carries `idx` 0, parts are appended as they come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, takewhile
from math import inf

from adapters.akool.stream.messages import Part
from adapters.akool.stream.wire import well_formed
from bot.model import Speaker
from bot.ports.avatar import Utterance

GAP_PATIENCE_S = 0.3
"""How long a missing part is waited for, from the moment a later one came."""

REPEAT_WINDOW_S = 2.0
"""Unnumbered parts that equal their neighbour within this time are its repetition."""

SILENCE_S = 10.0
"""An utterance of which nothing came for so long has ended, its `fin` lost."""

CLOSED_FOR_S = 60.0
"""How long a closed utterance is remembered, so that stragglers open no ghost."""

GAP = "…"

MAX_OPEN = 64
"""Utterances open at once; the oldest is closed for the next."""

MAX_PARTS = 1024
"""Parts of one utterance; with the last of them it is closed."""

MAX_CLOSED = 4096
"""Closed utterances remembered at once."""

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


class _Open:
    """An utterance that has not ended."""

    def __init__(self, utterance_id: str, speaker: Speaker) -> None:
        self._id = utterance_id
        self._speaker = speaker
        self._unnumbered: list[_Arrival] = []
        self._numbered: dict[int, _Arrival] = {}
        self._slots: list[_Slot] = []
        self._finished = False
        self._heard_at = 0.0
        self._shown = ""

    def add(self, part: Part, now: float) -> None:
        self._heard_at = now
        self._finished |= part.fin
        if part.idx:
            self._numbered.setdefault(part.idx, _Arrival(now, part.text))
        else:
            self._append(_Arrival(now, part.text))
        self._slots = self._ordered()

    def growth(self, now: float) -> Iterator[Utterance]:
        """The utterance so far, if there is more of it than was shown."""
        text = self._text(now)
        if text != self._shown:
            self._shown = text
            yield Utterance(self._id, self._speaker, text, final=False)

    def end(self) -> Iterator[Utterance]:
        """The whole utterance, every gap given up; nothing if it never had any text."""
        if text := self._text(inf):
            yield Utterance(self._id, self._speaker, text, final=True)

    def ended(self, now: float) -> bool:
        if now >= self._heard_at + SILENCE_S or len(self._unnumbered) + len(self._numbered) >= MAX_PARTS:
            return True
        return self._finished and all(gap_until <= now for gap_until in self._gaps())

    def changes_at(self, now: float) -> float:
        """When after `now` time alone may change it."""
        return min([self._heard_at + SILENCE_S, *(gap_until for gap_until in self._gaps() if gap_until > now)])

    def _append(self, arrival: _Arrival) -> None:
        previous = self._unnumbered[-1] if self._unnumbered else None
        if previous and previous.text == arrival.text and arrival.at - previous.at <= REPEAT_WINDOW_S:
            self._unnumbered[-1] = arrival
        else:
            self._unnumbered.append(arrival)

    def _text(self, now: float) -> str:
        """Everything up to the first gap that is still waited for."""
        ready = takewhile(lambda slot: slot.gap_until is None or slot.gap_until <= now, self._slots)
        return well_formed("".join(slot.text if slot.gap_until is None else GAP + slot.text for slot in ready))

    def _gaps(self) -> list[float]:
        return [slot.gap_until for slot in self._slots if slot.gap_until is not None]

    def _ordered(self) -> list[_Slot]:
        slots = [_Slot(self._beginning(), None)] if self._unnumbered else []
        numbered = sorted(self._numbered.items())
        noticed = [*accumulate((arrival.at for _, arrival in reversed(numbered)), min)][::-1]
        expected = len(slots)
        for (idx, arrival), noticed_at in zip(numbered, noticed, strict=True):
            slots.append(_Slot(arrival.text, noticed_at + GAP_PATIENCE_S if idx > expected else None))
            expected = idx + 1
        return slots

    def _beginning(self) -> str:
        """The text of all parts with `idx` 0. Before numbered ones, equal parts are repetitions however late they came."""
        texts = [arrival.text for arrival in self._unnumbered]
        return texts[0] if self._numbered and len(set(texts)) == 1 else "".join(texts)


class Reassembly:
    """Utterances in the making. In bounded memory, whatever comes.

    An utterance of the avatar has the avatar's `mid` as its id. What a person said aloud has `user:` before it, for the
    answer may carry the same `mid`.
    """

    def __init__(self) -> None:
        self._open: dict[_Key, _Open] = {}
        self._closed: dict[_Key, float] = {}

    def take(self, part: Part, now: float) -> list[Utterance]:
        """What is to be shown anew because of this part and of the time that has passed."""
        changed = self.due(now)
        key = part.mid, part.speaker
        if key in self._closed:
            return changed
        if key not in self._open:
            changed += self._admit(key, now)
        self._open[key].add(part, now)
        return changed + self._progress(key, now)

    def due(self, now: float) -> list[Utterance]:
        """What is to be shown anew because of the time that has passed."""
        for key in [key for key, closed_at in self._closed.items() if now >= closed_at + CLOSED_FOR_S]:
            del self._closed[key]
        return [changed for key in list(self._open) for changed in self._progress(key, now)]

    def due_at(self, now: float) -> float | None:
        """When `due` is to be called next, if nothing comes before."""
        return min((utterance.changes_at(now) for utterance in self._open.values()), default=None)

    def _admit(self, key: _Key, now: float) -> list[Utterance]:
        evicted = self._close(next(iter(self._open)), now) if len(self._open) >= MAX_OPEN else []
        mid, speaker = key
        self._open[key] = _Open(f"user:{mid}" if speaker is Speaker.USER else mid, speaker)
        return evicted

    def _progress(self, key: _Key, now: float) -> list[Utterance]:
        utterance = self._open[key]
        return self._close(key, now) if utterance.ended(now) else list(utterance.growth(now))

    def _close(self, key: _Key, now: float) -> list[Utterance]:
        self._closed[key] = now
        if len(self._closed) > MAX_CLOSED:
            del self._closed[next(iter(self._closed))]
        return list(self._open.pop(key).end())
