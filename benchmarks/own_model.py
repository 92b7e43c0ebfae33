"""From a model's first whole sentence to the first packet for the avatar, while the model goes on: `python -m benchmarks.own_model`.

The model is a server of OpenAI's kind on loopback that writes a sentence in tokens, thinks for a second, and writes on.
Beside it, the same server read by bare httpx: what any client has to wait for.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
from cryptography.fernet import Fernet
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.akool.stream.protocol import Chat, decode
from adapters.llm.model import model_at
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from benchmarks.table import Limit, judged, load
from bot.app.service import Parts, Service
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.sessions import SessionStatus
from bot.ports.room import ConnectRoom, RoomConnection, RoomCredentials
from bot.runtime.llm_reply import PAUSE
from bot.storage.encryption import Cipher
from bot.storage.migrate import upgraded
from bot.storage.sql import sql_storage
from bot.telemetry import configure_logging, new_metrics
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.web.app import serve

ROUNDS, SILENCE_S = 12, 1.0
MOST = 2
"""Times the floor."""
TOKENS = ("I", " like", " trees", ".")
REST = (" And", " rivers", ", too", ".")


class Writer:
    """The model's server; `written` has when the last token of each first sentence left it."""

    def __init__(self) -> None:
        self.written: list[float] = []
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._answer, methods=["POST"])])

    async def _answer(self, _: Request) -> StreamingResponse:
        return StreamingResponse(self._tokens(), media_type="text/event-stream")

    async def _tokens(self) -> AsyncIterator[bytes]:
        for token in TOKENS[:-1]:
            yield chunk(token)
        self.written.append(time.perf_counter())
        yield chunk(TOKENS[-1])
        await asyncio.sleep(SILENCE_S)
        for token in REST:
            yield chunk(token)
        yield b"data: [DONE]\n\n"


def chunk(token: str) -> bytes:
    return b"data: " + msgspec.json.encode({"choices": [{"delta": {"content": token}}]}) + b"\n\n"


class Tap:
    """Connections that note when the first packet of each utterance is handed over."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.ended: set[str] = set()

    def around(self, connections: ConnectRoom) -> ConnectRoom:
        def connection(credentials: RoomCredentials) -> RoomConnection:
            taken = connections(credentials)
            send = taken.send

            async def noted(packet: bytes) -> None:
                message = decode(packet)
                if isinstance(message, Chat):
                    self.first.setdefault(message.mid, time.perf_counter())
                    self.ended |= {message.mid} if message.fin else set()
                await send(packet)

            taken.send = noted  # type: ignore[method-assign]
            return taken

        return connection


async def bare(url: str, writer: Writer) -> list[float]:
    """Seconds until httpx alone has the end of the sentence, and has waited for whether more of it comes."""
    took: list[float] = []
    async with httpx.AsyncClient() as client:
        for _ in range(ROUNDS):
            async with client.stream("POST", f"{url}/chat/completions", content=b"{}") as response:
                async for line in response.aiter_lines():
                    if TOKENS[-1] in line:
                        await asyncio.sleep(PAUSE)
                        took.append(time.perf_counter() - writer.written[-1])
                        break
    return took


@contextlib.asynccontextmanager
async def provider_sessions(url: str, tap: Tap) -> AsyncIterator[FakeChat]:
    """A chat room where an avatar is live that speaks for the model at `url`."""
    configure_logging("error")
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database, clock = f"sqlite:///{folder / 'avatarbot.db'}", SystemClock()
        await upgraded(database)
        simulator = await stack.enter_async_context(Simulator(clock, Options.instantly()))
        cipher = Cipher((Fernet.generate_key().decode(),))
        storage = await stack.enter_async_context(sql_storage(database, cipher, clock))
        key = ApiKey(SecretStr(simulator.options.api_key))
        api = AkoolApi.at("http://akool.test", key, httpx.ASGITransport(application(simulator)))
        provider = AkoolProvider(api, tap.around(simulator.connect))
        await stack.enter_async_context(contextlib.aclosing(provider))
        model = await stack.enter_async_context(contextlib.aclosing(model_at(url)))
        service, room = Service(Parts(storage, provider, clock, Policy(), new_metrics(), model)), FakeChat()
        service.add(FakeChatPlatform(room, service.core))
        await stack.enter_async_context(service.running())
        await room.command("start")
        while not room.cards or room.card.status is not SessionStatus.LIVE:
            await asyncio.sleep(0.02)
        yield room


async def through_the_service(url: str, writer: Writer) -> list[float]:
    """Seconds until the first packet is handed to `RoomConnection.send`."""
    tap, took = Tap(), []
    async with provider_sessions(url, tap) as room:
        for number in range(ROUNDS):
            await room.say("What do you like?", room.thread)
            async with asyncio.timeout(SILENCE_S + 10):
                while len(tap.ended) <= number:
                    await asyncio.sleep(0.02)
            took.append(list(tap.first.values())[-1] - writer.written[-1])
    return took


async def measured() -> tuple[list[float], list[float]]:
    writer = Writer()
    async with serve(writer.app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}/v1"
        return await bare(url, writer), await through_the_service(url, writer)


def line(name: str, took: list[float]) -> None:
    print(f"{name:44}{statistics.median(took) * 1000:>12.2f}{max(took) * 1000:>12.2f}")


def main() -> int:
    floor, ours = asyncio.run(measured())
    print(f"{f'first sentence, {ROUNDS} rounds':44}{'median ms':>12}{'worst ms':>12}   {load()}")
    line(f"floor: read by bare httpx, and {PAUSE * 1000:.0f} ms", floor)
    line("first packet handed to the connection", ours)
    return judged(Limit("after the model's first sentence", statistics.median(ours), statistics.median(floor), MOST))


if __name__ == "__main__":
    sys.exit(main())
