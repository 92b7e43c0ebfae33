"""Names of our commands in a text as Discord's own mentions of them, which people can press."""

import re

from adapters.discord.application_commands import COMMAND
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import ConversationRef

_NAMES = "|".join(re.escape(name) for name in sorted(CATALOGUE.names, key=len, reverse=True))
_TYPED = re.compile(rf"(?<![\w/<])/{COMMAND} ({_NAMES})(?![\w-])")


class CommandMentions:
    """The id of our command, by server; `''` is the one for everywhere. Until Discord has told, texts stay as they are."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}

    def linked(self, text: str, place: ConversationRef) -> str:
        """An escaped text with its commands as `</avatar start:ID>`."""
        found = self.ids.get(place.workspace_id) or self.ids.get("")
        return _TYPED.sub(rf"</{COMMAND} \1:{found}>", text) if found else text
