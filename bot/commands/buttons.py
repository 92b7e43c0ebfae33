"""Buttons: the word on each, the command it runs, and what is asked back before."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from bot.commands.catalogue import CONFIRM
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, Item, Reply, Suggestion
from bot.domain.posts import Card, CardAction


class Look(StrEnum):
    """How a button stands out."""

    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class Button:
    """One button. `label` has at most 20 characters.

    Where `question` is not empty, a platform that can asks it before and then runs `confirmed`; any other
    runs `command`, and the core answers with the question and a button that runs `confirmed`.
    """

    label: str
    command: Command
    question: str = ""
    look: Look = Look.PLAIN

    @property
    def confirmed(self) -> Command:
        """The command with its question answered."""
        return confirmed(self.command)


def confirmed(command: Command) -> Command:
    """The command as it is run by somebody who was asked."""
    return Command(command.verb, MappingProxyType({**command.options, CONFIRM.name: "yes"}))


BY_HAND = "Too long for a button: give the command again, with confirm:yes."
"""Under a question whose answer no button of the platform can hold."""


def asks_by_hand(command: Command) -> bool:
    """Whether a command answers a question, so that there is a way without its button."""
    return CONFIRM.name in command.options


def button_of(item: Item) -> Button | None:
    """The one button of a row of a listing; None where there is nothing to run."""
    return _button(item.command, item.title) if item.command else None


def next_button(reply: Reply) -> Button | None:
    """The button for the next page of a list; None where there is none."""
    return Button("Next", reply.next) if reply.next else None


def instead(command: Command, suggestions: Iterable[Suggestion]) -> tuple[Item, ...]:
    """The command again with each name that may have been meant, as rows with a button."""
    return tuple(
        Item(s.name, command=Command(command.verb, {**command.options, s.option: s.name})) for s in suggestions
    )


def card_buttons(card: Card) -> tuple[Button, ...]:
    """The buttons of a card, in their order, one for each of its actions."""
    return tuple(card_button(action, card.session_id) for action in card.actions)


def card_button(action: CardAction, session_id: str) -> Button:
    """A button of the card of this session. What is asked of an ended session names it: another may be live in its place."""
    match action:
        case CardAction.WATCH:
            return replace(_button(Command(action.value)), look=Look.PRIMARY)
        case CardAction.TRANSCRIPT:
            return _button(Command(action.value, MappingProxyType({"session": session_id})))
        case CardAction.START_AGAIN:
            again = Command(action.value, MappingProxyType({"again": session_id}))
            return replace(_button(again), look=Look.PRIMARY)
        case _:
            return _button(Command(action.value))


def _button(command: Command, it: str = "") -> Button:
    """Raises `KeyError` for a command that is not in the catalogue."""
    verb = CATALOGUE.verb(command.verb)
    if verb is None:
        raise KeyError(command.verb)
    question = verb.question(it) if verb.asks_back(command.options) else ""
    label = "Start again" if "again" in command.options else verb.label
    return Button(label, command, question, Look.DANGER if verb.confirm else Look.PLAIN)
