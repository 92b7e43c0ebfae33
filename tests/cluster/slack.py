"""Many workspaces on one strict Slack, and what people do there: delivered to any process that serves, again where nobody took it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp
import msgspec

from adapters.slack.installations import KEY, PLATFORM, Record
from adapters.slack.manifest import SCOPES
from bot.ports.storage import Storage
from tests.cluster.processes import Cluster, ServiceProcess
from tests.cluster.talk import Place, PostedLine, Talker
from tests.integration.slack.fake import FakeSlack, Grant, Message, SlackUser, payloads
from tests.integration.slack.fake.server import Call
from tests.integration.slack.fake.throttle import WINDOW_S
from tests.integration.slack.fake.workspace import BOT_ID, BOT_USER, Channel, Hook

UPDATES_PER_MINUTE = 50
ACKNOWLEDGED_WITHIN_S = 3.0
"""Slack delivers again what takes longer."""
TWICE = 0.1
"""The share of messages that are delivered twice, to two processes at once where there are two."""


@dataclass
class SlackTown:
    """`workspaces` of them, each with as many channels as it needs; a person for each channel."""

    fake: FakeSlack
    workspaces: int
    dice: Random
    http: aiohttp.ClientSession
    cluster: Cluster | None = None
    redelivered: int = 0
    _hooks: Iterator[int] = field(default_factory=itertools.count)

    @property
    def settings(self) -> dict[str, str]:
        return {
            "SLACK_CLIENT_ID": "1.2",
            "SLACK_CLIENT_SECRET": "a-secret",
            "SLACK_SIGNING_SECRET": payloads.SIGNING_SECRET,
            "SLACK_API_URL": self.fake.api_url,
            "PUBLIC_URL": "https://bot.example",
        }

    async def install(self, storage: Storage) -> None:
        """As if each workspace had installed the app, and the operator let it spend."""
        for number in range(self.workspaces):
            team = f"T{number}"
            record = Record(f"xoxb-{number}", BOT_ID, BOT_USER, ",".join(SCOPES))
            await storage.vault.put(PLATFORM, team, KEY, msgspec.json.encode(record))
            await storage.channels.allow(PLATFORM, team, yes=True)
            self.fake.grants[record.token] = Grant(team=team)

    def talker(self, number: int) -> "SlackTalker":
        place = Place(PLATFORM, f"T{number % self.workspaces}", f"C{number}")
        person = SlackUser(f"U{number}", f"Ann {number}", place.workspace)
        self.fake.workspace.channels[place.channel] = Channel(place.channel, f"channel-{number}")
        self.fake.workspace.users[person.id] = person
        return SlackTalker(place, person.id, self)

    async def deliver(self, kind: str, payload: dict[str, Any]) -> str:
        """As Slack does with events: until somebody has taken it. The text of the answer."""
        while True:
            answer = await self.delivered(kind, payload, self.anyone())
            if answer is not None:
                return answer
            self.redelivered += 1
            await asyncio.sleep(0.1)

    async def deliver_twice(self, kind: str, payload: dict[str, Any]) -> None:
        await asyncio.gather(self.deliver(kind, payload), self.deliver(kind, payload))

    async def delivered(self, kind: str, payload: dict[str, Any], process: ServiceProcess) -> str | None:
        """Once; None where it was not taken."""
        body, content_type = payloads.over_http(kind, payload)
        headers = payloads.signed(body) | {"Content-Type": content_type}
        try:
            async with (
                asyncio.timeout(ACKNOWLEDGED_WITHIN_S),  # runs out: it is delivered again
                self.http.post(f"{process.url}/slack/events", data=body, headers=headers) as answer,
            ):
                return await answer.text() if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None

    def hook(self, place: Place, person: str) -> str:
        name = str(next(self._hooks))
        self.fake.workspace.hooks[name] = Hook(place.channel, person)
        return f"{self.fake.url}/hooks/{name}"

    def refused(self) -> list[str]:
        calls = [call for call in self.fake.calls if call.error == "ratelimited"]
        return [
            f"{call.method} {call.args.get('channel', '')} with {call.token}: {self._before(call)}" for call in calls
        ]

    def _before(self, refused: Call) -> str:
        """How long before it the calls of the same method were, in seconds."""
        same = (
            c for c in self.fake.calls if (c.method, c.token) == (refused.method, refused.token) and c.at < refused.at
        )
        return " ".join(f"{refused.at - call.at:.1f}" for call in same if refused.at - call.at < WINDOW_S)

    def told(self) -> list[tuple[str, str]]:
        return [(shown.user, shown.text) for shown in self.fake.workspace.ephemerals]

    def lines(self) -> list[PostedLine]:
        ours = (message for message in self.fake.workspace.messages if message.author == BOT_USER)
        return [
            PostedLine(message.channel, key := _key(message), message.text, bool(key) and not message.thread_ts)
            for message in ours
        ]

    def anyone(self) -> ServiceProcess:
        """A process that serves, chosen at random."""
        assert self.cluster
        return self.dice.choice([process for process in self.cluster.processes if process.serves])


@dataclass
class SlackTalker(Talker):
    """One person in one channel."""

    town: SlackTown

    async def command(self, text: str) -> None:
        """Typed again, as people do, until the bot has answered: also that what was typed before is live by now."""
        hook = self.town.hook(self.place, self.person)
        while True:
            self.typed += 1
            given = payloads.command(self.person, text, self.place.channel, hook) | {"team_id": self.place.workspace}
            if await self.town.delivered(payloads.COMMAND, given, self.town.anyone()) is not None:
                return
            await asyncio.sleep(0.2)

    async def write(self, text: str, thread: str) -> str:
        workspace = self.town.fake.workspace
        message = workspace.add(Message(self.place.channel, workspace.next_ts(), self.person, text, thread_ts=thread))
        about = {"thread_ts": thread, "team": self.place.workspace}
        inner = payloads.message(self.person, text, self.place.channel, message.ts) | about
        event = payloads.event(inner, team=self.place.workspace)
        twice = self.town.dice.random() < TWICE
        await (self.town.deliver_twice if twice else self.town.deliver)(payloads.EVENT, event)
        return f"message:{self.place.channel}:{message.ts}"


def _key(message: Message) -> str:
    return str(((message.metadata or {}).get("event_payload") or {}).get("key", ""))


@asynccontextmanager
async def slack_town(workspaces: int, dice: Random) -> AsyncIterator[SlackTown]:
    """Fails at its end for what Slack would not have taken."""
    async with FakeSlack().running() as fake, aiohttp.ClientSession() as http:
        fake.throttle.stricter["chat.update"] = (UPDATES_PER_MINUTE, 60.0)
        yield SlackTown(fake, workspaces, dice, http)
    assert fake.complaints == []
