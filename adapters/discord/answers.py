"""Answers to one person: a text, and the rows of a listing with their buttons, within Discord's limits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.discord.cards import state_of
from adapters.discord.custom_ids import run_id
from adapters.discord.markdown import CONTENT_LIMIT, escape, pages, shorten, units
from adapters.discord.messages import NOBODY, SUPPRESS_EMBEDS, URL_LENGTH, button, is_shown, link_button, rows
from bot.commands.buttons import BY_HAND, Button, asks_by_hand, button_of, next_button
from bot.domain.conversations import Item, Reply, Section

Json = dict[str, Any]

COMPONENTS_V2 = 1 << 15
"""Of a message that is made of components alone: no content, no embeds. https://docs.discord.com/developers/components/reference"""

COMPONENTS_LIMIT = 40
TEXTS_LENGTH = 4_000
"""Of all texts of such a message together."""

TITLE_LENGTH = 200
DETAIL_LENGTH = 500
SMALL_LENGTH = 200

_SECTION, _TEXT, _THUMBNAIL = 9, 10, 11


def answer(reply: Reply, shown: Callable[[str], str] = escape) -> list[Json]:
    """A reply as one message or more; all but the file, which goes with the last. Its text is as `shown` makes it."""
    texts = _with_sections(pages(_with_long_link(reply), shown=shown), reply.sections, shown)
    bodies = _listing(reply, texts) if reply.items else _told(reply, texts)
    if reply.file and bodies[-1].get("flags", 0) & COMPONENTS_V2:
        bodies.append({"content": "", "allowed_mentions": NOBODY})
    return bodies


def _with_sections(texts: Sequence[str], sections: Sequence[Section], shown: Callable[[str], str]) -> list[str]:
    """Titles bold, in as many messages as it takes."""
    texts = list(texts)
    for section in sections:
        for number, line in enumerate(map(shown, section.lines)):
            piece = line if number else f"\n**{escape(section.title)}**\n{line}"
            if texts and units(texts[-1]) + units(piece) < CONTENT_LIMIT:
                texts[-1] += f"\n{piece}"
            else:
                texts.append(piece.lstrip())
    return texts


def _told(reply: Reply, texts: Sequence[str]) -> list[Json]:
    bodies = [_plain(text) for text in texts]
    if not bodies:
        bodies.append(_plain("" if reply.file or reply.link else "…"))
    if buttons := _last_buttons(reply):
        bodies[-1]["components"] = rows(buttons)
    return bodies


def _plain(content: str) -> Json:
    return {"content": content, "flags": SUPPRESS_EMBEDS, "allowed_mentions": NOBODY}


def _with_long_link(reply: Reply) -> str:
    """A link that no button takes stands in the text."""
    if reply.link is None or len(reply.link.url) <= URL_LENGTH:
        return reply.text
    return f"{reply.text}\n{reply.link.label}: {reply.link.url}"


def _last_buttons(reply: Reply) -> list[Json]:
    found = [link_button(reply.link)] if reply.link and len(reply.link.url) <= URL_LENGTH else []
    following = next_button(reply)
    if following and (custom_id := run_id(following.command)):
        found.append(button(following, custom_id))
    return found


# ---------------------------------------------------------------- listings


@dataclass(slots=True)
class _Page:
    """One message of a listing as it fills."""

    components: list[Json] = field(default_factory=list)
    count: int = 0
    length: int = 0

    def takes(self, row: Sequence[Json]) -> bool:
        """Room is kept for a row of buttons at its end."""
        return self.count + _count(row) <= COMPONENTS_LIMIT - 4 and self.length + _length(row) <= TEXTS_LENGTH

    def add(self, row: Sequence[Json]) -> None:
        self.components += row
        self.count += _count(row)
        self.length += _length(row)


def _listing(reply: Reply, texts: Sequence[str]) -> list[Json]:
    *before, head = texts or [""]
    filled = list(_filled(reply.items))
    if head:
        filled[0].components.insert(0, _text(head))
    if buttons := _last_buttons(reply):
        filled[-1].components += rows(buttons)
    bodies = [{"flags": COMPONENTS_V2, "components": page.components, "allowed_mentions": NOBODY} for page in filled]
    return [*map(_plain, before), *bodies]


def _filled(items: Sequence[Item]) -> Iterator[_Page]:
    """As many rows on each page as a message may hold."""
    page = _Page(length=CONTENT_LIMIT)  # of the text above
    for item in items:
        shown = _row(item)
        if page.components and not page.takes(shown):
            yield page
            page = _Page()
        page.add(shown)
    yield page


def _row(item: Item) -> list[Json]:
    """One compact block: its picture and its button beside its words, as far as Discord puts one beside them."""
    texts = [_text(_words(item))]
    runs = _runs(item)
    if is_shown(item.picture):
        section = {"type": _SECTION, "components": texts, "accessory": _thumbnail(item)}
        return [section, *rows([runs] if runs else [])]
    return [{"type": _SECTION, "components": texts, "accessory": runs}] if runs else texts


def _runs(item: Item) -> Json | None:
    found: Button | None = button_of(item)
    custom_id = run_id(found.command) if found else None
    return button(found, custom_id) if found and custom_id else None


def _words(item: Item) -> str:
    title = f"**{escape(shorten(item.title or '…', TITLE_LENGTH))}**"
    if item.status:
        title = f"{state_of(item.status)} · {title}"
    small = [f"Started by {escape(shorten(item.starter_name, SMALL_LENGTH))}"] if item.starter_name else []
    small += [f"ends <t:{int(item.ends_at.timestamp())}:R>"] if item.ends_at else []
    small += [f"[Preview](<{item.preview}>)"] if is_shown(item.preview) and len(item.preview) <= URL_LENGTH else []
    by_hand = BY_HAND if item.command and asks_by_hand(item.command) and not _runs(item) else ""
    lines = [title, escape(shorten(item.detail, DETAIL_LENGTH)), by_hand, small and f"-# {' · '.join(small)}"]
    return "\n".join(line for line in lines if line)


def _thumbnail(item: Item) -> Json:
    return {"type": _THUMBNAIL, "media": {"url": item.picture}, "description": item.title[:TITLE_LENGTH] or None}


def _text(content: str) -> Json:
    return {"type": _TEXT, "content": content}


def _count(components: Sequence[Json]) -> int:
    return sum(1 + _count(each.get("components", ())) + ("accessory" in each) for each in components)


def _length(components: Sequence[Json]) -> int:
    return sum(len(each.get("content", "")) + _length(each.get("components", ())) for each in components)
