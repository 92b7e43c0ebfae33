"""What we show, as the bodies of Discord messages."""

from collections.abc import Iterator, Sequence
from typing import Any

from adapters.discord.custom_ids import PICK, CardButton, packed
from adapters.discord.markup import CONTENT_LIMIT, escape, measure, pages, shorten
from bot.commands.buttons import Look, card_button
from bot.model import Card, CardAction, Delivery, Item, Line, Link, Mode, Place, Reply, SessionStatus

Json = dict[str, Any]

NOBODY: Json = {"parse": []}
"""`allowed_mentions` that pings nobody; without it Discord would ping everybody whom a text names."""

SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6

TEXT_LIMIT = 1_880
"""Of a line: what a message holds besides the speaker's name."""

SPEAKER_LENGTH = 100
TITLE_LENGTH = 256
NOTE_LENGTH = 2_000
EMBEDS_LIMIT = 10
EMBEDS_LENGTH = 6_000
OPTIONS_LIMIT = 25
OPTION_LENGTH = 100
URL_LENGTH = 512
LABEL_LENGTH = 80

_ROW, _BUTTON, _SELECT = 1, 2, 3
_PRIMARY, _SECONDARY, _DANGER, _LINK = 1, 2, 4, 5
_STYLES = {Look.PLAIN: _SECONDARY, Look.PRIMARY: _PRIMARY, Look.DANGER: _DANGER}
_ENDED = {CardAction.TRANSCRIPT, CardAction.START_AGAIN}
"""What is asked of an ended session."""

_MODES = {Mode.DIALOGUE: "Answers by itself", Mode.RETELLING: "Says what it is given"}
_AMBER, _GREEN, _GREY = 0xF59E0B, 0x22C55E, 0x6B7280
_COLOURS = {
    SessionStatus.LIVE: _GREEN,
    SessionStatus.STARTING: _AMBER,
    SessionStatus.RECONNECTING: _AMBER,
}


def line(shown: Line) -> Json:
    """One line of the transcript, or of the bot itself. A growing one ends in an ellipsis."""
    more = " …" if shown.delivery is Delivery.GROWING else ""
    if shown.speaker is None:
        return _text(f"{escape(shown.text)}{more}")
    speaker = escape(shorten(" ".join(shown.speaker.split()) or "Avatar", SPEAKER_LENGTH))
    return _text(f"**{speaker}:** {escape(shown.text)}{more}")


def statement(text: str) -> list[Json]:
    """What the bot itself says, in as many messages as it takes."""
    return [_text(page) for page in pages(text)]


def addressed(user_id: str, message: Json) -> Json:
    """The same, addressed to one person, who is the only one it pings."""
    room = CONTENT_LIMIT - 30
    said = f"<@{user_id}> {message['content'][:room]}".rstrip()
    return {**message, "content": said, "allowed_mentions": {"parse": [], "users": [user_id]}}


def _text(content: str) -> Json:
    return {"content": content, "flags": SUPPRESS_EMBEDS, "allowed_mentions": NOBODY}


# ---------------------------------------------------------------- cards


def card(shown: Card, thread_id: str, hint: str = "") -> Json:
    """The card, as body of a new message and of an edit alike. `hint` says how to talk where writing is not enough."""
    embed: Json = {
        "title": escape(shorten(shown.avatar_name or "Avatar", TITLE_LENGTH)),
        "description": escape(shorten(shown.note, NOTE_LENGTH)) or "…",
        "color": _COLOURS.get(shown.status, _GREY),
        "fields": [{"name": name, "value": value, "inline": True} for name, value in _facts(shown)],
        "footer": {"text": " · ".join(filter(None, (f"Started by {shown.starter_name[:100]}", hint)))},
    }
    if _is_shown(shown.picture):
        embed["thumbnail"] = {"url": shown.picture}
    buttons = [_button(action, thread_id, shown.session_id) for action in shown.actions]
    return {"embeds": [embed], "components": _rows(buttons), "allowed_mentions": NOBODY}


def moved(shown: Card, thread: Place, message_id: str) -> Json:
    """What is left of a card that goes on in another message."""
    where = f"https://discord.com/channels/{_guild(thread)}/{thread.thread_id or thread.channel_id}/{message_id}"
    title = escape(shorten(shown.avatar_name or "Avatar", TITLE_LENGTH))
    embed = {"title": title, "description": f"The card goes on [further down]({where}).", "color": _GREY}
    return {"embeds": [embed], "components": [], "allowed_mentions": NOBODY}


def thread_name(shown: Card) -> str:
    """1 to 100 characters."""
    return f"{shown.avatar_name or 'Avatar'} with {shown.starter_name or 'everybody'}"[:100]


def _guild(place: Place) -> str:
    return place.workspace_id if place.workspace_id.isdecimal() else "@me"


def _facts(shown: Card) -> Iterator[tuple[str, str]]:
    yield "Mode", _MODES[shown.mode]
    if shown.traits:
        yield "Set", escape(shorten(", ".join(shown.traits), TITLE_LENGTH))
    if shown.ends_at:
        yield "Time left", f"<t:{int(shown.ends_at.timestamp())}:R>"
    if shown.waiting:
        yield "Waiting", str(shown.waiting)


def _button(action: CardAction, thread_id: str, session_id: str) -> Json:
    button = card_button(action, session_id)
    custom_id = str(CardButton(action, thread_id, session_id if action in _ENDED else ""))
    return {"type": _BUTTON, "style": _STYLES[button.look], "label": button.label, "custom_id": custom_id}


def _rows(*rows: Sequence[Json]) -> list[Json]:
    return [{"type": _ROW, "components": list(row)} for row in rows if row]


def _is_shown(url: str) -> bool:
    """Discord fetches pictures itself."""
    return url.startswith(("https://", "http://")) and len(url) <= 2_048


# ---------------------------------------------------------------- answers


def answer(reply: Reply) -> list[Json]:
    """A reply as one message or more, each within Discord's limits; all but the file, which goes with the last."""
    text = reply.text
    if reply.link and len(reply.link.url) > URL_LENGTH:
        text += f"\n{reply.link.label}: {reply.link.url}"
    bodies: list[Json] = [{"content": page, "allowed_mentions": NOBODY} for page in pages(text)]
    packs = list(_packs(reply.items))
    if packs and not bodies:
        bodies.append({"content": "", "allowed_mentions": NOBODY})
    for number, pack in enumerate(packs):
        shown = {"embeds": [_listed(item) for item in pack], "components": _rows(_select(pack))}
        if number == 0:
            bodies[-1] |= shown
        else:
            bodies.append({"content": "", "allowed_mentions": NOBODY} | shown)
    if not bodies:
        bodies.append({"content": "" if reply.file or reply.link else "…", "allowed_mentions": NOBODY})
    if reply.link and len(reply.link.url) <= URL_LENGTH:
        bodies[-1]["components"] = [*bodies[-1].get("components", ()), *_rows([_link(reply.link)])]
    return [_without_previews(body) for body in bodies]


def _without_previews(body: Json) -> Json:
    """The flag would hide our own embeds too."""
    return body if body.get("embeds") else body | {"flags": SUPPRESS_EMBEDS}


def _listed(item: Item) -> Json:
    embed: Json = {"title": escape(shorten(item.title or "…", TITLE_LENGTH)), "color": _GREY}
    if item.detail:
        embed["description"] = escape(shorten(item.detail, 500))
    if _is_shown(item.picture):
        embed["thumbnail"] = {"url": item.picture}
    if _is_shown(item.preview):
        embed["url"] = item.preview
    return embed


def _packs(items: Sequence[Item]) -> Iterator[list[Item]]:
    """As many rows as one message may hold."""
    pack: list[Item] = []
    size = 0
    for item in items:
        length = min(measure(item.title), TITLE_LENGTH) + min(measure(item.detail), 500)
        if pack and (len(pack) >= EMBEDS_LIMIT or size + length > EMBEDS_LENGTH):
            yield pack
            pack, size = [], 0
        pack.append(item)
        size += length
    if pack:
        yield pack


def _select(items: Sequence[Item]) -> list[Json]:
    """One select that runs the command of what is chosen, for those whose command fits into a choice."""
    options = [_offered(item, value) for item in items if item.command and (value := packed(item.command))]
    unique = list({option["value"]: option for option in options}.values())[:OPTIONS_LIMIT]
    return [{"type": _SELECT, "custom_id": PICK, "placeholder": "Choose", "options": unique}] if unique else []


def _offered(item: Item, value: str) -> Json:
    option = {"label": item.title[:OPTION_LENGTH] or "…", "value": value}
    return option | ({"description": item.detail[:OPTION_LENGTH]} if item.detail else {})


def _link(link: Link) -> Json:
    return {"type": _BUTTON, "style": _LINK, "label": link.label[:LABEL_LENGTH] or "Open", "url": link.url}
