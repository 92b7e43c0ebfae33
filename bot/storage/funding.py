"""Which workspaces may use the operator's account at the provider. Asked by everything that costs, creates there or shows what is there."""

from collections.abc import Callable

from sqlalchemy import Connection

from bot.commands.policy import Workspace
from bot.domain.conversations import ConversationRef
from bot.storage import channels

IsHome = Callable[[str, str], bool]
"""Whether a workspace (platform, id) is the operator's own: its platform knows by its tokens and settings."""


class Funding:
    """What is not known to be allowed is not: neither said by the operator nor their own."""

    def __init__(self, is_home: IsHome) -> None:
        self._is_home = is_home

    def of(self, connection: Connection, place: ConversationRef) -> Workspace:
        """The workspace of a place, as the policy asks about it. What the operator said goes before what is their own."""
        said = channels.funded(connection, place.platform, place.workspace_id)
        funded = self._is_home(place.platform, place.workspace_id) if said is None else said
        return Workspace(place.platform, place.workspace_id, funded=funded)
