"""The team's own language model: any OpenAI-compatible service, or a webhook, `{"question"}` in and `{"answer"}` out.

OpenAI's kind is `/chat/completions`, streamed, as vLLM, Ollama, llama.cpp, LM Studio, Mistral, Groq and others speak it too:
https://platform.openai.com/docs/api-reference/chat/create
"""

import contextlib
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from adapters.bounded import PLAIN, TooLong, bounded
from bot.domain.errors import ProviderError, Verdict
from bot.ports.words import Exchange

CONNECT_S = 5.0
SILENCE_S = 30.0
"""How long it may say nothing: before the first word, and between two."""

ANSWER_S = 60.0
"""How long a whole answer may take, unless the caller wants another limit."""

LONGEST_BYTES = 2 * 1024 * 1024
"""Of one answer as it travels; what can be spoken of it is a thousandth of that."""

NAME_LIMIT = 64
DONE = b"[DONE]"

LONGEST_LINE = 256 * 1024
"""Bytes of one event of a stream."""

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]+")

COMPLETIONS = "/chat/completions"


def refused(status: int) -> ProviderError:
    """What an HTTP status other than success means."""
    sentence, verdict = _MEANINGS.get(status) or _meaning(status)
    return ProviderError(sentence, f"language model: HTTP {status}", verdict=verdict)


def _meaning(status: int) -> tuple[str, Verdict]:
    if status >= 500:
        return "The language model has a fault on its own side. Ask again in a minute.", Verdict.RETRY_LATER
    return "The language model does not take this question. Ask whoever runs this bot.", Verdict.FIX_SETTINGS


_NO_KEY = "The language model does not accept this bot's key. Ask whoever runs this bot."
_MEANINGS = {
    401: (_NO_KEY, Verdict.FIX_SETTINGS),
    403: (_NO_KEY, Verdict.FIX_SETTINGS),
    402: ("The language model's account has no credit left. Ask whoever runs this bot.", Verdict.PAY),
    404: ("There is no language model at the address that is set. Ask whoever runs this bot.", Verdict.FIX_SETTINGS),
    413: ("That is too long for the language model. Ask a shorter question.", Verdict.FIX_INPUT),
    429: ("The language model is asked too often at the moment. Ask again in a minute.", Verdict.RETRY_LATER),
}


def nonsense(detail: str) -> ProviderError:
    """It answered, and nobody can make sense of it."""
    return ProviderError(
        "The language model answered with something that cannot be read. Ask again.",
        f"language model: {detail}",
        verdict=Verdict.RETRY_LATER,
    )


class HttpTransport:
    """POSTs to one address. Nothing is retried; leaving the block of `ask` ends the request."""

    def __init__(
        self,
        url: str,
        key: SecretStr | None,
        transport: httpx.AsyncBaseTransport | None = None,
        within_s: float = ANSWER_S,
    ) -> None:
        self._url = url
        self._within_s = within_s
        headers = PLAIN | ({"authorization": f"Bearer {key.get_secret_value()}"} if key else {})
        timeout = httpx.Timeout(SILENCE_S, connect=CONNECT_S)
        self._http = httpx.AsyncClient(headers=headers, timeout=timeout, transport=transport)

    async def aclose(self) -> None:
        await self._http.aclose()

    @contextlib.asynccontextmanager
    async def ask(self, body: Mapping[str, Any]) -> AsyncGenerator[httpx.Response, None]:
        """The answer, not read yet. Raises `ProviderError`, also for what breaks while it is read in the block."""
        headers = {"content-type": "application/json"}
        try:
            content = msgspec.json.encode(body)
            request = self._http.build_request("POST", self._url, content=content, headers=headers)
            async with bounded(self._http, request, most_bytes=LONGEST_BYTES, within_s=self._within_s) as response:
                if not response.is_success:
                    raise refused(response.status_code)
                yield response
        except TooLong as endless:
            raise ProviderError(
                "The language model's answer is too long to be read. Ask for a shorter one.",
                f"language model: {endless}",
                verdict=Verdict.FIX_INPUT,
            ) from endless
        except httpx.DecodingError as broken:
            raise nonsense(str(broken)) from broken
        except httpx.HTTPError as broken:
            raise _unanswered(broken) from broken
        except (msgspec.DecodeError, UnicodeDecodeError) as broken:
            raise nonsense(type(broken).__name__) from broken


def _unanswered(broken: httpx.HTTPError) -> ProviderError:
    connecting = isinstance(broken, httpx.ConnectError | httpx.ConnectTimeout)
    slow = isinstance(broken, httpx.TimeoutException) and not connecting
    what = "cannot be reached" if connecting else "does not answer in time" if slow else "broke off"
    return ProviderError(
        f"The language model {what}. Ask again in a minute.",
        f"language model: {type(broken).__name__}",
        verdict=Verdict.RETRY_LATER,
    )


# ---------------------------------------------------------------- OpenAI's kind


class _Words(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Words | None = None  # of a stream
    message: _Words | None = None  # of an answer in one piece


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: msgspec.Raw = msgspec.Raw(b"")

    @property
    def words(self) -> str:
        """Of the first choice. Raises `ProviderError` where the service reports an error instead."""
        if self.error:
            raise nonsense("an error in the stream")
        first = self.choices[0] if self.choices else _Choice()
        said = first.delta or first.message or _Words()
        return said.content or ""


_decoded = msgspec.json.Decoder(_Chunk).decode


class ChatCompletions:
    """A `LanguageModel`. `model` may be empty for services that host only one."""

    def __init__(self, line: HttpTransport, model: str) -> None:
        self._line = line
        self._model = model

    async def aclose(self) -> None:
        await self._line.aclose()

    async def answer(self, system_prompt: str, history: Sequence[Exchange]) -> AsyncGenerator[str, None]:
        body = {"messages": _messages(system_prompt, history), "stream": True}
        request = body | ({"model": self._model} if self._model else {})
        async with self._line.ask(request) as response, contextlib.aclosing(_chunks(response)) as chunks:
            async for chunk in chunks:
                if words := chunk.words:
                    yield words


async def _chunks(response: httpx.Response) -> AsyncGenerator[_Chunk, None]:
    """Of a stream; a service that cannot stream answers in one piece."""
    if response.headers.get("content-type", "").startswith("application/json"):
        yield _decoded(await response.aread())
        return
    rest = b""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    async for piece in response.stream:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise nonsense("a line without end")
        for value in map(_value, lines):
            if value == DONE:
                return
            if value:
                yield _decoded(value)
    if (value := _value(rest)) not in {b"", DONE}:
        yield _decoded(value)


def _value(line: bytes) -> bytes:
    """What a line of data says; nothing for comments that keep the line open, and for fields that nobody needs."""
    field, _, value = line.partition(b":")
    return value.strip() if field == b"data" else b""


def _messages(system_prompt: str, history: Sequence[Exchange]) -> list[dict[str, str]]:
    names = _names(history)
    return [
        {"role": "system", "content": system_prompt},
        *(
            {"role": "assistant", "content": said.text}
            if said.name is None
            else {"role": "user", "name": names[said.name], "content": said.text}
            for said in history
        ),
    ]


def _names(history: Sequence[Exchange]) -> dict[str, str]:
    """Who speaks, as the API takes names: letters A to Z, digits, `_` and `-`. Whoever has none of these gets a number."""
    people = dict.fromkeys(said.name for said in history if said.name)
    plain = {name: _FORBIDDEN.sub("_", name).strip("_")[:NAME_LIMIT] for name in people}
    return {name: plain[name] or f"person_{number}" for number, name in enumerate(people, 1)}


# ---------------------------------------------------------------- a webhook


class _Answer(msgspec.Struct):
    answer: str


class Webhook:
    """A `LanguageModel` that is given the question alone and answers at once; prompt and memory are its own."""

    def __init__(self, line: HttpTransport) -> None:
        self._line = line

    async def aclose(self) -> None:
        await self._line.aclose()

    async def answer(self, system_prompt: str, history: Sequence[Exchange]) -> AsyncGenerator[str, None]:  # noqa: ARG002
        async with self._line.ask({"question": history[-1].text}) as response:
            answer = msgspec.json.decode(await response.aread(), type=_Answer).answer
        if answer:
            yield answer


# ---------------------------------------------------------------- which of them


def model_at(
    url: str,
    name: str = "",
    key: SecretStr | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    within_s: float = ANSWER_S,
) -> ChatCompletions | Webhook:
    """An address that ends in `/chat/completions` or `/v1` is OpenAI's kind, any other a webhook. To be closed.

    `name` is the model's, which many services want; `key` is sent as a bearer token. An answer that takes longer than `within_s`
    seconds is given up.
    """
    if url.endswith("/v1"):
        url += COMPLETIONS
    line = HttpTransport(url, key, transport, within_s)
    return ChatCompletions(line, name) if url.endswith(COMPLETIONS) else Webhook(line)
