"""What we show is made of: Slack's blocks, and lines of a transcript.

Whatever somebody else wrote (names, notes, what avatars say) stands in `plain_text` without emoji or in `rich_text`, where no
character is markup and nobody can be mentioned; or, escaped, in a title or the `text` beside the blocks, for notifications.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from adapters.slack.mrkdwn import TEXT_LIMIT, escape, measure, shorten
from bot.commands.buttons import Button, Look
from bot.domain.messages import Command
from bot.domain.replies import Link
from bot.domain.transcript import Delivery, TranscriptLine
from bot.speech.splitter import split

Block = dict[str, Any]

RUN = "run:"
FORM = "form:"
LINK = "link"
"""How an `action_id` begins: runs a command, opens a form, or is only a link."""

BUTTON_TEXT_LIMIT = 75
BUTTON_VALUE_LIMIT = 2_000
URL_LIMIT = 3_000
TITLE_LIMIT = 150
CONFIRM_TITLE_LIMIT = 100
CONFIRM_TEXT_LIMIT = 300
CONFIRM_BUTTON_LIMIT = 30
ALT_LIMIT = 2_000
_STYLES = {Look.PLAIN: "", Look.PRIMARY: "primary", Look.DANGER: "danger"}


@dataclass(frozen=True, slots=True)
class Content:
    """One message: its blocks, and its words for notifications and screen readers, escaped."""

    text: str
    blocks: Sequence[Block] = ()

    def arguments(self) -> dict[str, Any]:
        return {"text": self.text, "blocks": list(self.blocks)}


# ---------------------------------------------------------------- elements


def plain(text: str, limit: int = TEXT_LIMIT) -> Block:
    return {"type": "plain_text", "text": shorten(text, limit) or " ", "emoji": False}


def mrkdwn(text: str) -> Block:
    """Text with markup of ours only: what others wrote in it was escaped before, and is not looked at for names and links."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def bold(text: str, limit: int = TITLE_LIMIT) -> str:
    """A title, in mrkdwn. A star in it would end the bold."""
    title = escape(shorten(" ".join(text.replace("*", "\u2217").split()), limit))
    return f"*{title}*" if title else ""


def section(text: str, picture: str = "") -> Block:
    accessory = {"accessory": image(picture, text)} if shown_by_slack(picture) else {}
    return {"type": "section", "text": plain(text), **accessory}


def context(*elements: Block) -> list[Block]:
    return [{"type": "context", "elements": list(elements)}] if elements else []


def image(url: str, alt: str) -> Block:
    return {"type": "image", "image_url": url, "alt_text": shorten(alt, ALT_LIMIT) or " "}


def shown_by_slack(url: str) -> bool:
    """Slack fetches pictures itself, over https."""
    return url.startswith("https://") and len(url) <= URL_LIMIT


def button(label: str, action_id: str, value: str = "", style: str = "") -> Block:
    body: Block = {"type": "button", "text": plain(label, BUTTON_TEXT_LIMIT), "action_id": action_id}
    return body | ({"value": value} if value else {}) | ({"style": style} if style else {})


def link_button(link: Link, index: int = 0) -> Block:
    return button(link.label, f"{LINK}:{index}") | {"url": link.url}


def command_button(shown: Button, index: int = 0) -> Block | None:
    """A button that runs a command, if its options fit into one. Slack itself asks back before what cannot be undone."""
    command = shown.confirmed if shown.question else shown.command
    options = json.dumps(dict(command.options), separators=(",", ":")) if command.options else ""
    if len(options) > BUTTON_VALUE_LIMIT:
        return None
    made = button(shown.label, f"{RUN}{command.verb}:{index}", options, _STYLES[shown.look])
    return made | ({"confirm": _question(shown)} if shown.question else {})


def _question(shown: Button) -> Block:
    return {
        "title": plain(f"{shown.label}?", CONFIRM_TITLE_LIMIT),
        "text": plain(shown.question, CONFIRM_TEXT_LIMIT),
        "confirm": plain(shown.label, CONFIRM_BUTTON_LIMIT),
        "deny": plain("Cancel", CONFIRM_BUTTON_LIMIT),
        "style": "danger",
    }


def command_of(action_id: str, value: str) -> Command:
    """What a `command_button` runs."""
    verb = action_id.removeprefix(RUN).rpartition(":")[0]
    return Command(verb, msgspec.json.decode(value, type=dict[str, str]) if value else {})


def actions(*elements: Block | None) -> list[Block]:
    shown = [element for element in elements if element]
    return [{"type": "actions", "elements": shown}] if shown else []


def rich_text(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def words(text: str, *, bold: bool = False, code: bool = False) -> Block:
    style = {name: True for name, on in (("bold", bold), ("code", code)) if on}
    return {"type": "text", "text": text or " "} | ({"style": style} if style else {})


# ---------------------------------------------------------------- what we show


def line(shown: TranscriptLine) -> Content:
    """One line of the transcript, or of the bot itself, and under it what says that the avatar is an AI. A growing one ends in an ellipsis.

    Slack has no replies within a thread, so whom an answer is for is said by name.
    """
    more = [words(" …")] if shown.delivery is Delivery.GROWING else []
    if shown.speaker is None:
        return Content(escape(shown.text), [rich_text(words(shown.text), *more)])
    speaker = shorten(shown.byline, 120)
    block = rich_text(words(f"{speaker}: ", bold=True), words(shown.text), *more)
    sentence = shown.disclosure.sentence
    disclosed = context(plain(sentence)) if sentence else []
    return Content(escape(f"{speaker}: {shown.text} {sentence}".rstrip()), [block, *disclosed])


def statement(text: str) -> Content:
    return Content(escape(shorten(text, TEXT_LIMIT)), [rich_text(words(part)) for part in parts(text)])


def mention(user_id: str, content: Content) -> Content:
    """The same, addressed to somebody: the last resort of a private answer."""
    return Content(f"<@{user_id}> {content.text}", [rich_text({"type": "user", "user_id": user_id}), *content.blocks])


def parts(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """The text in pieces that each fit, at least one. White space at their ends is lost."""
    return split(text, limit, measure) or [""]
