"""AKOOL's numbers for what becomes of a session, and of a video that is made into an avatar."""

from enum import IntEnum


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
