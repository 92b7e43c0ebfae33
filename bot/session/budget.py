"""What whoever pays for a session may still spend today."""

from sqlalchemy import Connection

from bot.errors import AvatarbotError
from bot.model import EndReason
from bot.policy import Spent, Workspace
from bot.session.stage import Stage
from bot.store import usage
from bot.store.usage import Use


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


async def next_minutes(stage: Stage) -> int:
    """How long the next provider session may be: what the start reserved, else what the day still has. Raises `BudgetSpent`."""
    if stage.session.reserved_s:
        return stage.session.reserved_s // 60
    use, workspace = await stage.house.store.read(lambda c: _standing(c, stage))
    if not workspace.funded:
        raise NotAllowed
    minutes = stage.house.policy.minutes(stage.session.spec.minutes, Spent((use.used + use.held) / 60))
    if not minutes:
        raise BudgetSpent
    return minutes


def _standing(connection: Connection, stage: Stage) -> tuple[Use, Workspace]:
    session = stage.session
    use = usage.of_person(connection, session.place, session.payer_id, stage.house.clock.now())
    return use, stage.house.funding.of(connection, session.place)
