"""What we show, as the bodies of Discord messages: lines of a transcript, cards, and answers within Discord's limits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.discord.custom_ids import CardButton, run_id
from adapters.discord.text import CONTENT_LIMIT, escape, pages, shorten, units
from bot.commands.buttons import BY_HAND, Button, Look, asks_by_hand, button_of, card_button, next_button
from bot.domain.conversations import ConversationRef, Item, Link, Reply, Section
from bot.domain.posts import MODES, SIGNS, STATES, Card, CardAction, Delivery, TranscriptLine
from bot.domain.sessions import SessionStatus

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

COMPONENTS_V2 = 1 << 15
"""Of a message that is made of components alone: no content, no embeds. https://docs.discord.com/developers/components/reference"""

COMPONENTS_LIMIT = 40
TEXTS_LENGTH = 4_000
"""Of all texts of such a message together."""

ITEM_TITLE_LENGTH = 200
ITEM_DETAIL_LENGTH = 500

_SECTION, _TEXT, _THUMBNAIL = 9, 10, 11


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


def once(message: Json, nonce: str) -> Json:
    """What makes it safe to repeat: Discord answers the same nonce with the same message for some minutes. At most 25 characters."""
    return {**message, "nonce": nonce, "enforce_nonce": True}


def statement(text: str) -> list[Json]:
    """What the bot itself says, in as many messages as it takes."""
    return [_text(page) for page in pages(text)]


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


# ---------------------------------------------------------------- cards


def card(shown: Card, thread_id: str, hint: str = "") -> Json:
    """The card, as body of a new message and of an edit alike: its state first, then how to go on, then what is set.

    `hint` says how to talk where writing is not enough.
    """
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


# ---------------------------------------------------------------- answers


def answer(reply: Reply, shown: Callable[[str], str] = escape) -> list[Json]:
    """A reply as one message or more; all but the file, which goes with the last. Its text is as `shown` makes it."""
    texts = _with_sections(pages(_with_long_link(reply), shown=shown), reply.sections, shown)
    bodies = _listing(reply, texts) if reply.items else _prose(reply, texts)
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


def _prose(reply: Reply, texts: Sequence[str]) -> list[Json]:
    bodies = [_text(text) for text in texts]
    if not bodies:
        bodies.append(_text("" if reply.file or reply.link else "…"))
    if buttons := _last_buttons(reply):
        bodies[-1]["components"] = rows(buttons)
    return bodies


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
        filled[0].components.insert(0, _text_block(head))
    if buttons := _last_buttons(reply):
        filled[-1].components += rows(buttons)
    bodies = [{"flags": COMPONENTS_V2, "components": page.components, "allowed_mentions": NOBODY} for page in filled]
    return [*map(_text, before), *bodies]


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
    texts = [_text_block(_words(item))]
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
    lines = [title, escape(shorten(item.detail, ITEM_DETAIL_LENGTH)), by_hand, small and f"-# {' · '.join(small)}"]
    return "\n".join(line for line in lines if line)


def _thumbnail(item: Item) -> Json:
    return {"type": _THUMBNAIL, "media": {"url": item.picture}, "description": item.title[:ITEM_TITLE_LENGTH] or None}


def _text_block(content: str) -> Json:
    return {"type": _TEXT, "content": content}


def _count(components: Sequence[Json]) -> int:
    return sum(1 + _count(each.get("components", ())) + ("accessory" in each) for each in components)


def _length(components: Sequence[Json]) -> int:
    return sum(len(each.get("content", "")) + _length(each.get("components", ())) for each in components)
