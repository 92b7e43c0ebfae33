"""One call to AKOOL: signed, timed, and retried where a second one cannot do harm."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx
import msgspec
import stamina

from adapters.akool.api.replies import ApiReply, nonsense, success
from adapters.akool.codes import Passing
from adapters.bounded import TooLong
from bot.domain.errors import ProviderError, Verdict
from bot.telemetry import Metrics, new_metrics

Body = Mapping[str, Any]
Query = Mapping[str, str | int]

CONNECT_S = 5.0
READ_S = 15.0
CREATE_S = 30.0

ATTEMPTS = 4
RETRY_FOR_S = 10.0
WAIT_S = 0.2
WAIT_AT_MOST_S = 2.0


class ApiCalls:
    """Calls over one `httpx.AsyncClient`, which it closes. Every call raises `ProviderError` and nothing else."""

    def __init__(self, http: httpx.AsyncClient, metrics: Metrics | None = None) -> None:
        self._http = http
        self._metrics = metrics or new_metrics()

    async def read(self, path: str, **query: str | int) -> Any:
        """Ask for something. Tried up to four times while AKOOL is out of reach, down or asked too often, for about 10 s."""
        return await self._patiently(self._request("GET", path, query=query))

    async def repeatable(self, path: str, body: Body) -> Any:
        """Do something that can be done twice without harm; tried again like a read."""
        return await self._patiently(self._request("POST", path, body=body))

    async def once(self, method: str, path: str, body: Body, *, within: float = READ_S) -> Any:
        """Do something that must not be done twice: never retried.

        The error's `certain` is False when AKOOL may have done it all the same.
        """
        request = self._request(method, path, body=body, within=within)
        return (await self._send(request, harmless=False)).data

    async def aclose(self) -> None:
        await self._http.aclose()

    def _request(
        self, method: str, path: str, *, query: Query | None = None, body: Body | None = None, within: float = READ_S
    ) -> httpx.Request:
        timeout = httpx.Timeout(within, connect=CONNECT_S)
        try:
            if body is None:
                return self._http.build_request(method, path, params=query, timeout=timeout)
            content = msgspec.json.encode(body)
        except UnicodeEncodeError:  # half an emoji: chat platforms deliver such
            sentence = "This holds characters that cannot be sent."
            raise ProviderError(sentence, f"{method} {path}: not UTF-8", verdict=Verdict.FIX_INPUT) from None
        headers = {"content-type": "application/json"}
        return self._http.build_request(method, path, content=content, headers=headers, timeout=timeout)

    async def _patiently(self, request: httpx.Request) -> Any:
        async for attempt in stamina.retry_context(
            on=Passing, attempts=ATTEMPTS, timeout=RETRY_FOR_S, wait_initial=WAIT_S, wait_max=WAIT_AT_MOST_S
        ):
            with attempt:
                return (await self._send(request, harmless=True)).data
        raise AssertionError("stamina returns or raises")

    async def _send(self, request: httpx.Request, *, harmless: bool) -> ApiReply:
        """One try, counted by what came of it."""
        endpoint, began = request.url.path.rpartition("/open/")[2], time.perf_counter()
        outcome = "ok"
        try:
            return await self._answered(request, harmless=harmless)
        except ProviderError as error:
            outcome = str(error.code or error.verdict)
            raise
        finally:
            self._metrics.provider_calls.labels(endpoint, outcome).inc()
            self._metrics.provider_seconds.labels(endpoint).observe(time.perf_counter() - began)

    async def _answered(self, request: httpx.Request, *, harmless: bool) -> ApiReply:
        where = f"{request.method} {request.url.path}"
        try:
            # httpx counts from byte to byte: a reply that trickles would never end.
            async with asyncio.timeout(CONNECT_S + request.extensions["timeout"]["read"]):
                response = await self._http.send(request)
            return success(response, harmless=harmless)
        except (TooLong, httpx.DecodingError) as unreadable:
            raise nonsense(f"{where}: {unreadable}", certain=harmless) from unreadable
        except (httpx.HTTPError, TimeoutError) as broken:
            raise _unanswered(broken, where, harmless=harmless) from broken
        except ProviderError as error:
            error.detail = f"{where}: {error.detail}"
            raise


def _unanswered(broken: Exception, where: str, *, harmless: bool) -> Passing:
    slow = isinstance(broken, TimeoutError | httpx.TimeoutException)
    unsent = isinstance(broken, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return Passing(
        f"AKOOL {'does not answer in time' if slow else 'cannot be reached'}. Try again in a minute.",
        f"{where}: {type(broken).__name__}",
        verdict=Verdict.RETRY_LATER,
        certain=harmless or unsent,
    )
