"""Answers to one person: sentences with command names in code style, rows of a listing with a button beside each."""

import json
import re
from collections.abc import Iterable, Iterator

from adapters.slack.blocks import (
    Block,
    Content,
    actions,
    bold,
    command_button,
    context,
    image,
    link_button,
    mrkdwn,
    parts,
    plain,
    rich_text,
    shown_by_slack,
    words,
)
from adapters.slack.mrkdwn import TEXT_LIMIT, escape, shorten
from bot.commands.buttons import BY_HAND, asks_by_hand, button_of, next_button
from bot.commands.catalogue import CATALOGUE
from bot.domain.replies import Item, Reply, Section

BLOCKS_PER_MESSAGE = 45  # Slack takes 50
TEXT_PER_MESSAGE = 9_000  # Slack names no sum; its `markdown` block has 12,000
DETAIL_LIMIT = 600

_NAMES = "|".join(sorted(map(re.escape, {*CATALOGUE.names, *CATALOGUE.entries}), key=len, reverse=True))
_COMMAND = re.compile(rf"(?<![\w/])/avatar (?:{_NAMES})(?![\w-])(?: (?:[a-z_]{{1,30}}:)?[A-Z]{{2,30}}\b){{0,4}}")
"""A command as our sentences name it, with what is to be filled in: `/avatar set voice:NAME`."""


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
