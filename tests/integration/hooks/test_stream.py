"""Server-sent events over a real socket: from the outbox, after any id, for the token's places only."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest

from bot.app.service import Parts, Service
from bot.commands.policy import Policy
from bot.domain.api_tokens import ApiToken, digest_of, new_secret
from bot.domain.conversations import Channel, ConversationRef
from bot.domain.posts import Speaker
from bot.ports.storage.records import Lease, ProcessProfile, UtteranceRecord
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.chat import CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import FakeAvatarProvider
from bot.testing.virtual_time import ManualClock
from bot.web.api.events import HEARTBEAT, MOST_OF_A_TOKEN, EventStreams
from bot.web.app import create_app, serve
from tests.patience import HANG_S
from tests.stored import started

ELSEWHERE = replace(CHANNEL, channel_id="C2")


@dataclass
class Heard:
    """A stream as a program reads it."""

    response: httpx.Response
    lines: AsyncIterator[str]

    async def next(self) -> dict[str, str]:
        """The next event; signs of life are left out."""
        found: dict[str, str] = {}
        async with asyncio.timeout(HANG_S):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if line and name in {"id", "event", "data"}:
                    found[name] = value
                elif found and not line:
                    return found
        raise EOFError

    async def texts(self, number: int) -> list[str]:
        return [json.loads((await self.next())["data"])["data"]["text"] for _ in range(number)]


@dataclass
class Streaming:
    service: Service
    storage: MemoryStorage
    clock: ManualClock
    chat: FakeChat
    lease: Lease
    url: str

    async def happens(self, text: str, lease: Lease | None = None) -> None:
        now = self.clock.now()
        async with self.storage.fenced(lease or self.lease) as run:
            run.save(UtteranceRecord(f"u-{text}", "p", text, Speaker.BOT, text, True, False, now, now))

    async def token(self, *places: ConversationRef, commands: tuple[str, ...] = ("events",)) -> str:
        secret = new_secret()
        name = f"bot{len(await self.storage.tokens.everything())}"
        token = ApiToken(
            name, places or (CHANNEL,), commands, 60, self.clock.now(), self.clock.now() + timedelta(days=9)
        )
        await self.storage.tokens.add(digest_of(secret), token)
        return secret

    @contextlib.asynccontextmanager
    async def hears(self, secret: str, after: str = "", query: str = "?events=utterance.final") -> AsyncIterator[Heard]:
        headers = {"authorization": f"Bearer {secret}"} | ({"last-event-id": after} if after else {})
        async with (
            httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http,
            http.stream("GET", f"{self.url}/api/v1/events{query}", headers=headers) as response,
        ):
            if response.status_code != httpx.codes.OK:
                await response.aread()
            lines = response.aiter_lines()
            yield Heard(response, lines)
            await lines.aclose()  # type: ignore[attr-defined] # a generator


@contextlib.asynccontextmanager
async def streaming(heartbeat: float = HEARTBEAT) -> AsyncIterator[Streaming]:
    clock = ManualClock()
    storage, chat = MemoryStorage(clock), FakeChat(clock=clock)
    async with contextlib.aclosing(FakeAvatarProvider(clock)) as provider:
        service = Service(Parts(storage, provider, clock, Policy(), new_metrics()))
        service.add(FakeChatPlatform(chat))
        service._streams = EventStreams(service.services, heartbeat)
        await storage.workers.enlist("w", ProcessProfile(), lasts=timedelta(days=99))
        await started(storage, "s")
        (lease,) = await storage.workers.claim("w", room=1)
        async with serve(create_app(service.services.metrics, {}, service.mounts()), "127.0.0.1", 0) as port:
            yield Streaming(service, storage, clock, chat, lease, f"http://127.0.0.1:{port}")


async def test_what_happens_is_heard_as_it_happens() -> None:
    async with streaming() as streams, streams.hears(await streams.token()) as heard:
        await streams.happens("one")
        event = await heard.next()
        assert event["event"] == "utterance.final"
        assert event["id"] == json.loads(json.dumps(event["id"]))
        await streams.happens("two")
        assert await heard.texts(1) == ["two"]


async def test_whoever_comes_back_misses_nothing() -> None:
    async with streaming() as streams:
        secret = await streams.token()
        async with streams.hears(secret) as heard:
            await streams.happens("one")
            last = (await heard.next())["id"]
        for number in range(250):
            await streams.happens(str(number))
        async with streams.hears(secret, last) as heard:
            assert await heard.texts(250) == [str(number) for number in range(250)]


async def test_only_the_events_that_are_asked_for_are_heard() -> None:
    async with streaming() as streams:
        secret = await streams.token(CHANNEL, ELSEWHERE)
        async with streams.hears(secret, query="?events=session.started,session.ended") as heard:
            await streams.happens("one")
            await started(streams.storage, "later", ELSEWHERE)
            assert (await heard.next())["event"] == "session.started"


async def test_nothing_of_other_places_is_heard() -> None:
    async with streaming() as streams:
        mine, theirs = await streams.token(), await streams.token(ELSEWHERE)
        async with streams.hears(mine) as heard, streams.hears(theirs):
            await started(streams.storage, "other", ELSEWHERE)
            (lease,) = await streams.storage.workers.claim("w", room=1, but=["s"])
            await streams.happens("theirs", lease)
            await streams.happens("mine")
            assert await heard.texts(1) == ["mine"]


async def test_nothing_private_is_heard_that_is_not_named() -> None:
    async with streaming() as streams:
        streams.chat.channels[CHANNEL] = Channel("#secret", private=True)
        everywhere, named = await streams.token(replace(CHANNEL, channel_id="*")), await streams.token()
        async with streams.hears(everywhere) as heard, streams.hears(named) as inside:
            await streams.happens("hidden")
            assert await inside.texts(1) == ["hidden"]
            streams.chat.channels[CHANNEL] = Channel("#open")
            await streams.happens("open")
            assert await heard.texts(1) == ["open"]


async def test_nothing_is_kept_before_somebody_reads() -> None:
    async with streaming() as streams:
        await streams.token()
        await streams.happens("one")
        assert await streams.storage.hooks.since("", 10) == []


@pytest.mark.parametrize(
    ("commands", "after", "query", "status"),
    [
        (("say",), "", "", 403),
        (("events",), "x y", "", 400),
        (("events",), "", "?events=session.end", 400),
    ],
)
async def test_what_makes_no_sense_gets_a_sentence(
    commands: tuple[str, ...], after: str, query: str, status: int
) -> None:
    async with streaming() as streams:
        secret = await streams.token(commands=commands)
        async with streams.hears(secret, after, query) as refused:
            assert refused.response.status_code == status
            assert refused.response.json()["detail"]


async def test_one_token_reads_a_few_streams_at_most() -> None:
    async with streaming() as streams, contextlib.AsyncExitStack() as stack:
        secret = await streams.token()
        for _ in range(MOST_OF_A_TOKEN):
            await stack.enter_async_context(streams.hears(secret))
        async with streams.hears(secret) as refused:
            assert refused.response.status_code == 429
        await stack.aclose()
        await streams.happens("one")  # the server notices who has left


async def test_a_question_for_the_head_alone_is_answered() -> None:
    async with streaming() as streams, httpx.AsyncClient(trust_env=False, timeout=HANG_S) as http:
        headers = {"authorization": f"Bearer {await streams.token()}"}
        answer = await http.head(f"{streams.url}/api/v1/events", headers=headers)
        assert (answer.status_code, answer.content) == (200, b"")


async def test_a_stream_ends_with_its_token() -> None:
    async with streaming(heartbeat=0.05) as streams, streams.hears(await streams.token()) as heard:
        async with asyncio.timeout(HANG_S):
            assert ": still here" in [line async for line in _until(heard.lines, ": still here")]
        assert await streams.storage.tokens.revoke("bot0")
        with pytest.raises(EOFError):
            await heard.next()


async def test_a_revoked_token_hears_nothing_before_the_next_heartbeat() -> None:
    async with streaming() as streams, streams.hears(await streams.token()) as heard:
        await streams.happens("one")
        assert await heard.texts(1) == ["one"]
        assert await streams.storage.tokens.revoke("bot0")
        await streams.happens("two")
        with pytest.raises(EOFError):
            await heard.next()


async def _until(lines: AsyncIterator[str], last: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line == last:
            return


async def test_all_streams_end_when_the_service_does() -> None:
    async with streaming() as streams, streams.hears(await streams.token()) as heard:
        await streams.happens("last words")
        streams.service._streams.close()
        assert await heard.texts(1) == ["last words"]
        with pytest.raises(EOFError):
            await heard.next()
