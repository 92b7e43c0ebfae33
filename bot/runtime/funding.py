"""Which workspaces may use the operator's account at the provider. Asked by everything that costs, creates there or shows what is there."""

from collections.abc import Callable

from bot.commands.policy import Workspace
from bot.domain.conversations import ConversationRef
from bot.ports.storage.repositories import ChannelRepository

IsHome = Callable[[str, str], bool]
"""Whether a workspace (platform, id) is the operator's own: its platform knows by its tokens and settings."""


class Funding:
    """What is not known to be allowed is not: neither said by the operator nor their own."""

    def __init__(self, channels: ChannelRepository, is_home: IsHome) -> None:
        self._channels = channels
        self._is_home = is_home

    async def of(self, place: ConversationRef) -> Workspace:
        """The workspace of a place, as the policy asks about it. Raises `StoreUnavailable`."""
        return self.judged(place, await self._channels.allowed(place.platform, place.workspace_id))

    def judged(self, place: ConversationRef, said: bool | None) -> Workspace:
        """The same, by what the operator said of it (None: nothing), which goes before what is their own."""
        funded = self._is_home(place.platform, place.workspace_id) if said is None else said
        return Workspace(place.platform, place.workspace_id, funded=funded)
