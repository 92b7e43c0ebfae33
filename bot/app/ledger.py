"""`avatarbot ledger`: the books beside what the provider says is left."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.app.operations import in_columns
from bot.app.wiring import BESIDE_THE_SERVICE, open_provider, open_storage
from bot.domain.errors import ProviderError
from bot.domain.ledger import FIGURES, CreditReading, LedgerLine
from bot.domain.text import printable_line
from bot.ports.provider import AvatarProvider
from bot.ports.storage import Storage
from bot.settings import Settings, load
from bot.telemetry import new_metrics

HEADS = ("DAY (UTC)", "PLATFORM", "WORKSPACE", "ACCOUNT", *(name.upper() for name in FIGURES))
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The operator's account between two readings of its credit: `paid` is what the books have of that time."""

    since: CreditReading
    now: float
    paid: timedelta
    credits_per_minute: float | None

    @property
    def spent(self) -> float:
        return self.since.credit - self.now

    @property
    def difference(self) -> float | None:
        """Credits that the provider took beyond what the books have; None where nobody said what a minute costs."""
        return self.spent - self.paid / MINUTE * self.credits_per_minute if self.credits_per_minute else None


@dataclass(frozen=True, slots=True)
class Statement:
    lines: Sequence[LedgerLine]
    provider: str
    reconciliation: Reconciliation | None
    problem: str = ""
    """Why nothing could be compared."""


async def ledger(since: datetime | None, *, as_json: bool) -> str:
    """Of 30 days, or since then. Raises `AvatarbotError`."""
    settings = load(Settings)
    async with (
        open_storage(settings, BESIDE_THE_SERVICE) as storage,
        open_provider(settings, new_metrics()) as provider,
    ):
        since = since or datetime.now(UTC) - timedelta(days=30)
        statement = await stated(storage, provider, since, settings.credits_per_minute)
    return encoded(statement) if as_json else "\n".join(shown(statement))


async def stated(
    storage: Storage, provider: AvatarProvider, since: datetime, credits_per_minute: float | None
) -> Statement:
    """The credit is read before the books: what is bought meanwhile is a difference for a moment, and none that hides another."""
    account = provider.capabilities.credit
    if account is None:
        problem = f"{provider.name} does not tell how much credit is left, so nothing can be compared."
        return Statement(await storage.ledger.days(since), provider.name, None, problem)
    try:
        credit = await account.credit()
    except ProviderError as error:
        problem = f"How much credit is left is not known, so nothing can be compared: {error.sentence}"
        return Statement(await storage.ledger.days(since), provider.name, None, problem)
    await storage.ledger.note_credit(credit)
    reading = await storage.ledger.credit_since(since)
    assert reading is not None
    operators = [line for line in await storage.ledger.days(reading.at) if not line.account]
    paid = sum((line.paid for line in operators), timedelta())
    reconciled = Reconciliation(reading, credit, paid, credits_per_minute)
    return Statement(await storage.ledger.days(since), provider.name, reconciled)


# ---------------------------------------------------------------- shown


def shown(statement: Statement) -> list[str]:
    """As a table for people, and what the provider says below it."""
    table = [_cells(line) for line in statement.lines]
    if table:
        table.append(("all", "", "", "", *_figures(sum(statement.lines[1:], statement.lines[0]))))
    books = [in_columns(HEADS, table), ""] if table else ["Nothing was booked in that time.", ""]
    compared = statement.reconciliation
    return [*books, *(_compared(statement.provider, compared) if compared else [statement.problem])]


def _cells(line: LedgerLine) -> tuple[str, ...]:
    account = "own key" if line.account else "yours"
    names = (printable_line(name) or "-" for name in (line.platform, line.workspace_id))
    return (line.day.isoformat(), *names, account, *_figures(line))


def _figures(line: LedgerLine) -> tuple[str, ...]:
    return tuple(_minutes(getattr(line, name)) for name in FIGURES)


def _minutes(span: timedelta) -> str:
    """Minutes and seconds."""
    seconds = round(span.total_seconds())
    return f"{'-' if seconds < 0 else ''}{abs(seconds) // 60}:{abs(seconds) % 60:02}"


def _compared(provider: str, compared: Reconciliation) -> list[str]:
    minutes = compared.paid / MINUTE
    then = f"{compared.since.credit:,.1f} on {compared.since.at:%Y-%m-%d at %H:%M} UTC"
    lines = [
        f"{provider} says {compared.now:,.1f} credits are left, of {then}.",
        f"The books have {minutes:,.1f} min of your account since then, bought and not given back.",
    ]
    if compared.difference is not None:
        return [*lines, _difference(compared.difference)]
    if minutes > 0 and compared.spent > 0:
        rate = compared.spent / minutes
        return [*lines, f"That is {rate:.2f} credits a minute. Set AVATARBOT_CREDITS_PER_MINUTE to see a difference."]
    return lines


def _difference(credit: float) -> str:
    if abs(credit) < 0.05:
        return "Difference: none."
    why = "spent that the books do not have" if credit > 0 else "more left than the books say, or bought meanwhile"
    return f"Difference: {abs(credit):,.1f} credits {why}."


def encoded(statement: Statement) -> str:
    """As JSON, in seconds and credits."""
    compared = statement.reconciliation
    lines = [
        {
            "day": line.day.isoformat(),
            "platform": line.platform,
            "workspace": line.workspace_id,
            "own_key": bool(line.account),
        }
        | {f"{name}_s": getattr(line, name).total_seconds() for name in FIGURES}
        for line in statement.lines
    ]
    credit = compared and {
        "now": compared.now,
        "then": compared.since.credit,
        "since": compared.since.at.isoformat(),
        "paid_s": compared.paid.total_seconds(),
        "difference": compared.difference,
    }
    return json.dumps(
        {"lines": lines, "provider": statement.provider, "credit": credit, "problem": statement.problem}, indent=2
    )
