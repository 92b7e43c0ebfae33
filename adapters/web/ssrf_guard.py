"""A way to the internet and to nowhere else."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

import httpx

from bot.commands.urls import IpAddress, fault, is_public
from bot.domain.errors import NotPublic

Resolve = Callable[[str], Awaitable[Sequence[IpAddress]]]

AT_ONCE = 2
"""Names that are looked up at the same time."""


@cache
def trusted() -> ssl.SSLContext:
    """Whom connections of this process believe. Reading the certificates takes 20 ms."""
    return httpx.create_ssl_context()


class Lookups:
    """All addresses of a name, IPv4 first; none when it has none.

    Strangers choose the names, and a slow one holds a thread for half a minute: at most two threads, which nothing else uses and
    nothing waits for at the end.
    """

    def __init__(self, at_once: int = AT_ONCE, resolve: Callable[[str], Sequence[IpAddress]] | None = None) -> None:
        self._resolve = resolve or addresses_of
        self._turns = asyncio.Semaphore(at_once)

    async def __call__(self, host: str) -> Sequence[IpAddress]:
        await self._turns.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[IpAddress]] = loop.create_future()

        def done(found: Sequence[IpAddress]) -> None:
            self._turns.release()
            if not answer.done():
                answer.set_result(found)

        def look() -> None:
            found = self._resolve(host)
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done, found)

        threading.Thread(target=look, name="lookup", daemon=True).start()
        return await answer


def addresses_of(host: str) -> Sequence[IpAddress]:
    """As the machine resolves names; blocks. A name that none can be asked for has no address."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    addresses = {ipaddress.ip_address(each[4][0]) for each in found}
    return sorted(addresses, key=lambda address: (address.version, address.packed))


class PublicOnly(httpx.AsyncBaseTransport):
    """Connects to the very address that it has checked, so that no name can lead inside, nor change its mind in between.

    Every hop of a redirect comes through here. Raises `NotPublic`.
    """

    def __init__(self, way: httpx.AsyncBaseTransport, resolve: Resolve) -> None:
        self._way = way
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if fault(str(request.url)):
            raise _elsewhere(host)
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=await self._address(host)),
            headers=request.headers,  # `Host` is still the name
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": host},
        )
        return await self._way.handle_async_request(pinned)

    async def aclose(self) -> None:
        await self._way.aclose()

    async def _address(self, host: str) -> str:
        addresses = await self._resolve(host)
        if not addresses:
            raise httpx.ConnectError(f"{host} has no address")
        if not all(map(is_public, addresses)):
            raise _elsewhere(host)
        return str(addresses[0])


def _elsewhere(host: str) -> NotPublic:
    return NotPublic(f"{host or 'That'} is not on the internet, so AKOOL could not get there.")
