"""Services of both kinds, and every trouble they can make."""

import gzip
from collections.abc import AsyncIterator, Callable

import httpx
import msgspec
import pytest
from pydantic import SecretStr

from adapters.llm.model import LONGEST_BYTES, ChatCompletions, Webhook, model_at
from bot.domain.errors import ProviderError, Verdict
from bot.ports.words import Exchange

ASKED = [Exchange("Ann", "Hello"), Exchange(None, "Hi."), Exchange("Зоя", "Who?")]
Handler = Callable[[httpx.Request], httpx.Response]


async def answer(url: str, handler: Handler) -> str:
    model = model_at(url, "small", SecretStr("sk-1"), httpx.MockTransport(handler))
    try:
        return "".join([piece async for piece in model.answer("Be brief.", ASKED)])
    finally:
        await model.aclose()


def sse(*lines: str) -> Handler:
    text = "\n".join(lines)
    return lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, text=text)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://a.example/v1", ChatCompletions),
        ("https://a.example/v1/chat/completions", ChatCompletions),
        ("https://a.example/answer", Webhook),
    ],
)
async def test_the_address_tells_the_kind(url: str, kind: type) -> None:
    model = model_at(url)
    await model.aclose()
    assert isinstance(model, kind)


async def test_a_stream_is_put_together() -> None:
    said = await answer(
        "https://a.example/v1",
        sse(
            ": keep-alive",
            'data: {"choices":[{"delta":{"role":"assistant"}}]}',
            'data: {"choices":[{"delta":{"content":"One "}}]}',
            "event: message",
            'data:{"choices":[{"delta":{"content":"two"}}]}',
            'data: {"choices":[]}',
            "data: [DONE]",
            'data: {"choices":[{"delta":{"content":" never"}}]}',
        ),
    )
    assert said == "One two"


async def test_an_answer_in_one_piece_will_do() -> None:
    said = await answer(
        "https://a.example/v1",
        lambda _: httpx.Response(200, json={"choices": [{"message": {"role": "assistant", "content": "One"}}]}),
    )
    assert said == "One"


async def test_what_the_service_is_asked() -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"choices": []})

    await answer("https://a.example/v1", handler)
    assert str(requests[0].url) == "https://a.example/v1/chat/completions"
    assert requests[0].headers["authorization"] == "Bearer sk-1"
    assert msgspec.json.decode(requests[0].content) == {
        "model": "small",
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "name": "Ann", "content": "Hello"},
            {"role": "assistant", "content": "Hi."},
            {"role": "user", "name": "person_2", "content": "Who?"},
        ],
    }


async def test_a_webhook_gets_the_question_alone() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert msgspec.json.decode(request.content) == {"question": "Who?"}
        return httpx.Response(200, json={"answer": "Me."})

    assert await answer("https://a.example/answer", handler) == "Me."


@pytest.mark.parametrize(
    ("status", "verdict", "words"),
    [
        (401, Verdict.FIX_SETTINGS, "key"),
        (402, Verdict.PAY, "credit"),
        (404, Verdict.FIX_SETTINGS, "address"),
        (422, Verdict.FIX_SETTINGS, "does not take"),
        (429, Verdict.RETRY_LATER, "too often"),
        (503, Verdict.RETRY_LATER, "fault"),
    ],
)
async def test_a_refusal_is_one_sentence(status: int, verdict: Verdict, words: str) -> None:
    with pytest.raises(ProviderError) as refused:
        await answer("https://a.example/v1", lambda _: httpx.Response(status, text="sk-1"))
    assert refused.value.verdict is verdict
    assert words in refused.value.sentence
    assert "sk-1" not in refused.value.detail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError, "cannot be reached"),
        (httpx.ReadTimeout, "in time"),
        (httpx.RemoteProtocolError, "broke off"),
    ],
)
async def test_a_broken_line_is_one_sentence(error: type[httpx.TransportError], words: str) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise error("no")

    with pytest.raises(ProviderError) as broken:
        await answer("https://a.example/v1", handler)
    assert words in broken.value.sentence


@pytest.mark.parametrize("line", ["data: <html>", 'data: {"error":{"message":"overloaded"}}', 'data: {"choices":3}'])
async def test_nonsense_is_one_sentence(line: str) -> None:
    with pytest.raises(ProviderError, match="cannot be read"):
        await answer("https://a.example/v1", sse(line))


async def test_a_webhook_without_an_answer_is_nonsense() -> None:
    with pytest.raises(ProviderError, match="cannot be read"):
        await answer("https://a.example/answer", lambda _: httpx.Response(200, json={"text": "x"}))


class Pouring(httpx.AsyncByteStream):
    """Sends the same for as long as it is read."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += len(self.piece)
            yield self.piece


@pytest.mark.parametrize("url", ["https://a.example/v1", "https://a.example/answer"])
async def test_an_oversized_answer_is_not_read_whole(url: str) -> None:
    pouring = Pouring(b": ping\n" * 10_000 if url.endswith("v1") else b" " * 65_536)
    with pytest.raises(ProviderError, match="too long to be read") as refused:
        await answer(url, lambda _: httpx.Response(200, stream=pouring))
    assert refused.value.verdict is Verdict.FIX_INPUT
    assert pouring.sent <= LONGEST_BYTES + 70_000


async def test_a_line_without_an_end_is_nonsense() -> None:
    with pytest.raises(ProviderError, match="cannot be read"):
        await answer("https://a.example/v1", lambda _: httpx.Response(200, stream=Pouring(b"data: " * 1_000)))


async def test_a_compression_bomb_is_not_unpacked() -> None:
    packed = gzip.compress(b" " * 10_000_000)
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    with pytest.raises(ProviderError, match="cannot be read"):
        await answer("https://a.example/answer", lambda _: httpx.Response(200, headers=headers, stream=Pouring(packed)))


async def test_nothing_compressed_is_asked_for() -> None:
    requests: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"answer": "Me."})

    await answer("https://a.example/answer", handler)
    assert requests[0].headers["accept-encoding"] == "identity"
