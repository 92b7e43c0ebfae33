"""Stream messages, protocol v2, as the avatar reads and writes them.

Written from AKOOL's documentation alone and on purpose apart from `adapters.akool.stream`: two readings that agree are worth
more than one that agrees with itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
