"""A small Discord for features: SimCord's in-memory one, our platform in it, and three people."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import simcord
from pydantic import SecretStr
from simcord.backend.models.channel import Overwrite
from simcord.enums import OverwriteType

from adapters.discord.command_sync import sync
from adapters.discord.gateway import AvatarClient
from adapters.discord.platform import DiscordPlatform
from adapters.discord.settings import DiscordSettings
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Choice, ConversationRef
from bot.ports.chat import ValueQuery
from bot.ports.processes import LocalBudgets
from bot.testing import FakeSecretVault
from tests.contract.platform.harness import ANN, BEN, RecordingCore
from tests.integration.discord.openapi import known_api

OWNER = "owner"
SETTINGS = DiscordSettings.model_validate({"DISCORD_TOKEN": SecretStr("x.y.z")})


def one_shard(platform: DiscordPlatform) -> AvatarClient:
    """A new client of the platform's; SimCord has no address where a bot asks for its number of shards."""
    client = platform.new_client()
    client.shard_count = client._connection.shard_count = 1
    client.held = frozenset({0})
    return client


@dataclass
class WorldClock:
    """SimCord's time, and what a test has added."""

    env: Any = None
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        at: datetime = self.env.now() if self.env else datetime.now(UTC)
        return at + self.ahead


class Core(RecordingCore):
    """Tells SimCord when it hangs on purpose, so that only SimCord's own time ends that."""

    env: Any = None

    async def ask(self, ask: ValueQuery) -> Sequence[Choice]:
        if not self.ask_hangs:
            return await super().ask(ask)
        self.asked.append(ask)
        await self.env.external_wait(asyncio.Event().wait(), reason="a core that does not answer")
        return ()


@dataclass
class World:
    settings: DiscordSettings = SETTINGS
    core: Core = field(default_factory=Core)
    clock: WorldClock = field(default_factory=WorldClock)
    platform: DiscordPlatform = field(init=False)
    env: Any = field(init=False)
    guild: Any = field(init=False)
    channel: Any = field(init=False)
    people: dict[str, Any] = field(default_factory=dict)

    def new_platform(self) -> AvatarClient:
        # SimCord's loop begins to count anew, which is no time for a limit.
        self.platform = DiscordPlatform(
            self.settings, self.core, self.clock, FakeSecretVault(), budgets=LocalBudgets(time.monotonic)
        )
        return one_shard(self.platform)

    def populate(self) -> None:
        owner = self.env.create_user(OWNER)
        self.guild = self.env.create_guild("Team", owner=owner)
        self.channel = self.guild.create_text_channel("general")
        for name in (ANN, BEN):
            self.people[name] = self.guild.add_member(self.env.create_user(name))

    @property
    def place(self) -> ConversationRef:
        return ConversationRef("discord", str(self.guild.id), str(self.channel.id))

    def at(self, place: ConversationRef) -> Any:
        """SimCord's handle of a place."""
        wanted = int(place.thread_id or place.channel_id)
        channels = [channel for channel in self.guild.channels.values() if not channel.is_thread]
        every = [*channels, *(thread for channel in channels for thread in channel.threads)]
        return next(channel for channel in every if channel.id == wanted)

    def hide(self, channel_id: int) -> None:
        """Not everyone sees a channel any more; the bot does."""
        view, bot = discord.Permissions(view_channel=True).value, self.env.bot.user.id
        everyone = Overwrite(self.guild.id, OverwriteType.ROLE, allow=0, deny=view)
        for overwrite in (everyone, Overwrite(bot, OverwriteType.MEMBER, allow=view, deny=0)):
            self.env.backend.set_overwrite(channel_id, overwrite)

    def raw(self, channel_id: int) -> Mapping[int, Any]:
        """Messages of a channel as SimCord keeps them."""
        messages: Mapping[int, Any] = self.env.backend.messages[channel_id]
        return messages

    async def restart(self) -> None:
        await self.env.restart_bot(self.new_platform())

    def faults(self) -> list[str]:
        """What Discord would not have taken of all that was sent."""
        api, sent = known_api(), [request for request in self.env.http_requests if request.json is not None]
        return [fault for each in sent if api for fault in api.faults(each.method, each.path, each.json)]


LITERAL = 0xE000
"""Where a character is kept that is not markup: in Unicode's private area."""

_PAIRS = (r"```(.*?)```", r"``(.*?)``", r"`([^`]+)`", r"\*\*(.+?)\*\*", r"__(.+?)__", r"~~(.+?)~~", r"\|\|(.+?)\|\|", r"\*(.+?)\*",
          r"(?<!\w)_(.+?)_(?!\w)", r"\[([^\]]*)\]\([^)]*\)")  # fmt: skip
_LINE = re.compile(r"^[^\S\n]*(?:#{1,3}|-#|[-*+]|>{1,3}|\d+[.)])\s+", re.MULTILINE)
_ANGLES = re.compile(r"<(?:@[!&]?|#|a?:\w+:|t:|/)[^>]*>")


def rendered(text: str) -> str:
    """As Discord's client shows it: signs that were not escaped do their work and are not seen any more."""
    shown = re.sub(r"https?://[^\s<>\\)]+", lambda url: _literal(url[0]), text)
    shown = re.sub(r"\\([^0-9A-Za-z\s])", lambda escaped: _literal(escaped[1]), shown)
    for pair in _PAIRS:
        shown = re.sub(pair, r"\1", shown, flags=re.DOTALL)
    shown = _ANGLES.sub("@somebody", _LINE.sub("", shown))
    return "".join(chr(ord(char) - LITERAL) if LITERAL <= ord(char) < LITERAL + 0x1000 else char for char in shown)


def _literal(text: str) -> str:
    return "".join(chr(LITERAL + ord(char)) if ord(char) < 0x1000 else char for char in text)


def says(message: Any) -> str:
    """All that a message shows."""
    shown = [rendered(text) for text in (message.content, *_in_embeds(message.embeds), *_texts(message.components))]
    links = [button["url"] for button in buttons(message) if button.get("url")]
    files = [attachment["filename"] for attachment in message.attachments]
    return "\n".join([*filter(None, shown), *links, *files])


def _in_embeds(embeds: Any) -> Iterator[str]:
    for embed in embeds:
        yield embed.get("author", {}).get("name", "")
        yield embed.get("title", "")
        yield embed.get("description", "")
        yield from (field["value"] for field in embed.get("fields", []))
        yield embed.get("footer", {}).get("text", "")


def _texts(components: Any) -> Iterator[str]:
    for component in _every(components):
        if component["type"] == 10:
            yield component["content"]


def _every(components: Any) -> Iterator[dict[str, Any]]:
    """Components with all that is in them, in the order in which they are seen."""
    for component in components:
        yield component
        yield from _every(component.get("components", ()))
        if accessory := component.get("accessory"):
            yield accessory


def buttons(message: Any) -> list[dict[str, Any]]:
    return [each for each in _every(message.components) if each["type"] == 2]


@asynccontextmanager
async def open_world(settings: DiscordSettings = SETTINGS) -> AsyncIterator[World]:
    """Fails at its end for what Discord would not have taken."""
    world = World(settings)
    # Not `simcord.run`: a fixture's clean-up runs in another context, and its clock can be left only where it was entered.
    env = simcord.Env(world.new_platform())
    world.env = world.clock.env = world.core.env = env
    await env.start()
    try:
        world.populate()
        await env.settle()
        await sync(world.platform._rest, int(env.bot.application_id or 0), settings, CATALOGUE)
        yield world
    finally:
        await env.shutdown()
    env.raise_errors()
    assert not (found := world.faults()), found


__all__ = ["ANN", "BEN", "OWNER", "SETTINGS", "World", "buttons", "open_world", "rendered", "says"]
