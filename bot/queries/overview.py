"""How the service is doing, for its operators: from the database, whichever process is asked. Nothing names anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.commands.policy import Limits
from bot.domain.ledger import FIGURES
from bot.domain.provider import day_of
from bot.ports.storage import Storage
from bot.ports.storage.records import LivingProcess


@dataclass(frozen=True, slots=True)
class Paid:
    """Seconds of today (UTC) on the operator's account, and on those that workspaces brought."""

    bought: float = 0.0
    used: float = 0.0
    refunded: float = 0.0
    leaked: float = 0.0
    unknown: float = 0.0


@dataclass(frozen=True, slots=True)
class Overview:
    """`sessions` by their status, those that have not ended; `waiting` is what people said and no run has taken yet."""

    at: datetime
    sessions: Mapping[str, int]
    waiting: int
    processes: list[LivingProcess]
    paid: Paid
    own_keys: Paid
    at_once: int
    """Sessions that the operator's account may run at the same time."""
    person_minutes: int
    """That one person may use in a day."""

    @property
    def running(self) -> int:
        return sum(process.running for process in self.processes)


async def overview(storage: Storage, limits: Limits, now: datetime) -> Overview:
    """Raises `StoreUnavailable`."""
    counts = await storage.sessions.count_by_status()
    days = await storage.ledger.days(day_of(now))
    paid, own_keys = (
        Paid(**{name: sum(spans, timedelta()).total_seconds() for name, spans in sums.items()})
        for sums in (
            {name: [getattr(line, name) for line in days if bool(line.account) is own] for name in FIGURES}
            for own in (False, True)
        )
    )
    return Overview(
        now,
        {status.value: number for status, number in counts.items() if number},
        await storage.inbox.count_all_waiting(),
        await storage.workers.living(),
        paid,
        own_keys,
        limits.account_sessions,
        limits.person_minutes,
    )
