"""What we show as Slack's blocks.

Whatever somebody else wrote (names, notes, what avatars say) stands in `plain_text` without emoji or in `rich_text`, where no
character is markup and nobody can be mentioned. Only the `text` beside the blocks, for notifications, has to be escaped.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack.markup import TEXT_LIMIT, escape, measure, shorten
from bot.commands.buttons import Button, Look, button_of, card_buttons, next_button
from bot.model import Card, Command, Delivery, Item, Line, Link, Mode, Reply
from bot.transcript.split import split

Block = dict[str, Any]

RUN = "run:"
FORM = "form:"
LINK = "link"
"""How an `action_id` begins: runs a command, opens a form, or is only a link."""

BUTTON_TEXT_LIMIT = 75
BUTTON_VALUE_LIMIT = 2_000
URL_LIMIT = 3_000
HEADER_LIMIT = 150
ALT_LIMIT = 2_000
BLOCKS_PER_MESSAGE = 45  # Slack takes 50
TEXT_PER_MESSAGE = 9_000  # Slack names no sum; its `markdown` block has 12,000

_STYLES = {Look.PLAIN: "", Look.PRIMARY: "primary", Look.DANGER: "danger"}
_MODES = {Mode.DIALOGUE: "Answers by itself", Mode.RETELLING: "Says what it is given"}


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


def section(text: str, picture: str = "") -> Block:
    accessory = {"accessory": _image(picture, text)} if _shown(picture) else {}
    return {"type": "section", "text": plain(text), **accessory}


def _image(url: str, alt: str) -> Block:
    return {"type": "image", "image_url": url, "alt_text": shorten(alt, ALT_LIMIT) or " "}


def _shown(url: str) -> bool:
    """Slack fetches pictures itself, over https."""
    return url.startswith("https://") and len(url) <= URL_LIMIT


def button(label: str, action_id: str, value: str = "", style: str = "") -> Block:
    body: Block = {"type": "button", "text": plain(label, BUTTON_TEXT_LIMIT), "action_id": action_id}
    return body | ({"value": value} if value else {}) | ({"style": style} if style else {})


def link_button(link: Link, index: int = 0) -> Block:
    return button(link.label, f"{LINK}:{index}") | {"url": link.url}


def command_button(label: str, command: Command, index: int = 0, style: str = "") -> Block | None:
    """A button that runs a command, if its options fit into one."""
    options = json.dumps(dict(command.options), separators=(",", ":")) if command.options else ""
    if len(options) > BUTTON_VALUE_LIMIT:
        return None
    return button(label, f"{RUN}{command.verb}:{index}", options, style)


def command_of(action_id: str, value: str) -> Command:
    """What a `command_button` runs."""
    verb = action_id.removeprefix(RUN).rpartition(":")[0]
    return Command(verb, json.loads(value) if value else {})


def actions(*elements: Block | None) -> list[Block]:
    shown = [element for element in elements if element]
    return [{"type": "actions", "elements": shown}] if shown else []


def rich_text(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(elements)}]}


def words(text: str, *, bold: bool = False) -> Block:
    return {"type": "text", "text": text or " "} | ({"style": {"bold": True}} if bold else {})


# ---------------------------------------------------------------- what we show


def line(shown: Line) -> Content:
    """One line of the transcript, or of the bot itself. A growing one ends in an ellipsis."""
    more = [words(" …")] if shown.delivery is Delivery.GROWING else []
    if shown.speaker is None:
        return Content(escape(shown.text), [rich_text(words(shown.text), *more)])
    speaker = shorten(shown.speaker, 80)
    block = rich_text(words(f"{speaker}: ", bold=True), words(shown.text), *more)
    return Content(escape(f"{speaker}: {shown.text}"), [block])


def statement(text: str) -> Content:
    return Content(escape(shorten(text, TEXT_LIMIT)), [rich_text(words(part)) for part in parts(text)])


def mention(user_id: str, content: Content) -> Content:
    """The same, addressed to somebody: the last resort of a private answer."""
    return Content(f"<@{user_id}> {content.text}", [rich_text({"type": "user", "user_id": user_id}), *content.blocks])


def card(shown: Card) -> Content:
    said = f"{shown.avatar_name}: {shown.note}"
    return Content(
        escape(shorten(said, TEXT_LIMIT)),
        [
            {"type": "header", "text": plain(shown.avatar_name or "Avatar", HEADER_LIMIT)},
            section(shown.note, shown.picture),
            {"type": "context", "elements": list(_facts(shown))},
            *actions(*map(_button, card_buttons(shown))),
        ],
    )


def _facts(shown: Card) -> Iterator[Block]:
    yield plain(f"{_MODES[shown.mode]} · started by {shown.starter_name}")
    if shown.traits:
        yield plain(" · ".join(shown.traits))
    if shown.waiting:
        yield plain(f"{shown.waiting} waiting")
    if shown.ends_at:
        at = int(shown.ends_at.timestamp())
        # Each reader's own time; the words behind the bar are for clients that cannot.
        yield {"type": "mrkdwn", "text": f"until <!date^{at}^{{time}}|{shown.ends_at:%H:%M} UTC>"}


def _button(shown: Button | None, index: int = 0) -> Block | None:
    return command_button(shown.label, shown.command, index, _STYLES[shown.look]) if shown else None


def answer(reply: Reply) -> list[Content]:
    """A reply as one message or more, each within Slack's limits. Its file travels by itself."""
    blocks = [rich_text(words(part)) for part in parts(reply.text)] if reply.text else []
    for index, item in enumerate(reply.items):
        blocks += listed(item, index)
    blocks += actions(_button(next_button(reply), len(reply.items)))
    if reply.link:
        blocks += actions(link_button(reply.link))
    text = escape(shorten(reply.text or (reply.file.name if reply.file else "…"), TEXT_LIMIT))
    return [Content(text, pack) for pack in _packs(blocks)]


def listed(item: Item, index: int) -> list[Block]:
    """One row of a listing."""
    picked = _button(button_of(item), index)
    preview = link_button(Link("Preview", item.preview), index) if _shown(item.preview) else None
    return [section("\n".join(filter(None, (item.title, item.detail))), item.picture), *actions(picked, preview)]


def parts(text: str, limit: int = TEXT_LIMIT) -> list[str]:
    """The text in pieces that each fit, at least one. White space at their ends is lost."""
    return split(text, limit, measure) or [""]


def _packs(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    pack: list[Block] = []
    size = 0
    for block in blocks:
        length = len(json.dumps(block, ensure_ascii=False))
        if pack and (len(pack) >= BLOCKS_PER_MESSAGE or size + length > TEXT_PER_MESSAGE):
            yield pack
            pack, size = [], 0
        pack.append(block)
        size += length
    yield pack
