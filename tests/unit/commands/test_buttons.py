"""What stands on buttons, and what they run."""

import pytest

from bot.commands.buttons import Look, button_of, card_button, card_buttons, next_button
from bot.commands.catalogue import CONFIRM, Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, Item, Reply
from bot.domain.posts import Card, CardAction
from bot.domain.sessions import Mode, SessionStatus
from tests.disclosing import AI


@pytest.mark.parametrize("verb", CATALOGUE.verbs, ids=lambda verb: verb.name)
def test_a_verb_has_a_word_for_its_button(verb: Verb) -> None:
    assert 1 <= len(verb.label) <= 20
    assert verb.label[0].isupper()


@pytest.mark.parametrize("verb", [v for v in CATALOGUE.verbs if v.confirm], ids=lambda verb: verb.name)
def test_what_asks_back_can_be_answered(verb: Verb) -> None:
    answer = verb.option(CONFIRM.name)
    assert answer is not None
    assert answer.choices == CONFIRM.choices
    assert verb.question("that").endswith(("?", "."))
    assert "{" not in verb.question("that")


def test_a_row_shows_the_word_of_what_it_runs() -> None:
    assert button_of(Item("Alma")) is None
    start = button_of(Item("Alma", command=Command("start", {"avatar": "alma"})))
    assert start is not None
    assert (start.label, start.question, start.look) == ("Start", "", Look.PLAIN)


def test_what_cannot_be_undone_names_what_it_asks_about() -> None:
    delete = button_of(Item("FAQ {it}", command=Command("knowledge delete", {"knowledge": "1"})))
    assert delete is not None
    assert (delete.label, delete.look) == ("Delete", Look.DANGER)
    assert delete.question == "Delete FAQ {it} for good? This cannot be undone."
    assert delete.confirmed == Command("knowledge delete", {"knowledge": "1", "confirm": "yes"})
    answered = button_of(Item("FAQ", command=delete.confirmed))
    assert answered is not None
    assert answered.question == ""


def test_only_a_session_elsewhere_is_stopped_with_a_question() -> None:
    stop = button_of(Item("Alma", command=Command("stop", {"session": "s1"})))
    assert stop is not None
    assert stop.question == "Stop Alma? The session ends for everybody there."
    assert card_button(CardAction.STOP, "s1").question == ""


@pytest.mark.parametrize(
    ("action", "label", "command"),
    [
        (CardAction.WATCH, "Watch", Command("watch")),
        (CardAction.INTERRUPT, "Interrupt", Command("interrupt")),
        (CardAction.EXTEND, "Extend", Command("extend")),
        (CardAction.STOP, "Stop", Command("stop")),
        (CardAction.TRANSCRIPT, "Transcript", Command("transcript", {"session": "s1"})),
        (CardAction.START_AGAIN, "Start again", Command("start", {"again": "s1"})),
    ],
)
def test_the_buttons_of_a_card(action: CardAction, label: str, command: Command) -> None:
    button = card_button(action, "s1")
    assert (button.label, button.command) == (label, command)


def test_a_button_of_an_earlier_card_is_still_understood() -> None:
    assert CardAction("keep-going") is CardAction.EXTEND


def test_the_next_page_is_a_button() -> None:
    assert next_button(Reply("All.")) is None
    following = next_button(Reply("Some.", next=Command("avatars", {"page": "2"})))
    assert following is not None
    assert (following.label, following.command) == ("Next", Command("avatars", {"page": "2"}))


def test_a_card_has_a_button_for_each_of_its_actions() -> None:
    actions = (CardAction.WATCH, CardAction.STOP)
    card = Card("s1", "Alma", "", SessionStatus.LIVE, Mode.RETELLING, "Ann", "", AI, actions=actions)
    assert card_buttons(card) == (card_button(CardAction.WATCH, "s1"), card_button(CardAction.STOP, "s1"))
    assert card.key == "card-s1"


def test_no_button_runs_what_is_not_in_the_catalogue() -> None:
    with pytest.raises(KeyError):
        button_of(Item("Alma", command=Command("dance")))
