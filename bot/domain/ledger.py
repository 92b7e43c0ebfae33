"""What was paid to the provider, in double entry: every entry takes from one account what it gives to another."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from bot.domain.provider import Purchase

NOTHING = timedelta()


class LedgerAccount(StrEnum):
    """Where paid time is. What all of them hold together is always nothing."""

    CREDIT = "credit"
    """At the provider, not spent: all paid time comes from there, and what is given back goes there."""
    PAID = "paid"
    """Paid in advance for a session that may run."""
    USED = "used"
    """Until the end of a session was asked for, or its time was up."""
    LEAKED = "leaked"
    """From then on until the provider ended it, and all of what nobody here had."""
    UNKNOWN = "unknown"
    """Perhaps paid: the answer to a `create` was missed."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One entry: so much paid time goes from `source` to `target`. An entry that does not balance cannot be written down.

    Raises `ValueError` for one that moves nothing, or less.
    """

    source: LedgerAccount
    target: LedgerAccount
    span: timedelta

    def __post_init__(self) -> None:
        if self.span <= NOTHING or self.source is self.target:
            raise ValueError(f"no transfer: {self.span} from {self.source} to {self.target}")


Balances = Mapping[LedgerAccount, timedelta]


def balances(transfers: Iterable[Transfer]) -> Balances:
    """What each account holds after all of them; `CREDIT` what it gave, below zero."""
    held = dict.fromkeys(LedgerAccount, NOTHING)
    for transfer in transfers:
        held[transfer.source] -= transfer.span
        held[transfer.target] += transfer.span
    return held


def position(purchase: Purchase) -> Balances:
    """Where the paid time of one provider session is."""
    bought = timedelta(seconds=purchase.duration_s)
    if purchase.opened_at is None:
        unknown = purchase.closed_at and not purchase.refused
        return {LedgerAccount.UNKNOWN: bought} if unknown else {}

    def until(moment: datetime | None) -> timedelta:
        return min(max(NOTHING, moment - purchase.opened_at), bought) if moment and purchase.opened_at else bought

    if purchase.closed_at is None:
        used = until(purchase.wanted_until) if purchase.wanted_until else NOTHING
        return {LedgerAccount.PAID: bought - used, LedgerAccount.USED: used}
    over = until(purchase.closed_at)
    used = min(until(purchase.wanted_until), over)
    return {LedgerAccount.USED: used, LedgerAccount.LEAKED: over - used}


def outstanding(purchase: Purchase, booked: Sequence[Transfer]) -> list[Transfer]:
    """The entries that are missing between what is booked of a provider session and what is known of it."""
    missing = _buying(purchase, booked)
    before, after = balances([*booked, *missing]), position(purchase)
    rises = {account: after.get(account, NOTHING) - before[account] for account in LedgerAccount}
    rises[LedgerAccount.CREDIT] = -sum(after.values(), NOTHING) - before[LedgerAccount.CREDIT]
    return [*missing, *_evened(rises)]


def _buying(purchase: Purchase, booked: Sequence[Transfer]) -> list[Transfer]:
    """What came to be was bought first, whatever became of it."""
    if purchase.opened_at is None or any(each.target is LedgerAccount.PAID for each in booked):
        return []
    known = balances(booked)[LedgerAccount.UNKNOWN] <= NOTHING
    source = LedgerAccount.CREDIT if known else LedgerAccount.UNKNOWN
    return [Transfer(source, LedgerAccount.PAID, timedelta(seconds=purchase.duration_s))]


def _evened(rises: Mapping[LedgerAccount, timedelta]) -> Iterator[Transfer]:
    """From those that fall to those that rise, which is the same in sum."""
    falls = {account: -rise for account, rise in rises.items() if rise < NOTHING}
    for target, rise in rises.items():
        left = rise
        for source, fall in list(falls.items()):
            span = min(left, fall)
            if span > NOTHING:
                yield Transfer(source, target, span)
                left, falls[source] = left - span, fall - span


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One day (UTC) of a workspace. `account` is whose at the provider paid: `''` the operator's, else one that the workspace brought."""

    day: date
    platform: str
    workspace_id: str
    account: str
    bought: timedelta = NOTHING
    used: timedelta = NOTHING
    refunded: timedelta = NOTHING
    leaked: timedelta = NOTHING
    unknown: timedelta = NOTHING

    def plus(self, more: Mapping[str, timedelta]) -> "LedgerLine":
        """With more of some of its figures, by their names."""
        sums = {name: getattr(self, name) + span for name, span in more.items()}
        return replace(self, **sums)

    def __add__(self, other: "LedgerLine") -> "LedgerLine":
        """Both together, under the name of the first."""
        return self.plus({name: getattr(other, name) for name in FIGURES})

    @property
    def paid(self) -> timedelta:
        """What it costs so far: bought and not given back, with what runs at its full price."""
        return self.bought - self.refunded


FIGURES = ("bought", "used", "refunded", "leaked", "unknown")


_BOUGHT_OR_REFUNDED = {
    (LedgerAccount.CREDIT, LedgerAccount.PAID): "bought",
    (LedgerAccount.UNKNOWN, LedgerAccount.PAID): "bought",
    (LedgerAccount.PAID, LedgerAccount.CREDIT): "refunded",
}


def figures(transfer: Transfer) -> dict[str, timedelta]:
    """What an entry adds to the line of its day, by the names in `FIGURES`."""
    moved = {transfer.source.value: -transfer.span, transfer.target.value: transfer.span}
    found = {name: span for name, span in moved.items() if name in FIGURES}
    if named := _BOUGHT_OR_REFUNDED.get((transfer.source, transfer.target)):
        found[named] = transfer.span
    return found


def lines(entries: Iterable[tuple[LedgerLine, Transfer]]) -> list[LedgerLine]:
    """Entries with the (empty) lines that they belong to, summed up in order of day, platform, workspace and account."""
    found: dict[tuple[date, str, str, str], LedgerLine] = {}
    for line, transfer in entries:
        key = line.day, line.platform, line.workspace_id, line.account
        found[key] = found.get(key, line).plus(figures(transfer))
    return [found[key] for key in sorted(found)]


@dataclass(frozen=True, slots=True)
class CreditReading:
    """What the provider said was left in the operator's account."""

    at: datetime
    credit: float
