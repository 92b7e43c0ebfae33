"""What we show, as the bodies of Discord messages."""

from collections.abc import Sequence
from typing import Any

from adapters.discord.markdown import CONTENT_LIMIT, escape, pages, shorten
from bot.commands.buttons import Button, Look
from bot.domain.conversations import Link
from bot.domain.posts import Delivery, TranscriptLine

Json = dict[str, Any]

NOBODY: Json = {"parse": []}
"""`allowed_mentions` that pings nobody; without it Discord would ping everybody whom a text names."""

SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6

TEXT_LIMIT = 1_560
"""Of a line: what a message holds besides the speaker's name and what says that the avatar is an AI, every character of it escaped."""

SPEAKER_LENGTH = 100
URL_LENGTH = 512
LABEL_LENGTH = 80

_ROW, _BUTTON = 1, 2
_PRIMARY, _SECONDARY, _DANGER, _LINK = 1, 2, 4, 5
_STYLES = {Look.PLAIN: _SECONDARY, Look.PRIMARY: _PRIMARY, Look.DANGER: _DANGER}


def line(shown: TranscriptLine) -> Json:
    """One line of the transcript, or of the bot itself, and under it what says that the avatar is an AI. A growing one ends in an ellipsis."""
    more = " …" if shown.delivery is Delivery.GROWING else ""
    if shown.speaker is None:
        return _text(f"{escape(shown.text)}{more}")
    speaker = escape(shorten(" ".join(shown.byline.split()) or "Avatar", SPEAKER_LENGTH))
    small = f"\n-# {escape(shown.disclosure.sentence)}" if shown.disclosure.sentence else ""
    return _text(f"**{speaker}:** {escape(shown.text)}{more}{small}")


def replying_quietly(message_id: str) -> Json:
    """What makes a message a reply that pings nobody; to one that is gone meanwhile it is an ordinary message."""
    reference = {"message_id": message_id, "fail_if_not_exists": False}
    return {"message_reference": reference, "allowed_mentions": {**NOBODY, "replied_user": False}}


def statement(text: str) -> list[Json]:
    """What the bot itself says, in as many messages as it takes."""
    return [_text(page) for page in pages(text)]


def addressed(user_id: str, sentence: str) -> Json:
    """A sentence addressed to one person, who is the only one it pings."""
    return named(user_id, _text(escape(sentence)))


def named(user_id: str, message: Json) -> Json:
    """A message addressed to one person, as far as there is room for the name."""
    content = f"<@{user_id}> {message['content']}".removesuffix(" ")
    if len(content) > CONTENT_LIMIT:
        return message
    return {**message, "content": content, "allowed_mentions": {"parse": [], "users": [user_id]}}


def _text(content: str) -> Json:
    return {"content": content, "flags": SUPPRESS_EMBEDS, "allowed_mentions": NOBODY}


# ---------------------------------------------------------------- parts of others


def button(shown: Button, custom_id: str) -> Json:
    return {"type": _BUTTON, "style": _STYLES[shown.look], "label": shown.label, "custom_id": custom_id}


def link_button(link: Link) -> Json:
    return {"type": _BUTTON, "style": _LINK, "label": link.label[:LABEL_LENGTH] or "Open", "url": link.url}


def rows(*buttons: Sequence[Json]) -> list[Json]:
    """Each as a row; empty ones are left out."""
    return [{"type": _ROW, "components": list(row)} for row in buttons if row]


def is_shown(url: str) -> bool:
    """Discord fetches pictures itself."""
    return url.startswith(("https://", "http://")) and len(url) <= 2_048
