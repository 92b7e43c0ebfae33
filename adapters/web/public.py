"""A way to the internet and to nowhere else."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

import httpx

from bot.commands.urls import IpAddress, is_public
from bot.errors import NotPublic

Resolve = Callable[[str], Awaitable[Sequence[IpAddress]]]


async def resolved(host: str) -> Sequence[IpAddress]:
    """All addresses of a name, IPv4 first; none when it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    addresses = {ipaddress.ip_address(each[4][0]) for each in found}
    return sorted(addresses, key=lambda address: (address.version, address.packed))


class PublicOnly(httpx.AsyncBaseTransport):
    """Connects to the very address that it has checked, so that no name can lead inside, nor change its mind in between.

    Every hop of a redirect comes through here. Raises `NotPublic`.
    """

    def __init__(self, way: httpx.AsyncBaseTransport, resolve: Resolve = resolved) -> None:
        self._way = way
        self._resolve = resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
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
            raise NotPublic(f"{host} is not on the internet, so AKOOL could not get there.")
        return str(addresses[0])
