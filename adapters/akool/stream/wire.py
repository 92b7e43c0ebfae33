"""The JSON of stream protocol v2: reading is tolerant, writing is exact.

The deprecated `vid` and `vurl` beside `vparams`, and `params` in the place of `data`, are read and never written.
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Final, assert_never

import msgspec
from msgspec import Meta, Struct, structs

from adapters.akool.stream.messages import (
    Ack,
    Action,
    Chat,
    Event,
    Expression,
    Interrupt,
    Message,
    Moment,
    NotOurs,
    Outbound,
    Params,
    Part,
    Refusal,
    SetAction,
    SetParams,
    Unknown,
    Verb,
    VoiceParams,
)
from bot.model import Speaker

VERSION: Final = 2

# ---------------------------------------------------------------- writing

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(message: Outbound) -> bytes:
    """UTF-8 JSON in which only what must be escaped is. Half a surrogate pair becomes U+FFFD."""
    fields: dict[str, object] = {"v": VERSION, **_fields(message)}
    return well_formed(_JSON.encode(fields)).encode()


def escaped_size(text: str) -> int:
    """Bytes that `text` takes inside an encoded message."""
    return len(well_formed(_JSON.encode(text)).encode()) - 2


def well_formed(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced, so that it has an UTF-8 form."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _fields(message: Outbound) -> dict[str, object]:
    match message:
        case Chat(mid, idx, fin, text):
            return {"type": "chat", "mid": mid, "idx": idx, "fin": fin, "pld": {"text": text}}
        case SetParams(mid, params):
            return _command(mid, Verb.SET_PARAMS, msgspec.to_builtins(params))
        case Interrupt(mid):
            return _command(mid, Verb.INTERRUPT, {})
        case SetAction(mid, action, expression):
            wanted = {"action": action, "expression": expression}
            return _command(mid, Verb.SET_ACTION, {name: value for name, value in wanted.items() if value})
        case _:
            assert_never(message)


def _command(mid: str, verb: Verb, data: dict[str, object]) -> dict[str, object]:
    return {"type": "command", "mid": mid, "pld": {"cmd": verb, **({"data": data} if data else {})}}


# ---------------------------------------------------------------- reading


class _CommandData(Params, frozen=True):
    """`pld.data` of every command at once, the deprecated fields among them."""

    vid: str | None = None
    vurl: str | None = None
    action: str | None = None
    expression: str | None = None


class _Payload(Struct, frozen=True, rename={"sender": "from"}):
    """`pld` of every type at once."""

    sender: str | None = None
    text: str | None = None
    cmd: str | None = None
    data: _CommandData | None = None
    params: _CommandData | None = None
    code: int | None = None
    msg: str | None = None
    event: str | None = None


class _Envelope(Struct, frozen=True):
    type: str
    mid: str | int | None = None
    idx: Annotated[int, Meta(ge=0)] | None = None
    fin: bool | None = None
    pld: _Payload = _Payload()

    @property
    def id(self) -> str:
        return "" if self.mid is None else str(self.mid)


def decode(packet: bytes) -> Message | NotOurs:
    """What the bytes of a packet say. Never raises, whatever they are."""
    try:
        fields = json.loads(packet.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return NotOurs(Refusal.NOT_JSON)
    if not isinstance(fields, dict) or fields.get("v") != VERSION:
        return NotOurs(Refusal.NOT_V2)
    reader = _READERS.get(str(fields.get("type")))
    if reader is None:
        return Unknown(str(fields.get("type", "")))
    try:
        return reader(msgspec.convert(fields, _Envelope, strict=False))
    except msgspec.ValidationError:
        return NotOurs(Refusal.MALFORMED)


def _chat(envelope: _Envelope) -> Message:
    mid, idx, fin = envelope.id, envelope.idx or 0, bool(envelope.fin)
    text, sender = envelope.pld.text or "", envelope.pld.sender
    if sender is None:
        return Chat(mid, idx, fin, text)
    if sender not in set(Speaker):
        return Unknown("chat")
    return Part(mid, idx, fin, Speaker(sender), text)


def _command_or_ack(envelope: _Envelope) -> Message:
    pld = envelope.pld
    if pld.code is not None:
        return Ack(envelope.id, pld.cmd or "", pld.code, pld.msg or "")
    data = pld.data or pld.params or _CommandData()
    match pld.cmd:
        case Verb.SET_PARAMS:
            return SetParams(envelope.id, _params(data))
        case Verb.INTERRUPT:
            return Interrupt(envelope.id)
        case Verb.SET_ACTION:
            return _action(envelope.id, data)
        case _:
            return Unknown("command")


def _params(data: _CommandData) -> Params:
    """The parameters with the deprecated `vid` and `vurl` where they belong now."""
    voice = data.vparams or VoiceParams()
    voice = structs.replace(voice, vid=voice.vid or data.vid, vurl=voice.vurl or data.vurl)
    return Params(data.lang, data.mode, data.bgurl, None if voice == VoiceParams() else voice)


def _action(mid: str, data: _CommandData) -> Message:
    try:
        return SetAction(
            mid,
            Action(data.action) if data.action else None,
            Expression(data.expression) if data.expression else None,
        )
    except ValueError:
        return Unknown("command")


def _event(envelope: _Envelope) -> Message:
    if envelope.pld.event not in set(Moment):
        return Unknown("event")
    return Event(envelope.id, Moment(envelope.pld.event))


_READERS: Final[Mapping[str, Callable[[_Envelope], Message]]] = {
    "chat": _chat,
    "command": _command_or_ack,
    "event": _event,
}
