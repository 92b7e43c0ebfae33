"""The language models that keep the contract. One more joins by an entry in `MODELS`."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from adapters.llm.model import model_at
from bot.domain.errors import ProviderError, Verdict
from bot.ports.words import LanguageModel
from bot.testing.llm import FakeLanguageModel
from bot.web.app import serve


class ModelUnderTest(Protocol):
    """A model, and whoever writes its answers."""

    @property
    def model(self) -> LanguageModel: ...

    @property
    def streams(self) -> bool:
        """Whether an answer comes piece by piece, or whole once it is written."""
        ...

    def writes(self, pieces: Sequence[str], *, hangs: bool = False) -> None:
        """What the next answers are; with `hangs` nothing follows the pieces, and no end."""
        ...

    def is_overloaded(self) -> None:
        """The next answers are refusals that pass."""
        ...

    @property
    def questions(self) -> Sequence[str]:
        """What it was asked, in order."""
        ...

    async def idle(self) -> None:
        """Until nothing is being written for anybody."""
        ...


class FakeUnderTest:
    streams = True

    def __init__(self) -> None:
        self.model = self._fake = FakeLanguageModel()

    def writes(self, pieces: Sequence[str], *, hangs: bool = False) -> None:
        self._fake.answering = lambda _prompt, _history: pieces
        self._fake.hangs = hangs

    def is_overloaded(self) -> None:
        busy = ProviderError("Ask again in a minute.", verdict=Verdict.RETRY_LATER)
        self._fake.faults["answer"] = [busy]

    @property
    def questions(self) -> Sequence[str]:
        return [asked.question for asked in self._fake.asked]

    async def idle(self) -> None:
        assert self._fake.writing == 0


class LoopbackService:
    """A service over HTTP, on this machine."""

    def __init__(self) -> None:
        self.pieces: Sequence[str] = ()
        self.hangs = False
        self.status = 200
        self.questions: list[str] = []
        self.writing = 0
        self._written = asyncio.Condition()
        self.app = Starlette(
            routes=[
                Route("/v1/chat/completions", self._complete, methods=["POST"]),
                Route("/answer", self._answer, methods=["POST"]),
            ]
        )

    async def idle(self) -> None:
        async with asyncio.timeout(60), self._written:
            await self._written.wait_for(lambda: self.writing == 0)

    async def _complete(self, request: Request) -> Response:
        self.questions.append((await request.json())["messages"][-1]["content"])
        if self.status != 200:
            return Response(status_code=self.status)
        return StreamingResponse(self._stream(), media_type="text/event-stream")

    async def _stream(self) -> AsyncGenerator[bytes, None]:
        async with self._counted():
            for piece in self.pieces:
                yield b"data: " + msgspec.json.encode({"choices": [{"delta": {"content": piece}}]}) + b"\n\n"
            if self.hangs:
                await asyncio.Event().wait()
            yield b"data: [DONE]\n\n"

    async def _answer(self, request: Request) -> Response:
        self.questions.append((await request.json())["question"])
        async with self._counted():
            if self.hangs:
                while not await request.is_disconnected():
                    await asyncio.sleep(0.01)
            return JSONResponse({"answer": "".join(self.pieces)}, self.status)

    @contextlib.asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self.writing += 1
        try:
            yield
        finally:
            self.writing -= 1
            async with self._written:
                self._written.notify_all()


@dataclass(frozen=True)
class LoopbackUnderTest:
    service: LoopbackService
    model: LanguageModel
    streams: bool

    def writes(self, pieces: Sequence[str], *, hangs: bool = False) -> None:
        self.service.pieces, self.service.hangs = pieces, hangs

    def is_overloaded(self) -> None:
        self.service.status = 503

    @property
    def questions(self) -> Sequence[str]:
        return self.service.questions

    async def idle(self) -> None:
        await self.service.idle()


@contextlib.asynccontextmanager
async def fake() -> AsyncIterator[ModelUnderTest]:
    yield FakeUnderTest()


@contextlib.asynccontextmanager
async def loopback(path: str, *, streams: bool) -> AsyncIterator[ModelUnderTest]:
    service = LoopbackService()
    async with (
        serve(service.app, "127.0.0.1", 0) as port,
        contextlib.aclosing(model_at(f"http://127.0.0.1:{port}{path}")) as model,
    ):
        yield LoopbackUnderTest(service, model, streams)


MODELS: dict[str, Callable[[], AbstractAsyncContextManager[ModelUnderTest]]] = {
    "fake": fake,
    "completions": lambda: loopback("/v1", streams=True),
    "webhook": lambda: loopback("/answer", streams=False),
}


@pytest.fixture(params=MODELS)
async def under_test(request: pytest.FixtureRequest) -> AsyncIterator[ModelUnderTest]:
    async with MODELS[request.param]() as opened:
        yield opened
