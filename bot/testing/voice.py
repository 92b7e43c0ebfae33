"""Voice channels in memory: who is in them, and what an avatar in one says and writes there."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator

from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from bot.ports.room import AudioFrame
from bot.ports.voice import VoiceAudience, VoiceCall, VoiceCallEnded, VoiceEvent


class FakeVoiceChannels:
    """A platform's `VoiceChannels`: any name is a channel, of the id `id of NAME`, but not those in `closed`; people are moved by `people`.

    `refuses` is what the next calls fail with, one each. `order` has all that became of calls, in the order in which it did.
    """

    def __init__(self) -> None:
        self.closed: set[str] = set()
        self.refuses: list[PlatformError] = []
        self.order: list[tuple[str, str]] = []
        self.calls: list[FakeVoiceCall] = []
        self._people: defaultdict[str, frozenset[str]] = defaultdict(frozenset)

    @property
    def now(self) -> "FakeVoiceCall | None":
        """The call that goes on."""
        return self.calls[-1] if self.calls and self.calls[-1].going_on else None

    def people(self, channel: str, *people: str) -> None:
        """From now on these are in the channel."""
        self._people[channel] = frozenset(people)
        for call in self.calls:
            call.look_again()

    def audience(self, channel: str) -> VoiceAudience:
        return VoiceAudience(f"id of {channel}", channel, self._people[channel])

    @contextlib.asynccontextmanager
    async def call(self, place: ConversationRef, person_id: str, channel: str) -> AsyncIterator[VoiceCall]:
        if self.now:
            raise PlatformError("Another avatar is in a voice channel here.", f"{place.workspace_id} has one")
        if self.refuses:
            raise self.refuses.pop(0)
        own = next((name for name, people in self._people.items() if person_id in people), "")
        if not (wanted := channel.removeprefix("id of ") or own) or wanted in self.closed:
            raise PlatformError("There is no voice channel of that name that you can join.")
        call = FakeVoiceCall(self, wanted)
        self.calls.append(call)
        self.order.append(("joined", wanted))
        try:
            yield call
        finally:
            call.going_on = False
            self.order.append(("left", call.channel))


class FakeVoiceCall:
    """`heard` is what was played and not interrupted."""

    def __init__(self, channels: FakeVoiceChannels, channel: str) -> None:
        self.note = ""
        self.channel = channel
        self.going_on = True
        self.heard: list[AudioFrame] = []
        self._channels = channels
        self._changed = asyncio.Event()
        self._end: VoiceCallEnded | None = None

    def look_again(self) -> None:
        self._changed.set()

    def move(self, channel: str) -> None:
        """Somebody drags the avatar to another channel."""
        self.channel = channel
        self._changed.set()

    def end(self, end: VoiceCallEnded) -> None:
        self._end = end
        self._changed.set()

    async def events(self) -> AsyncIterator[VoiceEvent]:
        shown: VoiceAudience | None = None
        while self._end is None:
            self._changed.clear()
            if shown != (shown := self._channels.audience(self.channel)):
                yield shown
            await self._changed.wait()
        raise self._end

    async def tell(self, text: str) -> None:
        self._channels.order.append(("told", text))

    def play(self, frame: AudioFrame) -> None:
        if not self.heard:
            self._channels.order.append(("heard", self.channel))
        self.heard.append(frame)

    def interrupt(self) -> None:
        self.heard.clear()
