"""What states and modes are called, and the sign of each: the same words on every platform."""

from types import MappingProxyType

from bot.domain.sessions import Mode, SessionStatus

STATES = MappingProxyType(
    {
        SessionStatus.STARTING: "Starting",
        SessionStatus.LIVE: "Live",
        SessionStatus.RECONNECTING: "Reconnecting",
        SessionStatus.STOPPING: "Stopping",
        SessionStatus.SLEEPING: "Asleep",
        SessionStatus.ENDED: "Ended",
    }
)

SIGNS = MappingProxyType(
    {
        SessionStatus.STARTING: "🟡",
        SessionStatus.LIVE: "🟢",
        SessionStatus.RECONNECTING: "🟡",
        SessionStatus.STOPPING: "🟡",
        SessionStatus.SLEEPING: "🌙",
        SessionStatus.ENDED: "⚪",
    }
)
"""One character each; colour is never all that tells two apart, since the word stands beside it."""

MODES = MappingProxyType({Mode.DIALOGUE: "Conversation", Mode.RETELLING: "Repeats what you write"})
