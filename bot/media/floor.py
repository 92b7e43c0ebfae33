"""Who may speak aloud in a session: one person at a time, and a line of those who want to. Pure; times are seconds of one clock."""

from dataclasses import dataclass, field, replace
from typing import Final, Self

HELD_AT_MOST_S: Final = 60.0
LINE_LIMIT: Final = 10
"""Who may wait at once."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """One open microphone of a person. `may_take` says whether they may take the floor from others."""

    id: str
    person_id: str
    name: str
    may_take: bool = False


@dataclass(frozen=True, slots=True)
class Floor:
    """The floor as it stands. It is held until it is left, taken or `ends_at`; then the first in line has it."""

    holder: Claimant | None = None
    since: float = 0.0
    line: tuple[Claimant, ...] = field(default=())

    @property
    def ends_at(self) -> float | None:
        """When it is free at the latest; None while nobody has it."""
        return self.since + HELD_AT_MOST_S if self.holder else None

    @property
    def full(self) -> bool:
        """Whether nobody more can get into the line."""
        return len(self.line) >= LINE_LIMIT

    def is_held_by(self, claimant_id: str) -> bool:
        return self.holder is not None and self.holder.id == claimant_id

    def place(self, claimant_id: str) -> int:
        """In line, from 1; 0 for who does not wait."""
        ids = [each.id for each in self.line]
        return ids.index(claimant_id) + 1 if claimant_id in ids else 0

    def asked(self, claimant: Claimant, now: float) -> Self:
        """Somebody wants it: they have it, or stand in line. A full line leaves everything as it is."""
        if self.is_held_by(claimant.id) or self.place(claimant.id):
            return self
        if self.holder is None:
            return replace(self, holder=claimant, since=now)
        return self if self.full else replace(self, line=(*self.line, claimant))

    def taken(self, claimant: Claimant, now: float) -> Self:
        """Somebody takes it from whoever has it, where they may: an admin, the starter, or the same person from elsewhere."""
        theirs = self.holder is not None and self.holder.person_id == claimant.person_id
        if self.is_held_by(claimant.id) or not (claimant.may_take or theirs):
            return self.asked(claimant, now)
        line = tuple(each for each in self.line if each.id != claimant.id)
        return replace(self, holder=claimant, since=now, line=line)

    def left(self, claimant_id: str, now: float) -> Self:
        """Somebody does not want it any more, whether they have it or wait for it."""
        if self.is_held_by(claimant_id):
            return self._passed_on(now)
        return replace(self, line=tuple(each for each in self.line if each.id != claimant_id))

    def at(self, now: float) -> Self:
        """As it is at that time: nobody has it for longer than `HELD_AT_MOST_S`."""
        return self if self.ends_at is None or now < self.ends_at else self._passed_on(now)

    def _passed_on(self, now: float) -> Self:
        first, line = (self.line[0], self.line[1:]) if self.line else (None, ())
        return replace(self, holder=first, since=now, line=line)
