"""What stands behind our buttons and forms. Nothing of it is kept in memory, so all of them survive a restart."""

import json
from dataclasses import dataclass

from bot.domain.conversations import Command
from bot.domain.posts import CardAction

LENGTH = 100
"""Of a `custom_id`."""

_RUN = "avatar:run:"
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


def run_id(command: Command) -> str | None:
    """The id of a button that runs a command, if it fits into one."""
    given = json.dumps([command.verb, dict(command.options)], separators=(",", ":"), ensure_ascii=False)
    found = _RUN + given
    return found if len(found) <= LENGTH else None


def run_command(custom_id: str) -> Command | None:
    """The command behind a button; None for what `run_id` did not make: buttons come from people."""
    if not custom_id.startswith(_RUN):
        return None
    try:
        verb, options = json.loads(custom_id.removeprefix(_RUN))
        return Command(str(verb), {str(name): str(given) for name, given in dict(options).items()})
    except (ValueError, TypeError):
        return None
