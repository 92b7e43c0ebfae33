"""What we show, as Slack's blocks: lines of a transcript, cards, answers and the home tab.

Whatever somebody else wrote (names, notes, what avatars say) stands in `plain_text` without emoji or in `rich_text`, where no
character is markup and nobody can be mentioned; or, escaped, in a title or the `text` beside the blocks, for notifications.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from adapters.slack.text import TEXT_LIMIT, escape, measure, shorten
from bot.commands.buttons import BY_HAND, Button, Look, asks_by_hand, button_of, card_buttons, next_button
from bot.commands.catalogue import Verb
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, Item, Link, Reply, Section
from bot.domain.posts import MODES, SIGNS, STATES, Card, Delivery, TranscriptLine
from bot.domain.sessions import SessionStatus
from bot.speech.sentences import split

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

BLOCKS_PER_MESSAGE = 45  # Slack takes 50
TEXT_PER_MESSAGE = 9_000  # Slack names no sum; its `markdown` block has 12,000
DETAIL_LIMIT = 600

_NAMES = "|".join(sorted(map(re.escape, {*CATALOGUE.names, *CATALOGUE.entries}), key=len, reverse=True))
_COMMAND = re.compile(rf"(?<![\w/])/avatar (?:{_NAMES})(?![\w-])(?: (?:[a-z_]{{1,30}}:)?[A-Z]{{2,30}}\b){{0,4}}")
"""A command as our sentences name it, with what is to be filled in: `/avatar set voice:NAME`."""

BLOCKS_LIMIT = 100

HOW_TO_BEGIN = (
    "Type {command} start in a channel where I am a member, or press the button. A card appears; what people write in its"
    " thread is spoken or answered by the avatar, and what it says is written back. In a thread, mention me or write stop or"
    " interrupt: Slack has no slash commands there."
)


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


# ---------------------------------------------------------------- cards


def card(shown: Card) -> Content:
    """The card of a session: its state first, then what is to be done and what ends it, then who and how."""
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


# ---------------------------------------------------------------- answers


def answer(reply: Reply) -> list[Content]:
    """A reply as one message or more, each within Slack's limits. Its file travels by itself."""
    blocks = [prose(part) for part in parts(reply.text)] if reply.text else []
    blocks += [_section(each) for each in reply.sections]
    for index, item in enumerate(reply.items):
        blocks += row(item, index)
    onwards = next_button(reply)
    blocks += actions(
        command_button(onwards, len(reply.items)) if onwards else None, link_button(reply.link) if reply.link else None
    )
    text = escape(shorten(reply.whole_text or (reply.file.name if reply.file else "…"), TEXT_LIMIT))
    return [Content(text, pack) for pack in _packs(blocks)]


def prose(text: str) -> Block:
    """Sentences of ours, command names in code style."""
    return rich_text(*_prose(text))


def _section(section: Section) -> Block:
    return rich_text(words(f"{section.title}\n", bold=True), *_prose("\n".join(section.lines)))


def _prose(text: str) -> list[Block]:
    elements, end = [], 0
    for found in _COMMAND.finditer(text):
        elements += [words(text[end : found.start()])] if found.start() > end else []
        elements.append(words(found[0], code=True))
        end = found.end()
    return [*elements, *([words(text[end:])] if end < len(text) or not elements else [])]


def row(item: Item, index: int) -> list[Block]:
    """One row of a listing: its title bold, its one button beside it; its picture beside the detail."""
    pressed = button_of(item)
    beside = command_button(pressed, index) if pressed else None
    title = " ".join(filter(None, (bold(item.title), _preview(item.preview)))) or " "
    by_hand = BY_HAND if item.command and asks_by_hand(item.command) and not beside else ""
    detail = " ".join(filter(None, (shorten(item.detail, DETAIL_LIMIT), by_hand)))
    if beside and shown_by_slack(item.picture):
        below = context(image(item.picture, item.title), plain(detail))
        return [{"type": "section", "text": mrkdwn(title), "accessory": beside}, *below]
    picture = image(item.picture, item.title) if shown_by_slack(item.picture) else None
    text = mrkdwn("\n".join(filter(None, (title, escape(detail)))))
    return [{"type": "section", "text": text} | ({"accessory": beside or picture} if beside or picture else {})]


def _preview(url: str) -> str:
    """A link to a film or a sound; none where its URL could not stand in markup."""
    if not shown_by_slack(url) or any(mark in url for mark in "<>|\n "):
        return ""
    return f"<{url.replace('&', '&amp;')}|Preview>"


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


# ---------------------------------------------------------------- the home tab


def home(sessions: Reply, command: str) -> Block:
    """How to begin, and the sessions of this workspace."""
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Live avatars", "emoji": False}},
        section(HOW_TO_BEGIN.format(command=command)),
        *actions(button("Start an avatar", f"{FORM}start", style="primary")),
        {"type": "divider"},
        *(block for content in answer(sessions) for block in content.blocks),
    ]
    return {"type": "home", "blocks": blocks[:BLOCKS_LIMIT]}
