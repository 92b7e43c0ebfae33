"""Voice channels of a chat platform: where people talk aloud, and hear an avatar.

What people say there is not received. A platform that can pass it on would tell it as another kind of `VoiceEvent`.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from bot.ports.room import AudioFrame


class VoiceCallEnded(PlatformError):
    """The avatar is not heard any more. `final`: somebody wants it so, and it does not come back."""

    def __init__(self, sentence: str, detail: str = "", *, final: bool = False) -> None:
        super().__init__(sentence, detail)
        self.final = final


@dataclass(frozen=True, slots=True)
class VoiceAudience:
    """In which channel the avatar is heard, and the ids of the people there, bots left out."""

    channel_id: str
    channel_name: str
    people: frozenset[str] = frozenset()


VoiceEvent = VoiceAudience


class VoiceCall(Protocol):
    """An avatar's sound in one voice channel. Somebody may move it to another."""

    note: str
    """One sentence on what people have to do before they hear it, or `''`."""

    def events(self) -> AsyncIterator[VoiceEvent]:
        """Who is there: at once, and whenever that changes. To be iterated once. Raises `VoiceCallEnded` at the end."""
        ...

    async def tell(self, text: str) -> None:
        """Write to everybody in the channel, where it stays for those who come. Raises `PlatformError`."""
        ...

    def play(self, frame: AudioFrame) -> None:
        """The next sound. Never waits: what people would hear more than 400 ms late is left out."""
        ...

    def interrupt(self) -> None:
        """What was not heard yet is not wanted any more."""
        ...


class VoiceChannels(Protocol):
    def call(self, place: ConversationRef, person_id: str, channel: str) -> AbstractAsyncContextManager[VoiceCall]:
        """Be in a voice channel of a place's workspace until the block ends, on behalf of a person who may be there too.

        `channel` is an id or a name, `''` for the one that the person is in. Entering takes 30 s at most and raises `PlatformError` with a
        sentence for them: no such channel, not allowed, full, or private words would be heard by those who cannot read them.
        """
        ...
