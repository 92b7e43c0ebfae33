"""The card of a session: its state first, then how to go on, then what is set."""

from collections.abc import Iterator
from typing import Any

from adapters.discord.custom_ids import CardButton
from adapters.discord.markdown import escape, shorten
from adapters.discord.messages import NOBODY, button, is_shown, rows
from bot.commands.buttons import card_button
from bot.domain.conversations import ConversationRef
from bot.domain.posts import MODES, SIGNS, STATES, Card, CardAction
from bot.domain.sessions import SessionStatus

Json = dict[str, Any]

TITLE_LENGTH = 256
NOTE_LENGTH = 1_000
SMALL_LENGTH = 300
"""Escaped, all of them together fit into the 4,096 characters of a description."""
NAME_LENGTH = 100

_ENDED = {CardAction.TRANSCRIPT, CardAction.START_AGAIN}
"""What is asked of an ended session."""

_AMBER, _GREEN, _BLUE, _GREY = 0xF59E0B, 0x22C55E, 0x6366F1, 0x6B7280
_COLOURS = {
    SessionStatus.STARTING: _AMBER,
    SessionStatus.LIVE: _GREEN,
    SessionStatus.RECONNECTING: _AMBER,
    SessionStatus.SLEEPING: _BLUE,
}


def card(shown: Card, thread_id: str, hint: str = "") -> Json:
    """The card, as body of a new message and of an edit alike. `hint` says how to talk where writing is not enough."""
    ended = shown.status is SessionStatus.ENDED
    embed: Json = {
        "author": {"name": state_of(shown.status)},
        "title": escape(shorten(shown.avatar_name or "Avatar", TITLE_LENGTH)),
        "description": _told(shown, "" if ended else hint),
        "color": _COLOURS.get(shown.status, _GREY),
        "fields": [{"name": name, "value": value, "inline": True} for name, value in _facts(shown)],
        "footer": {"text": f"Started by {shown.starter_name[:NAME_LENGTH]}"},
    }
    if is_shown(shown.picture):
        embed["thumbnail"] = {"url": shown.picture}
    buttons = [_button(action, thread_id, shown.session_id) for action in shown.actions]
    return {"embeds": [embed], "components": rows(buttons), "allowed_mentions": NOBODY}


def state_of(status: SessionStatus) -> str:
    """A state with its sign."""
    return f"{SIGNS[status]} {STATES[status]}"


def moved(shown: Card, thread: ConversationRef, message_id: str) -> Json:
    """What is left of a card that goes on in another message."""
    where = f"https://discord.com/channels/{_guild(thread)}/{thread.thread_id or thread.channel_id}/{message_id}"
    title = escape(shorten(shown.avatar_name or "Avatar", TITLE_LENGTH))
    embed = {"title": title, "description": f"The card goes on [further down]({where}).", "color": _GREY}
    return {"embeds": [embed], "components": [], "allowed_mentions": NOBODY}


def thread_name(shown: Card) -> str:
    """1 to 100 characters."""
    return f"{shown.avatar_name or 'Avatar'} with {shown.starter_name or 'everybody'}"[:NAME_LENGTH]


def _guild(place: ConversationRef) -> str:
    return place.workspace_id if place.workspace_id.isdecimal() else "@me"


def _told(shown: Card, hint: str) -> str:
    """How to go on and what the avatar is, then in small print what ends it and what is kept."""
    small = (" · ".join(filter(None, (shown.ends, *shown.facts))), shown.kept)
    note = escape(shorten(shown.note, NOTE_LENGTH)) or "…"
    large = [escape(shown.disclosure.sentence), escape(hint)]
    return "\n".join(
        [note, *filter(None, large), *(f"-# {escape(shorten(each, SMALL_LENGTH))}" for each in small if each)]
    )


def _facts(shown: Card) -> Iterator[tuple[str, str]]:
    """What holds while it lasts."""
    if shown.status is SessionStatus.ENDED:
        return
    yield "Mode", MODES[shown.mode]
    if shown.live_since:
        yield "Live since", f"<t:{int(shown.live_since.timestamp())}:t>"
    if shown.ends_at:
        yield "Ends", f"<t:{int(shown.ends_at.timestamp())}:R>"
    if shown.traits:
        yield "Set", escape(shorten(", ".join(shown.traits), TITLE_LENGTH))
    if shown.waiting:
        yield "Waiting", str(shown.waiting)


def _button(action: CardAction, thread_id: str, session_id: str) -> Json:
    custom_id = str(CardButton(action, thread_id, session_id if action in _ENDED else ""))
    return button(card_button(action, session_id), custom_id)
