"""The shapes in which an answer may come: AKOOL documents `idx` and `fin`, its own clients look at neither."""

import uuid
from enum import StrEnum

import msgspec


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
