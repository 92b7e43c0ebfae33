"""Words that are a command when they stand alone: for places without slash commands, and for people who do not know them."""

from bot.commands.parser import parse
from bot.domain.messages import Command, MessagePosted

IN_A_CONVERSATION = frozenset({"stop", "interrupt"})
"""Understood wherever an avatar talks."""

ADDRESSED = IN_A_CONVERSATION | {"start", "help"}
"""Understood where every word is meant for the bot: in a direct message, or with its name before them."""

_LONGEST = 20
"""Characters; a longer message is more than one word."""


def bare_word(said: MessagePosted) -> str:
    """The one word that a message is, as it would be typed as a command; `''` for a longer message."""
    return said.text.casefold().strip(" .!\n") if len(said.text) <= _LONGEST else ""


def bare_command(said: MessagePosted, *, in_conversation: bool = False) -> Command | None:
    """The command that a message of one word is, if it is one. `in_conversation` says whether it stands where an avatar talks."""
    word = bare_word(said)
    if (word in ADDRESSED and (said.direct or said.mentioned)) or (word in IN_A_CONVERSATION and in_conversation):
        return Command(word)
    return None


def asked_form(line: str) -> Command | None:
    """The command whose form a line asks for by a question mark: `start ?`."""
    if not line.rstrip().endswith("?"):
        return None
    head = line.rstrip().removesuffix("?")
    command = parse(head) if head.endswith(" ") else None
    return command if isinstance(command, Command) and not command.options else None
