"""AKOOL's stream protocol v2: every message as a frozen value, its JSON, and where to cut a text that is too long for one packet.

Source: docs.akool.com, "Streaming Avatar API Overview". `Event` is undocumented and as AKOOL's own React client reads it. Reading is
tolerant, writing is exact. The deprecated `vid` and `vurl` beside `vparams`, and `params` in the place of `data`, are read and never written.
"""

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import accumulate, takewhile
from typing import Final, TypeVar, assert_never

import msgspec
import regex
from msgspec import Struct, structs

from bot.domain.errors import CommandRefused
from bot.domain.posts import Speaker
from bot.domain.sessions import ParamChanges, TurnDetection, VoiceParams
from bot.domain.text import well_formed

ACKNOWLEDGED: Final = 1000


class GestureName(StrEnum):
    """Gestures; AKOOL's changelog says that they are for "ultra" avatars."""

    HAND_WAVE = "hand_wave"
    CHEER = "cheer"
    THUMBS_UP = "thumbs_up"
    PUMP_FISTS = "pump_fists"
    NOD = "nod"
    SHAKE = "shake"
    WAFT_LEFT = "waft_left"
    WAFT_RIGHT = "waft_right"


class Expression(StrEnum):
    ANGRY = "angry"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    SURPRISE = "surprise"
    CONTEMPT = "contempt"


class Moment(StrEnum):
    """What an event tells: the avatar's voice began or stopped."""

    AUDIO_START = "audio_start"
    AUDIO_END = "audio_end"


class CommandName(StrEnum):
    SET_PARAMS = "set-params"
    INTERRUPT = "interrupt"
    SET_ACTION = "set-action"


# ---------------------------------------------------------------- to the avatar


class Chat(Struct, frozen=True):
    """A packet of a text for the avatar: `idx` counts from 0 under one `mid`, `fin` marks the last."""

    mid: str
    idx: int
    fin: bool
    text: str


class TurnDetectionParams(Struct, frozen=True, omit_defaults=True):
    """How the end of a spoken turn is heard; all but `type` are for `server_vad` only. Times in milliseconds."""

    type: str | None = None
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class VoiceParamsMessage(Struct, frozen=True, omit_defaults=True):
    """`vparams`. `speed` is 0.8 to 1.2."""

    vid: str | None = None
    vurl: str | None = None
    speed: float | None = None
    pron_map: Mapping[str, str] | None = None
    stt_language: str | None = None
    stt_type: str | None = None
    turn_detection: TurnDetectionParams | None = None


class Params(Struct, frozen=True, omit_defaults=True):
    """What a `set-params` changes; None leaves as it is. `mode` is 1 (retelling) or 2 (dialogue)."""

    lang: str | None = None
    mode: int | None = None
    bgurl: str | None = None
    vparams: VoiceParamsMessage | None = None


class SetParams(Struct, frozen=True):
    mid: str
    params: Params


class Interrupt(Struct, frozen=True):
    mid: str


class SetAction(Struct, frozen=True):
    """Never acknowledged."""

    mid: str
    action: GestureName | None = None
    expression: Expression | None = None


# ---------------------------------------------------------------- from the avatar


class Part(Struct, frozen=True):
    """A part of what the avatar says (`bot`), or of what it heard a person say (`user`)."""

    mid: str
    idx: int
    fin: bool
    speaker: Speaker
    text: str


class CommandAck(Struct, frozen=True):
    """The answer to a command. `mid` echoes the command's, or is empty."""

    mid: str
    cmd: str
    code: int
    msg: str

    @property
    def accepted(self) -> bool:
        return self.code == ACKNOWLEDGED


class Event(Struct, frozen=True):
    mid: str
    moment: Moment


class Unknown(Struct, frozen=True):
    """A message of protocol v2 whose kind we do not know: let it pass."""

    type: str


class UnreadableMessage(StrEnum):
    NOT_JSON = "not JSON"
    NOT_V2 = "not protocol v2"
    MALFORMED = "a known message with a field of the wrong type"


class NotOurs(Struct, frozen=True):
    """Bytes that are no message of protocol v2: count and drop them."""

    reason: UnreadableMessage


Outbound = Chat | SetParams | Interrupt | SetAction
Message = Outbound | Part | CommandAck | Event | Unknown


# ---------------------------------------------------------------- what the core asks for


def params(changes: ParamChanges) -> Params:
    """The changes as `set-params` takes them. It knows no ElevenLabs settings: those stay as they were created."""
    return Params(
        lang=changes.language,
        mode=None if changes.mode is None else int(changes.mode),
        bgurl=changes.background_url,
        vparams=_voice(changes),
    )


def gesture(mid: str, name: str | None, expression: str | None) -> SetAction:
    """The gesture and the face of those names. Raises `CommandRefused` with the names there are."""
    return SetAction(mid, _known(GestureName, "action", name), _known(Expression, "expression", expression))


def _voice(changes: ParamChanges) -> VoiceParamsMessage | None:
    voice = changes.voice or VoiceParams()
    wanted = VoiceParamsMessage(
        vid=changes.voice_id,
        vurl=changes.voice_url,
        speed=voice.speed,
        pron_map=dict(voice.pronunciation) or None,
        stt_language=voice.stt_language,
        stt_type=voice.stt_type,
        turn_detection=_turn_detection(voice.turn_detection),
    )
    return None if wanted == VoiceParamsMessage() else wanted


def _turn_detection(wanted: TurnDetection | None) -> TurnDetectionParams | None:
    if wanted is None:
        return None
    return TurnDetectionParams(wanted.type, wanted.threshold, wanted.prefix_padding_ms, wanted.silence_duration_ms)


Name = TypeVar("Name", GestureName, Expression)


def _known(names: type[Name], what: str, wanted: str | None) -> Name | None:
    if wanted is None:
        return None
    try:
        return names(wanted)
    except ValueError:
        raise CommandRefused(f"There is no {what} {wanted!r}. There are: {', '.join(names)}.") from None


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
