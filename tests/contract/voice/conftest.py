"""Voice channels to try: the fake's, and Discord's on a loopback gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from bot.domain.conversations import ConversationRef
from bot.ports.voice import VoiceCallEnded, VoiceChannels
from bot.testing.chat import CHANNEL
from bot.testing.voice import FakeVoiceChannels
from tests.integration.discord.fake import ANN as ANN_ID
from tests.integration.discord.fake import BEN as BEN_ID
from tests.integration.discord.fake import GUILD, open_fake
from tests.integration.discord.test_voice import HALL, LOUNGE, STAGE, VAULT, known_to, needs_libopus, server
from tests.integration.discord.wire import PLACE, Wire, running, settings
from tests.patience import until


class VoiceHarness(Protocol):
    """A workspace with the channels Lounge and Hall, and what befalls a call there."""

    place: ConversationRef
    ann: str
    ben: str

    @property
    def voice(self) -> VoiceChannels: ...

    async def enter(self, person: str, channel: str) -> None: ...

    async def leave(self, person: str) -> None: ...

    def written(self, channel: str) -> list[str]: ...

    async def take_out(self) -> None: ...

    async def break_off(self) -> None: ...


class FakeHarness:
    place, ann, ben = CHANNEL, "ann", "ben"

    def __init__(self) -> None:
        self.voice = FakeVoiceChannels()
        self.voice.closed.add("Nowhere")
        self._there: dict[str, str] = {}

    async def enter(self, person: str, channel: str) -> None:
        self._there[person] = channel
        self._show()

    async def leave(self, person: str) -> None:
        del self._there[person]
        self._show()

    def _show(self) -> None:
        for channel in ("Lounge", "Hall"):
            self.voice.people(channel, *(person for person, there in self._there.items() if there == channel))

    def written(self, channel: str) -> list[str]:
        return [text for what, text in self.voice.order if what == "told"]

    async def take_out(self) -> None:
        assert self.voice.now
        self.voice.now.end(VoiceCallEnded("I was taken out.", final=True))

    async def break_off(self) -> None:
        assert self.voice.now
        self.voice.now.end(VoiceCallEnded("The connection is lost."))


class DiscordHarness:
    place, ann, ben = PLACE, ANN_ID, BEN_ID

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ids = {"Lounge": LOUNGE, "Hall": HALL}

    @property
    def voice(self) -> VoiceChannels:
        found = self._wire.platform.features.voice
        assert found
        return found

    async def enter(self, person: str, channel: str) -> None:
        await self._wire.discord.voice.person_joins(person, self._ids[channel])
        known = known_to(self._wire.platform, self._ids[channel])
        await until(lambda: int(person) in known.voice_states)

    async def leave(self, person: str) -> None:
        await self._wire.discord.voice.person_leaves(person)

    def written(self, channel: str) -> list[str]:
        return self._wire.discord.texts(self._ids[channel])

    async def take_out(self) -> None:
        await self._wire.discord.voice.remove_bot()

    async def break_off(self) -> None:
        await self._wire.discord.voice.break_off(4006)


@asynccontextmanager
async def on_discord() -> AsyncIterator[DiscordHarness]:
    needs_libopus()
    async with open_fake() as discord:
        discord.guilds = [server()]
        for channel in (LOUNGE, HALL, VAULT, STAGE):
            discord.channels[channel] = {"id": channel, "type": 2, "guild_id": GUILD}
        async with running(Wire(discord, settings=settings(home_guilds=(int(GUILD),)))) as wire:
            await wire.write("First")
            await wire.core.texts(1)
            yield DiscordHarness(wire)


@pytest.fixture(params=["fake", "discord"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[VoiceHarness]:
    if request.param == "fake":
        yield FakeHarness()
        return
    async with on_discord() as opened:
        yield opened
