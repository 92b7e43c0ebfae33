"""What comes from the avatar in parts, made whole. Time is an argument, in monotonic seconds.

As in AKOOL's own clients, whatever comes under a `mid` belongs to it, whenever it comes: `fin` and silence close an utterance for now,
and a later part opens it again.
"""

from collections.abc import Iterator
from math import inf

from adapters.akool.stream.messages import Part
from adapters.akool.stream.series import GAP, PartKind, Series
from bot.domain.posts import Speaker
from bot.domain.text import well_formed
from bot.ports.avatar import Utterance

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
