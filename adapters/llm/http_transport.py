"""One request to a language model, and what its troubles mean to a person."""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from adapters.bounded import PLAIN, TooLong, bounded
from bot.domain.errors import ProviderError, Verdict

CONNECT_S = 5.0
SILENCE_S = 30.0
"""How long it may say nothing: before the first word, and between two."""

ANSWER_S = 60.0
"""How long a whole answer may take, unless the caller wants another limit."""

LONGEST_BYTES = 2 * 1024 * 1024
"""Of one answer as it travels; what can be spoken of it is a thousandth of that."""


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
