"""OpenAI's `/chat/completions`, streamed, as vLLM, Ollama, llama.cpp, LM Studio, Mistral, Groq and others speak it too.

https://platform.openai.com/docs/api-reference/chat/create
"""

import contextlib
import re
from collections.abc import AsyncGenerator, Sequence

import httpx
import msgspec

from adapters.llm.http_transport import HttpTransport, nonsense
from bot.ports.words import Exchange

NAME_LIMIT = 64
DONE = b"[DONE]"

LONGEST_LINE = 256 * 1024
"""Bytes of one event of a stream."""

_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]+")


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
