"""Pictures from elsewhere, fetched by us, so that a page asks nobody but us for anything."""

import asyncio
from collections import OrderedDict

import httpx

from adapters.bounded import PLAIN, bounded
from adapters.web.ssrf_guard import Lookups, PublicOnly, Resolve
from bot.domain.conversations import File
from bot.domain.errors import NotPublic

SIZE_LIMIT = 2 * 1024 * 1024
KEPT = 64
WITHIN_S = 10.0
AT_ONCE = 4


class WebPictures:
    """`Pictures` over HTTP, the last ones kept. No redirect is followed.

    Only public addresses are fetched, and those that begin with `ours`: where the provider is simulated on this machine.
    """

    def __init__(
        self, ours: str = "", resolve: Resolve | None = None, way: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._ours = f"{ours.rstrip('/')}/" if ours else ""
        self._resolve = resolve or Lookups()
        self._way = way
        self._trust = httpx.create_ssl_context()
        self._kept: OrderedDict[str, File] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def picture(self, url: str) -> File | None:
        if url in self._kept:
            return self._kept[url]
        try:
            async with asyncio.timeout(WITHIN_S), self._turns, self._client(url) as http:
                found = await _download(http, url)
        except (TimeoutError, NotPublic, httpx.HTTPError, httpx.InvalidURL, ValueError):
            return None
        if found is not None:
            self._kept[url] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    def _client(self, url: str) -> httpx.AsyncClient:
        way = self._way or httpx.AsyncHTTPTransport(verify=self._trust)
        if not (self._ours and url.startswith(self._ours)):
            way = PublicOnly(way, self._resolve)
        return httpx.AsyncClient(transport=way, timeout=WITHIN_S, trust_env=False)


async def _download(http: httpx.AsyncClient, url: str) -> File | None:
    request = http.build_request("GET", url, headers=PLAIN)
    async with bounded(http, request, most_bytes=SIZE_LIMIT, within_s=WITHIN_S) as response:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status_code != httpx.codes.OK or not kind.startswith("image/"):
            return None
        return File("picture", kind, await response.aread())
