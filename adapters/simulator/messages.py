"""Stream messages, protocol v2, as the avatar reads and writes them; parts put together; and the shapes in which an answer may come.

Written from AKOOL's documentation alone and on purpose apart from `adapters.akool.stream`: two readings that agree are worth
more than one that agrees with itself. AKOOL documents `idx` and `fin`, its own clients look at neither.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

UNFINISHED_LIMIT = 64
"""Chats of which parts are missing; the oldest is given up for a new one."""


@dataclass(frozen=True, slots=True)
class ChatPart:
    """One packet of something to say or to answer."""

    mid: str
    idx: int
    fin: bool
    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """A command. `mid` is empty where it has none, as in AKOOL's sample of `set-action`."""

    mid: str
    cmd: str
    data: dict[str, Any] = field(default_factory=dict)


def read(packet: bytes) -> ChatPart | Order | None:
    """What a packet says; None for what the avatar does not react to.

    As picky as the real one, which was seen to ignore a chat without `v: 2` and one with further keys in `pld`.
    """
    try:
        message = json.loads(packet)
    except ValueError:
        return None
    match message:
        case {
            "v": 2,
            "type": "chat",
            "mid": str(mid),
            "idx": int(idx),
            "fin": bool(fin),
            "pld": {"text": str(text), **rest},
        }:
            return None if rest or idx < 0 else ChatPart(mid, idx, fin, text)
        case {"v": 2, "type": "command", "pld": {"cmd": str(cmd), **rest}}:
            data = rest.get("data", {})
            return Order(str(message.get("mid", "")), cmd, data) if isinstance(data, dict) else None
        case _:
            return None


def said(mid: str, text: str, position: Mapping[str, int]) -> bytes:
    """One part of what the avatar says; `position` holds its `idx` and `fin`, as far as it has them."""
    return _packet("chat", mid, {"from": "bot", "text": text}, **position)


def recognised(mid: str, text: str, position: Mapping[str, int]) -> bytes:
    """One part of what a person was heard to say."""
    return _packet("chat", mid, {"from": "user", "text": text}, **position)


def acknowledged(mid: str, cmd: str, code: int, msg: str) -> bytes:
    return _packet("command", mid, {"cmd": cmd, "code": code, "msg": msg})


def event(mid: str, name: str) -> bytes:
    """`audio_start` or `audio_end`."""
    return _packet("event", mid, {"event": name})


def _packet(kind: str, mid: str, payload: dict[str, Any], **position: int) -> bytes:
    message = {"v": 2, "type": kind, "mid": mid, **position, "pld": payload}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


# ---------------------------------------------------------------- parts of a chat


@dataclass(slots=True)
class _Unfinished:
    parts: dict[int, str] = field(default_factory=dict)
    last: int | None = None

    def text(self) -> str | None:
        if self.last is None or any(idx not in self.parts for idx in range(self.last + 1)):
            return None
        return "".join(self.parts[idx] for idx in range(self.last + 1))


class ChatReassembly:
    """Remembers nothing of a chat that is complete: the same `mid` given again is a new chat."""

    def __init__(self) -> None:
        self._unfinished: dict[str, _Unfinished] = {}

    def hear(self, part: ChatPart) -> str | None:
        """The whole text, once its last missing part has come."""
        chat = self._unfinished.setdefault(part.mid, _Unfinished())
        chat.parts[part.idx] = part.text
        if part.fin:
            chat.last = part.idx
        text = chat.text()
        if text is not None:
            del self._unfinished[part.mid]
        elif len(self._unfinished) > UNFINISHED_LIMIT:
            del self._unfinished[next(iter(self._unfinished))]
        return text

    def forget(self) -> None:
        """Give up whatever is incomplete."""
        self._unfinished.clear()


# ---------------------------------------------------------------- shapes of an answer


class Numbering(StrEnum):
    """What `idx` the parts carry."""

    FROM_0 = "from 0"
    FROM_1 = "from 1"
    ALWAYS_0 = "always 0"
    ABSENT = "absent"


class Ending(StrEnum):
    """Which parts carry `fin: true`."""

    LAST = "last"
    EVERY = "every"
    NONE = "none"


class ChatShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    numbering: Numbering = Numbering.FROM_0
    ending: Ending = Ending.LAST
    part_length: int | None = None
    """Characters of a part; by default about a word as it is spoken."""
    pause: float = 0.0
    """Seconds of silence after the first part."""
    events: bool = True
    """Whether `audio_start` and `audio_end` are told. AKOOL documents neither."""
    own_mids: bool = False
    """Whether each answer has a `mid` of its own, in place of the request's. AKOOL promises neither."""

    def mid(self, requested: str) -> str:
        """Under which an answer to what was `requested` goes out."""
        return f"answer-{uuid.uuid4().hex[:12]}" if self.own_mids else requested

    def position(self, number: int, *, last: bool) -> dict[str, int]:
        """`idx` and `fin` of the part of that number, counted from 0."""
        fin: dict[str, int] = {"fin": last if self.ending is Ending.LAST else self.ending is Ending.EVERY}
        match self.numbering:
            case Numbering.FROM_0:
                return {"idx": number, **fin}
            case Numbering.FROM_1:
                return {"idx": number + 1, **fin}
            case Numbering.ALWAYS_0:
                return {"idx": 0, **fin}
            case Numbering.ABSENT:
                return fin
