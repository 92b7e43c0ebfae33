"""The team's own service: `{"question"}` in, `{"answer"}` out."""

from collections.abc import AsyncGenerator, Sequence

import msgspec

from adapters.llm.http_transport import HttpTransport
from bot.ports.words import Exchange


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
