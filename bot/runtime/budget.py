"""What whoever pays for a session may still spend today."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.commands.policy import Spent
from bot.domain.api_tokens import allowed_minutes
from bot.domain.conversations import BY_API
from bot.domain.errors import AvatarbotError
from bot.domain.provider import Use
from bot.domain.sessions import EndReason
from bot.ports.storage.transactions import Standing
from bot.runtime.context import SessionContext
from bot.runtime.services import Services


class NobodyIsLeft(AvatarbotError):
    """It was live, and so long was no database that its people are gone: nothing is bought for them."""

    def __init__(self) -> None:
        super().__init__("Nobody talked to it any more.", "the database was away for longer than people stay")


class BudgetSpent(AvatarbotError):
    """The payer's minutes for today are used up."""

    ending = EndReason.BUDGET

    def __init__(self, sentence: str = "The minutes for today are used up.") -> None:
        super().__init__(sentence)


class NotAllowed(BudgetSpent):
    """The operator no longer lets the workspace use the account."""

    ending = EndReason.NOT_ALLOWED

    def __init__(self) -> None:
        super().__init__("Avatars are no longer allowed in this workspace.")


def minutes_for(context: SessionContext) -> Callable[[Standing], int]:
    """How long the next provider session may be: what the start reserved, else what the day still has. It raises `BudgetSpent`."""
    place, asked = context.session.place, context.session.spec.minutes
    funding, policy = context.services.funding, context.services.policy

    def minutes(standing: Standing) -> int:
        if standing.reserved_s:
            return standing.reserved_s // 60
        if not funding.judged(place, standing.allowed).funded:
            raise NotAllowed
        spent = (standing.use.used + standing.use.held) / 60
        if left := policy.minutes(asked, Spent(spent, allowed_minutes=standing.allowed_minutes)):
            return left
        raise BudgetSpent

    return minutes


async def next_minutes(context: SessionContext) -> int:
    """What it would be now. Raises `BudgetSpent` and `StoreUnavailable`."""
    session, storage = context.session, context.services.storage
    use = await storage.usage.of_person(session.place, session.payer_id)
    said = await storage.channels.allowed(session.place.platform, session.place.workspace_id)
    allowed = await allowed_to(context.services, session.payer_id)
    return minutes_for(context)(Standing(session.reserved_s, use, said, allowed))


@dataclass(frozen=True, slots=True)
class Day:
    """The minutes of one person's day: used, set aside for sessions that run, and allowed."""

    used: float
    held: float
    allowed: int

    @classmethod
    def of(cls, use: Use, allowed: int) -> "Day":
        return cls(use.used / 60, use.held / 60, allowed)

    @property
    def left(self) -> int:
        """Whole minutes that nothing has a claim to."""
        return max(0, int(self.allowed - self.used - self.held))

    def at_start(self, minutes: int) -> str:
        """For whoever pays for a session that has just begun, with so many minutes set aside for it."""
        taken = round(self.used + self.held)
        sentence = f"{taken} of your {self.allowed} minutes for today are used or set aside."
        if self.left:
            return sentence
        return f"{sentence} None are left to renew a session, so this one ends after {_minutes(minutes)} at the latest."

    def when_extended(self) -> str:
        """For whoever pays for what comes."""
        return f"It goes on with your minutes: {self.left} of {self.allowed} are left for today."

    def described(self, who: str = "you") -> str:
        """For `status` and `usage`."""
        have = "You have" if who == "you" else f"{who} has"
        held = f", and {_minutes(round(self.held))} more are set aside" if round(self.held) else ""
        return f"{have} used {round(self.used)} of {self.allowed} minutes today{held}."


def _minutes(number: int) -> str:
    return f"{number} minute{'' if number == 1 else 's'}"


async def day_of_payer(context: SessionContext) -> Day:
    """The day of whoever pays for the session. Raises `StoreUnavailable`."""
    use = await context.services.storage.usage.of_person(context.session.place, context.session.payer_id)
    return Day.of(use, await day_allowed(context.services, context.session.payer_id))


async def allowed_to(services: Services, person_id: str) -> int | None:
    """The minutes that somebody may use in a day by a token of theirs; None for people. Raises `StoreUnavailable`."""
    if not person_id.startswith(BY_API):
        return None
    return allowed_minutes(person_id, await services.storage.tokens.of_person(person_id), services.clock.now())


async def day_allowed(services: Services, person_id: str) -> int:
    """The minutes that somebody may use in a day. Raises `StoreUnavailable`."""
    return services.policy.minutes_per_day(await allowed_to(services, person_id))
