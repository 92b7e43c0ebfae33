"""Many servers on one strict Discord whose gateway serves any number of connections, each with the servers of its shard."""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.ports.storage import Storage
from tests.cluster.findings import NUMBERED
from tests.cluster.talk import Place, PostedLine, Talker
from tests.integration.discord.fake import BOT, TOKEN, Call, FakeDiscord, Limits, open_fake, payloads
from tests.integration.discord.fake.payloads import Json
from tests.integration.discord.fake.server import HEARTBEAT, IDENTIFY, RESUME

PLATFORM = "discord"
SHARDS = 2
ACKNOWLEDGED_WITHIN_S = 3.0
"""After which Discord shows that the bot did not answer, and somebody types again."""

_NAMED, _ABOUT = re.compile(r"<@(\d+)> "), re.compile(r"\n-# About <#\d+>$")
_ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])")


@dataclass
class ShardConnection:
    """One connection that has identified itself."""

    socket: web.WebSocketResponse
    shard: int
    count: int
    sent: int = 0

    def serves(self, guild_id: str) -> bool:
        return (int(guild_id) >> 22) % self.count == self.shard

    async def dispatch(self, name: str, payload: Any) -> None:
        self.sent += 1
        with contextlib.suppress(ConnectionError):  # its process was killed a moment ago
            await self.socket.send_json({"op": 0, "t": name, "s": self.sent, "d": payload})


@dataclass
class ShardedDiscord(FakeDiscord):
    """Who identifies is told of its servers; what happens in a server goes to everybody who has its shard. No session is resumed."""

    acknowledged_within_s: float = ACKNOWLEDGED_WITHIN_S
    connections: list[ShardConnection] = field(default_factory=list)

    async def gateway(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": self.heartbeat_interval}})
        async for frame in socket:
            await self._take(socket, frame.json())
        self.connections = [each for each in self.connections if each.socket is not socket]
        return socket

    async def dispatch(self, name: str, payload: Any, to: web.WebSocketResponse | None = None) -> None:
        """`payload` names its server."""
        self.note_interaction(name, payload)
        for connection in list(self.connections):
            if connection.serves(payload["guild_id"]):
                await connection.dispatch(name, payload)

    async def _take(self, socket: web.WebSocketResponse, said: Json) -> None:
        match said["op"]:
            case code if code == HEARTBEAT:
                await socket.send_json({"op": 11})
            case code if code == RESUME:
                await socket.send_json({"op": 9, "d": False})
            case code if code == IDENTIFY:
                await self._identified(socket, said["d"])

    async def _identified(self, socket: web.WebSocketResponse, asked: Json) -> None:
        if not await self.admits(socket, asked):
            return
        shard, count = asked.get("shard", (0, 1))
        connection = ShardConnection(socket, shard, count)
        here = [guild for guild in self.guilds if connection.serves(guild["id"])]
        ready = {
            "v": 10,
            "user": payloads.USER,
            "guilds": [{"id": guild["id"], "unavailable": True} for guild in here],
            "session_id": f"session-{id(connection)}",
            "resume_gateway_url": "wss://gateway-resume.discord.gg",
            "application": {"id": BOT, "flags": 0},
            "shard": [shard, count],
        }
        await connection.dispatch("READY", ready)
        for guild in here:
            await connection.dispatch("GUILD_CREATE", guild)
        self.connections.append(connection)


@dataclass
class DiscordTown:
    """`servers` of them, each with as many channels as it needs; a person for each channel."""

    fake: ShardedDiscord
    servers: int
    persons: dict[str, str] = field(default_factory=dict)
    """By the token of each interaction, and by the id of each message."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def settings(self) -> dict[str, str]:
        """What the plugin of `tests/cluster/loopback.py` reads."""
        return {
            "LOOPBACK_TOKEN": TOKEN,
            "LOOPBACK_PORT": str(self.fake.port),
            "LOOPBACK_AUTHORITY": self.fake.authority,
        }

    async def install(self, storage: Storage) -> None:
        """The operator lets each server spend."""
        for guild in self.fake.guilds:
            await storage.channels.allow(PLATFORM, guild["id"], yes=True)

    def talker(self, number: int) -> "DiscordTalker":
        guild = self.fake.guilds[number % self.servers]
        channel = guild["channels"][number // self.servers]
        return DiscordTalker(Place(PLATFORM, guild["id"], channel["id"]), f"55{number:016}", self)

    def refused(self) -> list[str]:
        return self.fake.refused

    def told(self) -> list[tuple[str, str]]:
        """What was refused was told to nobody, and what was repeated under one nonce once."""
        taken = [call for call in self.fake.calls if call.status < 300]
        once = {_nonce(call) or str(number): call for number, call in enumerate(taken)}
        return [told for call in once.values() if (told := self._told_by(call))]

    def lines(self) -> list[PostedLine]:
        ours = (message for message in self.fake.messages.values() if message["author"]["id"] == BOT)
        return [
            PostedLine(each["channel_id"], "", _ESCAPED.sub(r"\1", each["content"]), self._is_card(each))
            for each in ours
        ]

    def _is_card(self, message: Json) -> bool:
        return bool(message["components"]) and "parent_id" not in self.fake.channels[message["channel_id"]]

    def number(self) -> int:
        return next(self._numbers)

    def _told_by(self, call: Call) -> tuple[str, str] | None:
        """Who alone is told what by a call: an answer to an interaction, a reply to a message that is no line of the transcript, a direct
        message, or what is addressed to somebody.
        """
        body = call.body if isinstance(call.body, dict) else {}
        named = _NAMED.match(str(body.get("content") or ""))
        text = _ESCAPED.sub(r"\1", str(body.get("content") or "").removeprefix(named[0] if named else ""))
        answered = re.fullmatch(r"/webhooks/\d+/([\w-]+)(?:/messages/@original)?", call.path)
        replied = body.get("message_reference", {}).get("message_id", "")
        written = re.fullmatch(r"/channels/71(\d+)/messages", call.path)
        person = self.persons.get(answered[1] if answered else str(replied), "")
        person = person or (named[1] if named else "") or (f"55{written[1]}" if written else "")
        return (person, _ABOUT.sub("", text)) if person and text and not NUMBERED.search(text) else None


def _nonce(call: Call) -> str:
    return str(call.body.get("nonce", "")) if isinstance(call.body, dict) else ""


@dataclass
class DiscordTalker(Talker):
    town: DiscordTown
    thread: str = ""

    async def command(self, text: str) -> None:
        """Typed again, as people do, where the bot does not answer in time."""
        verb, _, rest = text.partition(" ")
        options = dict(word.split(":") for word in rest.split())
        while True:
            self.typed += 1
            token = f"command-{self.town.number()}"
            self.town.persons[token] = self.person
            await self.town.fake.dispatch("INTERACTION_CREATE", self._interaction(verb, options, token))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):  # runs out: it is typed again
                    while token not in self.town.fake.acknowledged:
                        await asyncio.sleep(0.02)
                return

    async def write(self, text: str, thread: str) -> str:
        self.thread = thread
        said = self.town.fake.message(text, self.person, thread)
        self.town.persons[said["id"]] = self.person
        await self.town.fake.dispatch("MESSAGE_CREATE", said)
        return str(said["id"])

    def _interaction(self, verb: str, options: dict[str, str], token: str) -> Json:
        where, guild = self.thread or self.place.channel, self.place.workspace
        given = {name: int(value) if value.isdecimal() else value for name, value in options.items()}
        member = payloads.member(self.person) | {"permissions": "2048"}
        self.town.fake.said += 1
        return payloads.command(verb, self.town.fake.said, token, **given) | {
            "guild_id": guild,
            "channel_id": where,
            "channel": self.town.fake.channels[where] | {"permissions": "2048"},
            "member": member,
            "authorizing_integration_owners": {"0": guild},
        }


@asynccontextmanager
async def discord_town(servers: int, sessions: int) -> AsyncIterator[DiscordTown]:
    """Fails at its end for what Discord would not have taken."""
    each = -(-sessions // servers)
    guilds = [payloads.guild(f"{800_000_000_000 + number}900001", each) for number in range(servers)]
    channels = {channel["id"]: channel for guild in guilds for channel in guild["channels"]}
    fake = ShardedDiscord(guilds=guilds, channels=channels, limits=Limits(), shards=SHARDS, judged=False)
    async with open_fake(fake):
        yield DiscordTown(fake, servers)
