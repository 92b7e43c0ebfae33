"""The card of a session: its state first, then what is to be done and what ends it, then who and how."""

from collections.abc import Iterator
from datetime import datetime

from adapters.slack.blocks import (
    FORM,
    TITLE_LIMIT,
    Block,
    Content,
    actions,
    button,
    command_button,
    context,
    mrkdwn,
    plain,
    section,
)
from adapters.slack.mrkdwn import TEXT_LIMIT, escape, shorten
from bot.commands.buttons import card_buttons
from bot.commands.verb import Verb
from bot.commands.wording import MODES, SIGNS, STATES
from bot.domain.cards import Card
from bot.domain.sessions import SessionStatus


def card(shown: Card) -> Content:
    title = _title(shown)
    return Content(
        escape(shorten(" ".join((f"{title}. {shown.note}", shown.disclosure.sentence)).strip(), TEXT_LIMIT)),
        [
            {"type": "header", "text": plain(title, TITLE_LIMIT)},
            section(shown.note, shown.picture),
            *([section(shown.disclosure.sentence)] if shown.disclosure.sentence else []),
            *context(*_end(shown)),
            *context(*_facts(shown)),
            *context(*([plain(shown.kept)] if shown.kept else [])),
            *actions(*(command_button(button) for button in card_buttons(shown))),
        ],
    )


def _title(shown: Card) -> str:
    return f"{SIGNS[shown.status]} {STATES[shown.status]} · {shown.avatar_name or 'Avatar'}"


def _facts(shown: Card) -> Iterator[Block]:
    """Of an ended session only what still holds."""
    if shown.status is SessionStatus.ENDED:
        yield plain(" · ".join((f"Started by {shown.starter_name}", *shown.facts)))
        return
    yield plain(" · ".join((f"Started by {shown.starter_name}", MODES[shown.mode], *shown.traits)))
    if shown.waiting:
        yield plain(f"{shown.waiting} messages waiting")


def _end(shown: Card) -> Iterator[Block]:
    """What will end it, and when, where that is known."""
    if shown.status is SessionStatus.ENDED:
        return
    if shown.ends:
        yield plain(shown.ends)
    if shown.ends_at:
        yield mrkdwn(f"at {_time(shown.ends_at)}")


def _time(at: datetime) -> str:
    """Each reader's own time; the words behind the bar are for clients that cannot."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{at:%H:%M} UTC>"


def form_offer(verb: Verb) -> Content:
    """A sentence, and the button that opens the form of a verb."""
    sentence = f"Choose the options of “{verb.name}” in a form."
    return Content(
        sentence, [section(sentence), *actions(button("Open the form", f"{FORM}{verb.name}", style="primary"))]
    )
