"""The JSON of stream protocol v2, and where to cut a text that is too long for one packet. Reading is tolerant, writing is exact.

The deprecated `vid` and `vurl` beside `vparams`, and `params` in the place of `data`, are read and never written.
"""

import json
import re
from collections.abc import Callable, Mapping
from itertools import accumulate, takewhile
from typing import Final, assert_never

import msgspec
import regex
from msgspec import Struct, structs

from adapters.akool.stream.messages import (
    Chat,
    CommandAck,
    CommandName,
    Event,
    Expression,
    GestureName,
    Interrupt,
    Message,
    Moment,
    NotOurs,
    Outbound,
    Params,
    Part,
    SetAction,
    SetParams,
    Unknown,
    UnreadableMessage,
    VoiceParamsMessage,
)
from bot.domain.posts import Speaker
from bot.domain.text import well_formed

VERSION: Final = 2

MOST_PARTS: Final = 1_000_000
"""A higher number is none: such a part is appended as it comes."""

SENTENCE_WINDOW = 60
"""Bytes that a packet may stay below its limit in order to end with a sentence."""

WORD_WINDOW = 30
"""The same for a word."""

_GRAPHEME = regex.compile(r"\X")
_SENTENCE_END = regex.compile(r"(?:[.!?…][\p{Pf}\p{Pe}\"']*\s+|[。！？][\p{Pf}\p{Pe}]*\s*|\n\s*)\Z")  # noqa: RUF001
_WORD_END = regex.compile(r"(?:\s|\p{Pd})\Z")

# ---------------------------------------------------------------- writing

_ESCAPED = re.compile(r'["\\\x00-\x1f]')
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(message: Outbound) -> bytes:
    """UTF-8 JSON in which only what must be escaped is. Half a surrogate pair becomes U+FFFD."""
    fields: dict[str, object] = {"v": VERSION, **_fields(message)}
    return well_formed(_JSON.encode(fields)).encode()


def escaped_size(text: str) -> int:
    """Bytes that `text` takes inside an encoded message."""
    return len(well_formed(_JSON.encode(text)[1:-1] if _ESCAPED.search(text) else text).encode())


def _fields(message: Outbound) -> dict[str, object]:
    match message:
        case Chat(mid, idx, fin, text):
            return {"type": "chat", "mid": mid, "idx": idx, "fin": fin, "pld": {"text": text}}
        case SetParams(mid, params):
            return _command(mid, CommandName.SET_PARAMS, msgspec.to_builtins(params))
        case Interrupt(mid):
            return _command(mid, CommandName.INTERRUPT, {})
        case SetAction(mid, action, expression):
            wanted = {"action": action, "expression": expression}
            return _command(mid, CommandName.SET_ACTION, {name: value for name, value in wanted.items() if value})
        case _:
            assert_never(message)


def _command(mid: str, verb: CommandName, data: dict[str, object]) -> dict[str, object]:
    return {"type": "command", "mid": mid, "pld": {"cmd": verb, **({"data": data} if data else {})}}


# ---------------------------------------------------------------- reading


class _CommandData(Params, frozen=True):
    """`pld.data` of every command at once, the deprecated fields among them."""

    vid: str | None = None
    vurl: str | None = None
    action: str | None = None
    expression: str | None = None


class _Envelope(Struct, frozen=True):
    mid: object = None

    @property
    def id(self) -> str:
        return str(self.mid) if isinstance(self.mid, str | int | float) else ""


class _ChatPayload(Struct, frozen=True, rename={"sender": "from"}):
    sender: str | None = None
    text: str | None = None


class _Chat(_Envelope, frozen=True):
    """AKOOL's own clients show the text of any chat, whatever its numbers are."""

    idx: object = None
    fin: object = None
    pld: _ChatPayload = _ChatPayload()

    @property
    def number(self) -> int:
        return int(self.idx) if isinstance(self.idx, int | float) and 0 <= self.idx <= MOST_PARTS else 0


class _CommandPayload(Struct, frozen=True):
    cmd: str | None = None
    data: _CommandData | None = None
    params: _CommandData | None = None
    code: int | None = None
    msg: str | None = None


class _Command(_Envelope, frozen=True):
    pld: _CommandPayload = _CommandPayload()


class _EventPayload(Struct, frozen=True):
    event: str | None = None


class _Event(_Envelope, frozen=True):
    pld: _EventPayload = _EventPayload()


_SPEAKERS = {speaker.value: speaker for speaker in Speaker}
_MOMENTS = {moment.value: moment for moment in Moment}


def decode(packet: bytes) -> Message | NotOurs:
    """What the bytes of a packet say. Never raises, whatever they are.

    Only the text of a chat may hold half a surrogate pair, whose other half may come in the next packet.
    """
    try:
        text = packet.decode("utf-8-sig")
        # half a surrogate pair has no UTF-8 form: only an escape makes one
        fields = json.loads(text, object_pairs_hook=_well_formed_fields if "\\u" in text else None)
    except (ValueError, RecursionError):
        return NotOurs(UnreadableMessage.NOT_JSON)
    if not isinstance(fields, dict) or fields.get("v") != VERSION:
        return NotOurs(UnreadableMessage.NOT_V2)
    reader = _READERS.get(str(fields.get("type")))
    if reader is None:
        return Unknown(str(fields.get("type", "")))
    try:
        return reader(fields)
    except (msgspec.ValidationError, UnicodeError):
        return NotOurs(UnreadableMessage.MALFORMED)


def _well_formed_fields(pairs: list[tuple[str, object]]) -> dict[str, object]:
    return {
        well_formed(name): well_formed(value) if isinstance(value, str) and name != "text" else value
        for name, value in pairs
    }


def _chat(fields: dict[str, object]) -> Message:
    chat = msgspec.convert(fields, _Chat, strict=False)
    idx, fin = chat.number, chat.fin is True
    text, sender = chat.pld.text or "", chat.pld.sender
    if sender is None:
        return Chat(chat.id, idx, fin, text)
    speaker = _SPEAKERS.get(sender)
    return Part(chat.id, idx, fin, speaker, text) if speaker else Unknown("chat")


def _command_or_ack(fields: dict[str, object]) -> Message:
    command = msgspec.convert(fields, _Command, strict=False)
    pld = command.pld
    if pld.code is not None:
        return CommandAck(command.id, pld.cmd or "", pld.code, pld.msg or "")
    data = pld.data or pld.params or _CommandData()
    match pld.cmd:
        case CommandName.SET_PARAMS:
            return SetParams(command.id, _params(data))
        case CommandName.INTERRUPT:
            return Interrupt(command.id)
        case CommandName.SET_ACTION:
            return _action(command.id, data)
        case _:
            return Unknown("command")


def _params(data: _CommandData) -> Params:
    """The parameters with the deprecated `vid` and `vurl` where they belong now."""
    voice = data.vparams or VoiceParamsMessage()
    voice = structs.replace(voice, vid=voice.vid or data.vid, vurl=voice.vurl or data.vurl)
    return Params(data.lang, data.mode, data.bgurl, None if voice == VoiceParamsMessage() else voice)


def _action(mid: str, data: _CommandData) -> Message:
    try:
        return SetAction(
            mid,
            GestureName(data.action) if data.action else None,
            Expression(data.expression) if data.expression else None,
        )
    except ValueError:
        return Unknown("command")


def _event(fields: dict[str, object]) -> Message:
    event = msgspec.convert(fields, _Event, strict=False)
    moment = _MOMENTS.get(event.pld.event or "")
    return Event(event.id, moment) if moment else Unknown("event")


_READERS: Final[Mapping[str, Callable[[dict[str, object]], Message]]] = {
    "chat": _chat,
    "command": _command_or_ack,
    "event": _event,
}


# ---------------------------------------------------------------- cutting


def chunk(text: str, room: int) -> int:
    """How many characters of `text` go into a packet that has `room` escaped bytes for it; at least one.

    The end of a sentence or a word is preferred where one is near; what a reader sees as one character (a combining
    sequence, an emoji sequence) is never divided, unless it alone is longer than a packet.
    """
    if len(text) <= room and escaped_size(text) <= room:
        return len(text)
    ends = _ends_within(text, room)
    if not ends:
        return _cut_inside_grapheme(text, room)
    last, _ = ends[-1]
    sentence = _near(text, ends, room - SENTENCE_WINDOW, _SENTENCE_END)
    return sentence or _near(text, ends, room - WORD_WINDOW, _WORD_END) or last


def _ends_within(text: str, room: int) -> list[tuple[int, int]]:
    """Ends of graphemes with the escaped size up to there, as far as there is room."""
    head = text[: room + 1]  # what comes behind the last may belong to it
    if head.isascii() and not _ESCAPED.search(head):
        return [(end, end) for end in range(1, min(room, len(head)) + 1)]
    within = _GRAPHEME.finditer(text, 0, room + 1)  # no character takes less than a byte
    graphemes = ((found.end(), escaped_size(found.group())) for found in within)
    ends = accumulate(graphemes, lambda before, grapheme: (grapheme[0], before[1] + grapheme[1]))
    return list(takewhile(lambda end: end[1] <= room, ends))


def _near(text: str, ends: list[tuple[int, int]], least: int, pattern: regex.Pattern[str]) -> int:
    for end, size in reversed(ends):
        if size < least:
            break
        if pattern.search(text, max(0, end - 8), end):
            return end
    return 0


def _cut_inside_grapheme(text: str, room: int) -> int:
    sizes = accumulate(escaped_size(character) for character in text)
    return max(1, sum(1 for _ in takewhile(lambda size: size <= room, sizes)))
