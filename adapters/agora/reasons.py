"""Agora's numbers for why a connection ended, as the port's reasons and as sentences.

Source: the C header `agora_rtc_conn.h` and Agora's error codes; the server library's own use of them is not documented.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bot.ports.room import ConnectionLost, LossReason

LEFT: Final = 5  # we did

_REASONS: Final[Mapping[int, tuple[LossReason, str]]] = MappingProxyType({
    3: (LossReason.ERROR, "banned by the server"),
    4: (LossReason.ERROR, "the join failed"),
    6: (LossReason.ERROR, "invalid app id"),
    7: (LossReason.ERROR, "invalid channel name"),
    8: (LossReason.ERROR, "invalid token"),
    9: (LossReason.EXPIRED, "the token expired"),
    10: (LossReason.ERROR, "rejected by the server"),
    14: (LossReason.LOST, "keep-alive timed out"),
    16: (LossReason.LOST, "the connection was lost"),
    19: (LossReason.THROWN_OUT, "the same uid joined from elsewhere"),
    20: (LossReason.ERROR, "too many broadcasters"),
    21: (LossReason.ERROR, "licence failure"),
    22: (LossReason.ERROR, "certificate failure"),
})  # fmt: skip

_FATAL_ERRORS: Final[Mapping[int, tuple[LossReason, str]]] = MappingProxyType({
    17: (LossReason.ERROR, "the join was rejected"),
    101: (LossReason.ERROR, "invalid app id"),
    102: (LossReason.ERROR, "invalid channel name"),
    109: (LossReason.EXPIRED, "the token expired"),
    110: (LossReason.ERROR, "invalid token"),
    119: (LossReason.ERROR, "not authorized"),
    123: (LossReason.ERROR, "banned by the server"),
})  # fmt: skip

_REFUSALS: Final[Mapping[int, str]] = MappingProxyType({
    -2: "invalid argument",
    -3: "not ready",
    -7: "not initialized",
    -8: "invalid state",
    -12: "too often",
    -113: "not in the channel",
    -114: "too large",
    -115: "too much at once",
})  # fmt: skip


def loss_of(reason: int) -> ConnectionLost:
    """What a disconnection or a failed connection means for the connection."""
    loss, detail = _REASONS.get(reason, (LossReason.ERROR, "disconnected"))
    return ConnectionLost(loss, f"{detail} (reason {reason})")


def fatal_error(code: int) -> ConnectionLost | None:
    """What `on_error` means for the connection: most errors mean nothing."""
    known = _FATAL_ERRORS.get(abs(code))
    return ConnectionLost(known[0], f"{known[1]} (error {code})") if known else None


def refusal(code: int) -> str:
    """Why a call of the SDK was refused, for the log."""
    return f"{_REFUSALS.get(code, 'refused')} ({code})"
