"""AKOOL's numbers: the codes with which it says no, in an HTTP 200, and what becomes of a session and of a video that is made into an avatar."""

from enum import IntEnum

from bot.domain.errors import AvatarbotError


class Code(IntEnum):
    """The codes that the simulator answers of its own accord; faults may inject any number."""

    OK = 1000
    BAD_PARAMETER = 1003
    NO_PERMISSION = 1009
    NO_RESOURCE = 1014
    BAD_TOKEN = 1101
    NO_AUTHORIZATION = 1102
    NO_CREDIT = 1104
    AVATAR_PROCESSING = 1214
    BUSY = 1215
    NO_SESSION = 1216
    SESSION_CLOSED = 1219
    EXISTS = 1222
    NO_KNOWLEDGE = 1232
    KNOWLEDGE_EXISTS = 1233


class AkoolRefusal(AvatarbotError):
    """Becomes `{"code": ..., "msg": ...}`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


# ---------------------------------------------------------------- states


class SessionState(IntEnum):
    QUEUEING = 1
    LIVE = 2
    OVER = 3
    FAILED = 4


class TrainingState(IntEnum):
    QUEUEING = 1
    PROCESSING = 2
    READY = 3
    FAILED = 4
