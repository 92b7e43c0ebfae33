"""What processes tell each other: that something is to be looked at now. The storage is the truth, and is looked at now and then anyway."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.conversations import ConversationRef


class HintKind(StrEnum):
    """What is to be looked at."""

    WAITS = "waits"  # something waits for a session
    CHANGED = "changed"  # what waits in a channel was edited or withdrawn
    CLAIM = "claim"  # a session needs a run
    OUTBOX = "outbox"  # something happened that a hook or a stream listens for


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to look at. `about` are ids: a session's, or a channel's with its platform and workspace."""

    kind: HintKind
    about: tuple[str, ...] = ()

    @classmethod
    def waits(cls, session_id: str) -> "Hint":
        return cls(HintKind.WAITS, (session_id,))

    @classmethod
    def changed(cls, channel: ConversationRef) -> "Hint":
        return cls(HintKind.CHANGED, (channel.platform, channel.workspace_id, channel.channel_id))


class Hints(Protocol):
    """To and from all other processes of this service. Any may be lost, come twice or late."""

    def send(self, hint: Hint) -> None:
        """Tell the others, after what it is about was committed. Never waits."""
        ...

    async def run(self, heard: Callable[[Hint], None]) -> None:
        """Send, and call `heard` with what others send, until cancelled; return where no hints pass. Must not be run twice."""
        ...


class NoHints:
    """`Hints` of a process that is alone, and of one where the operator switched them off."""

    def send(self, hint: Hint) -> None:
        pass

    async def run(self, heard: Callable[[Hint], None]) -> None:
        pass
