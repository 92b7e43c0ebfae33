"""What stands behind our buttons, selects and forms. Nothing of it is kept in memory, so all of them survive a restart."""

import json
from dataclasses import dataclass

from bot.model import CardAction, Command

LENGTH = 100
"""Of a `custom_id`, and of the value of a choice in a select."""

PICK = "avatar:pick"
"""The select under a listing; what is chosen in it is a command."""

_CARD = "avatar:card:"
_FORM = "avatar:form:"

OWN_THREAD = "own"
"""In a card whose thread was not open yet when it was posted: its thread has the message's own id."""


@dataclass(frozen=True, slots=True)
class CardButton:
    """A button of a card: the verb it runs, and the thread it belongs to (`''` for none, or `OWN_THREAD`).

    `session_id` stands in those of an ended card, which name their session.
    """

    action: CardAction
    thread_id: str
    session_id: str = ""

    def __str__(self) -> str:
        return f"{_CARD}{self.action.value}:{self.thread_id}" + (f":{self.session_id}" if self.session_id else "")

    @classmethod
    def parse(cls, custom_id: str) -> "CardButton | None":
        if not custom_id.startswith(_CARD):
            return None
        verb, _, rest = custom_id.removeprefix(_CARD).partition(":")
        thread_id, _, session_id = rest.partition(":")
        try:
            return cls(CardAction(verb), thread_id, session_id)
        except ValueError:
            return None


def form_id(verb: str) -> str:
    return _FORM + verb


def form_verb(custom_id: str) -> str | None:
    return custom_id.removeprefix(_FORM) if custom_id.startswith(_FORM) else None


def packed(command: Command) -> str | None:
    """A command as the value of a choice, if it fits into one."""
    value = json.dumps([command.verb, dict(command.options)], separators=(",", ":"), ensure_ascii=False)
    return value if len(value) <= LENGTH else None


def unpacked(value: str) -> Command:
    """Raises `ValueError` for what `packed` did not make."""
    verb, options = json.loads(value)
    return Command(str(verb), {str(name): str(given) for name, given in dict(options).items()})
