"""What was used, and what was paid for it. Everything raises `StoreUnavailable`."""

from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.conversations import ConversationRef
from bot.domain.ledger import CreditReading, LedgerLine
from bot.domain.provider import Use, UsedMinutes


class UsageRepository(Protocol):
    async def of_person(self, place: ConversationRef, person_id: str) -> Use:
        """What a person has used today in the workspace of a place, and what is set aside for sessions that run or are about to."""
        ...

    async def of_session(self, session_id: str) -> Use:
        """What one session has used so far, and what is set aside for it."""
        ...

    async def minutes(self, platform: str, workspace_id: str, since: datetime) -> list[UsedMinutes]:
        """What a workspace has used since then, oldest first."""
        ...


class LedgerRepository(Protocol):
    """The books of what was paid: written with what they record, kept for longer than sessions, and with nobody's name in them."""

    async def days(self, since: datetime, platform: str = "", workspace_id: str = "") -> list[LedgerLine]:
        """What was booked since then in a workspace, or in all of them: a line for each day, workspace and account, oldest first."""
        ...

    async def note_credit(self, credit: float) -> None:
        """What the provider says is left in the operator's account: the first of a day (UTC) is kept."""
        ...

    async def credit_since(self, since: datetime) -> CreditReading | None:
        """The first that is kept from then on."""
        ...

    async def forget_older(self, age: timedelta) -> int:
        """How many entries."""
        ...
