"""Files elsewhere on the internet: how large they are, and pictures, fetched by us, so that a page asks nobody but us for anything."""

import asyncio
from collections import OrderedDict

import httpx

from adapters.bounded import PLAIN, bounded
from adapters.web.ssrf_guard import Lookups, PublicOnly, Resolve, trusted
from bot.domain.conversations import File
from bot.domain.errors import NotPublic

WITHIN_S = 4.0
"""For all questions about one file; people wait for the answer."""

REDIRECTS = 3
AT_ONCE = 8

PICTURE_LIMIT = 2 * 1024 * 1024
PICTURES_KEPT = 64
PICTURE_WITHIN_S = 10.0
PICTURES_AT_ONCE = 4


class WebFiles:
    """`PublicFiles` over HTTP: asks for the head of a file, and for its first byte where that says nothing."""

    def __init__(self, resolve: Resolve | None = None, way: httpx.AsyncBaseTransport | None = None) -> None:
        self._resolve = resolve or Lookups()
        self._way = way
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def size(self, url: str) -> int | None:
        try:
            async with asyncio.timeout(WITHIN_S), self._turns, self._client() as http:
                return await _of_head(http, url) or await _of_first_byte(http, url)
        except httpx.RemoteProtocolError as broken:
            raise NotPublic(f"{_host(url)} does not lead to a file on the internet.", str(broken)) from broken
        except (TimeoutError, httpx.HTTPError):
            return None
        except (httpx.InvalidURL, ValueError) as broken:  # also of a redirect: a port or a name that none can be
            raise NotPublic(f"{_host(url)} does not lead to a file on the internet.", str(broken)) from broken

    def _client(self) -> httpx.AsyncClient:
        """A new one for each file, so that no cookie of one place is shown to another."""
        way = PublicOnly(self._way or httpx.AsyncHTTPTransport(verify=trusted()), self._resolve)
        return httpx.AsyncClient(
            transport=way,
            headers={"accept-encoding": "identity"},
            timeout=WITHIN_S,
            follow_redirects=True,
            max_redirects=REDIRECTS,
            trust_env=False,
        )


async def _of_head(http: httpx.AsyncClient, url: str) -> int | None:
    response = await http.head(url)
    return _number(response.headers.get("content-length", "")) if response.is_success else None


async def _of_first_byte(http: httpx.AsyncClient, url: str) -> int | None:
    """A server that knows ranges tells the whole length beside it, one that does not begins to send everything."""
    async with http.stream("GET", url, headers={"range": "bytes=0-0"}) as response:
        if response.status_code == httpx.codes.PARTIAL_CONTENT:
            return _number(response.headers.get("content-range", "").rpartition("/")[2])
        return _number(response.headers.get("content-length", "")) if response.is_success else None


def _number(text: str) -> int | None:
    """Nothing and nonsense count as not told. No file is a quintillion bytes long."""
    return int(text) or None if len(text) <= 18 and text.isdecimal() and text.isascii() else None


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0][:100]


# ---------------------------------------------------------------- pictures


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
        self._kept: OrderedDict[str, File] = OrderedDict()
        self._turns = asyncio.Semaphore(PICTURES_AT_ONCE)

    async def picture(self, url: str) -> File | None:
        if url in self._kept:
            return self._kept[url]
        try:
            async with asyncio.timeout(PICTURE_WITHIN_S), self._turns, self._client(url) as http:
                found = await _download(http, url)
        except (TimeoutError, NotPublic, httpx.HTTPError, httpx.InvalidURL, ValueError):
            return None
        if found is not None:
            self._kept[url] = found
            while len(self._kept) > PICTURES_KEPT:
                self._kept.popitem(last=False)
        return found

    def _client(self, url: str) -> httpx.AsyncClient:
        way = self._way or httpx.AsyncHTTPTransport(verify=trusted())
        if not (self._ours and url.startswith(self._ours)):
            way = PublicOnly(way, self._resolve)
        return httpx.AsyncClient(transport=way, timeout=PICTURE_WITHIN_S, trust_env=False)


async def _download(http: httpx.AsyncClient, url: str) -> File | None:
    request = http.build_request("GET", url, headers=PLAIN)
    async with bounded(http, request, most_bytes=PICTURE_LIMIT, within_s=PICTURE_WITHIN_S) as response:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status_code != httpx.codes.OK or not kind.startswith("image/"):
            return None
        return File("picture", kind, await response.aread())
