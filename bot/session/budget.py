"""What whoever pays for a session may still spend today."""

from sqlalchemy import Connection

from bot.errors import AvatarbotError
from bot.policy import Spent
from bot.session.stage import Stage
from bot.store import sessions


class BudgetSpent(AvatarbotError):
    """The payer's minutes for today are used up."""

    def __init__(self) -> None:
        super().__init__("The minutes for today are used up.")


async def next_minutes(stage: Stage) -> int:
    """How long the next provider session may be: what the start reserved, else what the day still has. Raises `BudgetSpent`."""
    if stage.session.reserved_s:
        return stage.session.reserved_s // 60
    session, policy = stage.session, stage.house.policy
    since = sessions.day_of(stage.house.clock.now())

    def spent(connection: Connection) -> int:
        return sessions.seconds_since(connection, session.place, session.payer_id, since)

    used = Spent(person_minutes=await stage.house.store.read(spent) / 60)
    minutes = policy.minutes(session.spec.minutes, used)
    if not minutes:
        raise BudgetSpent
    return minutes
