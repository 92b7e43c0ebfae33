"""The team's own language model answers through the avatar."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import httpx
import msgspec

from adapters.akool.stream.protocol import Chat, decode
from adapters.llm.model import model_at
from bot.domain.sessions import Mode
from bot.ports.room import ConnectRoom, RoomConnection, RoomCredentials
from bot.runtime.llm_reply import CUT, LONGEST_ANSWER
from tests.world_fixture import Stack, on_stack

ADDRESS = "http://model.test/v1"


class Writer(httpx.AsyncByteStream):
    """Writes an answer sentence by sentence, and knows when nobody listens any more."""

    def __init__(self, sentences: list[str], pause: float) -> None:
        self.sentences = sentences
        self.pause = pause
        self.written = 0
        self.closed = False
        self.endless = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for sentence in self.sentences:
            chunk = {"choices": [{"delta": {"content": sentence + " "}}]}
            yield b"data: " + msgspec.json.encode(chunk) + b"\n\n"
            self.written += 1
            await asyncio.sleep(self.pause)
        while self.endless:
            yield self.endless
            await asyncio.sleep(1)
        yield b"data: [DONE]\n\n"

    async def aclose(self) -> None:
        self.closed = True


class Service(httpx.AsyncBaseTransport):
    def __init__(self, sentences: list[str], pause: float = 0.0, status: int = 200) -> None:
        self.asked: list[dict[str, object]] = []
        self.writer = Writer(sentences, pause)
        self.status = status

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(msgspec.json.decode(await request.aread()))
        headers = {"content-type": "text/event-stream"}
        return httpx.Response(self.status, headers=headers, stream=self.writer, request=request)


class Tap:
    """Connections that note what is sent from them, and when."""

    def __init__(self, connections: ConnectRoom) -> None:
        self._connections = connections
        self.chats: list[tuple[float, Chat]] = []

    def __call__(self, credentials: RoomCredentials) -> RoomConnection:
        connection = self._connections(credentials)
        send = connection.send

        async def noted(packet: bytes) -> None:
            message = decode(packet)
            if isinstance(message, Chat):
                self.chats.append((asyncio.get_running_loop().time(), message))
            await send(packet)

        connection.send = noted  # type: ignore[method-assign]
        return connection


async def _begin(stack: Stack) -> None:
    await stack.room.command("start")
    await stack.live()
    await stack.room.say("What do you like?", stack.room.thread)


@on_stack()
async def test_its_answer_is_spoken_word_for_word(stack: Stack) -> None:
    service = Service(["I like trees.", "And rivers, too."])
    async with stack.serving(model=model_at(ADDRESS, "small", transport=service)):
        await _begin(stack)
        await stack.until(lambda: bool(stack.room.finals))
        await stack.room.say("Why?", stack.room.thread)
        await stack.until(lambda: len(service.asked) == 2)
    assert stack.room.finals[0].strip() == "I like trees. And rivers, too."
    assert stack.room.card.mode is Mode.DIALOGUE
    assert next(iter(stack.simulator.sessions)).booking.params.mode is Mode.RETELLING
    messages = service.asked[1]["messages"]
    assert isinstance(messages, list)
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[-1] == {"role": "user", "name": "Ann", "content": "Why?"}


@on_stack()
async def test_sentences_are_sent_while_the_answer_is_written(stack: Stack) -> None:
    service = Service(["I like trees.", "And rivers, too.", "That is all."], pause=2.0)
    tap = stack.tap = Tap(stack.simulator.connect)
    async with stack.serving(model=model_at(ADDRESS, transport=service)):
        await _begin(stack)
        await stack.until(lambda: bool(tap.chats))
        assert service.writer.written == 1  # and the model is silent, 2 s long
        await stack.until(lambda: tap.chats[-1][1].fin)
    times, chats = zip(*tap.chats, strict=True)
    assert len({chat.mid for chat in chats}) == 1
    assert [chat.idx for chat in chats] == list(range(len(chats)))
    assert [chat.fin for chat in chats] == [False] * (len(chats) - 1) + [True]
    assert "".join(chat.text for chat in chats).strip() == "I like trees. And rivers, too. That is all."
    assert all(later - earlier > 1.9 for earlier, later in itertools.pairwise(times[:3]))


@on_stack()
async def test_interrupt_cancels_the_request(stack: Stack) -> None:
    service = Service([f"Sentence number {n} is here." for n in range(60)], pause=1.0)
    async with stack.serving(model=model_at(ADDRESS, transport=service)):
        await _begin(stack)
        await stack.until(lambda: service.writer.written > 2)
        await stack.room.command("interrupt")
        await stack.until(lambda: service.writer.closed, within=2)
    assert service.writer.written < 10


@on_stack()
async def test_an_answer_without_an_end_is_cut(stack: Stack) -> None:
    service = Service([f"Sentence number {n} is here." for n in range(1_000)])
    async with stack.serving(model=model_at(ADDRESS, transport=service)):
        await _begin(stack)
        await stack.until(lambda: bool(stack.room.finals))
        assert service.writer.closed
    (given,) = stack.spoken
    assert LONGEST_ANSWER <= len(given) < LONGEST_ANSWER + 60
    assert given.endswith(CUT)


@on_stack()
async def test_a_long_answer_in_one_piece_holds_nobody_up(stack: Stack) -> None:
    service = Service(["Hi. " * 30_000 + "x" * 100_000])
    async with stack.serving(model=model_at(ADDRESS, transport=service)):
        await _begin(stack)
        began = time.thread_time()
        await stack.until(lambda: bool(stack.room.finals))
        assert time.thread_time() - began < 10
    assert stack.spoken[0].endswith(CUT)


@on_stack()
async def test_an_endless_answer_is_cut_and_told(stack: Stack) -> None:
    """Comments keep the line busy: no read ever times out."""
    service = Service([])
    service.writer.endless = b": ping\n\n"
    async with stack.serving(model=model_at(ADDRESS, transport=service, within_s=60)):
        await _begin(stack)
        began = asyncio.get_running_loop().time()
        await stack.until(lambda: len(stack.room.answers()) > 1, within=100)
        assert 50 < asyncio.get_running_loop().time() - began < 70
        assert service.writer.closed
    assert stack.room.answers()[-1] == "The language model does not answer in time. Ask again in a minute."


@on_stack()
async def test_its_failure_is_one_sentence(stack: Stack) -> None:
    async with stack.serving(model=model_at(ADDRESS, transport=Service([], status=503))):
        await _begin(stack)
        await stack.until(lambda: len(stack.room.answers()) > 1)
    assert stack.room.answers()[-1] == "The language model has a fault on its own side. Ask again in a minute."


@on_stack()
async def test_in_retelling_it_is_not_asked(stack: Stack) -> None:
    service = Service(["Never."])
    async with stack.serving(model=model_at(ADDRESS, transport=service)):
        await stack.room.command("start", mode="retelling")
        await stack.live()
        await stack.room.say("Exactly this.", stack.room.thread)
        await stack.until(lambda: bool(stack.spoken))
    assert service.asked == []
    assert stack.spoken == ["Exactly this."]
