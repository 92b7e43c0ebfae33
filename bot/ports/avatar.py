"""A hosted avatar: what it does and says, and what can be asked of it."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bot.domain.posts import Speaker
from bot.domain.sessions import ParamChanges
from bot.ports.room import AudioFrame, LinkDown, LinkUp, LossReason, TokenExpiring, VideoFrame


@dataclass(frozen=True, slots=True)
class AvatarArrived:
    """The avatar is in the room: what is sent from now on is heard."""


@dataclass(frozen=True, slots=True)
class AvatarLeft:
    """The avatar left the room; it may come back."""


@dataclass(frozen=True, slots=True)
class FirstSent:
    """The first packet of a text that it was given under `id` is on the wire."""

    id: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody says, whole so far: `text` replaces what came before under the same `id`.

    `id` is the avatar's own `mid`: the turn's id when it is the answer to one. After a `final` text more may come under the same
    `id`, and then another final one.
    """

    id: str
    speaker: Speaker
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class Speaking:
    """The avatar's voice began (`on`) or stopped."""

    id: str
    on: bool


@dataclass(frozen=True, slots=True)
class AvatarGone:
    """The last event: the connection is lost."""

    reason: LossReason
    detail: str = ""


AvatarEvent = (
    AvatarArrived
    | AvatarLeft
    | FirstSent
    | Utterance
    | Speaking
    | LinkDown
    | LinkUp
    | TokenExpiring
    | VideoFrame
    | AudioFrame
    | AvatarGone
)


class AvatarListener(Protocol):
    """Follows what the avatars of one session do and say."""

    def hear(self, provider_row: str, event: AvatarEvent) -> None:
        """The next event, told to every listener in the same order. Never waits, never raises.

        `provider_row` is our id of the provider session whose avatar that is: one that was replaced goes on for a moment.
        """
        ...


class Avatar(Protocol):
    """A hosted avatar, spoken to over its room."""

    async def join(self) -> None:
        """Join its room. Raises `RoomError`."""
        ...

    def events(self) -> AsyncIterator[AvatarEvent]:
        """What it does and says; ends after `AvatarGone` or `leave`. To be iterated once."""
        ...

    async def say(self, turn_id: str, text: str | AsyncIterable[str]) -> None:
        """Give it a text, or the pieces of one as they are written; returns when the last packet is on the wire.

        `FirstSent` tells of the first. An interrupt meanwhile drops what is unsent, and this returns. Raises `RoomError`.
        """
        ...

    async def interrupt(self) -> None:
        """Stop what it says, overtaking what is unsent. Raises `CommandRefused` without an acknowledgement within 5 s."""
        ...

    async def watch(self, on: bool) -> None:
        """Receive its picture and sound as events, or stop."""
        ...

    async def request_key_frame(self) -> None: ...

    async def leave(self) -> None:
        """Leave the room. Does not close the provider session. Safe to call twice."""
        ...


@runtime_checkable
class AdjustableAvatar(Protocol):
    """What an `Avatar` also is whose parameters can be changed while it is live."""

    async def set_params(self, changes: ParamChanges) -> None:
        """Change parameters. Raises `CommandRefused` when refused or not acknowledged within 5 s."""
        ...


@runtime_checkable
class HearingAvatar(Protocol):
    """What an `Avatar` also is that listens to people: what it recognises comes as utterances of theirs, and in dialogue it answers.

    In retelling it repeats what it hears.
    """

    async def hear(self, frame: bytes) -> None:
        """Let it hear `VOICE_FRAME` bytes of somebody's voice; what comes while it cannot is lost. Raises `RoomError`."""
        ...


@runtime_checkable
class GesturingAvatar(Protocol):
    """What an `Avatar` also is that makes gestures and faces."""

    async def act(self, action: str | None, expression: str | None) -> None:
        """Make a gesture or a face. Returns when sent: nothing acknowledges it."""
        ...
