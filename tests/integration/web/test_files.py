"""How large a file on the internet is, and that nobody gets inside by asking."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import httpx
import pytest
import trustme
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from adapters.web.files import REDIRECTS, WebFiles
from adapters.web.ssrf_guard import AT_ONCE, Lookups
from bot.commands.urls import IpAddress
from bot.domain.errors import NotPublic
from tests.patience import HANG_S

CONTENT = b"x" * 1_234
PUBLIC = "93.184.216.34"


async def whole(request: Request) -> Response:
    """Knows HEAD."""
    return Response(CONTENT)


async def ranged(request: Request) -> Response:
    """Knows ranges, and no HEAD."""
    if request.method == "HEAD":
        return PlainTextResponse("no", 405)
    assert request.headers["range"] == "bytes=0-0"
    return Response(CONTENT[:1], 206, {"content-range": f"bytes 0-0/{len(CONTENT)}"})


async def plain(request: Request) -> Response:
    """Knows neither."""
    return Response(CONTENT) if request.method == "GET" else PlainTextResponse("no", 403)


async def silent(request: Request) -> Response:
    while not await request.is_disconnected():
        await asyncio.sleep(0.05)
    return Response(CONTENT)


async def missing(request: Request) -> Response:
    return PlainTextResponse("no such file", 404)


async def moved(request: Request) -> Response:
    return RedirectResponse(request.query_params["to"])


async def around(request: Request) -> Response:
    return RedirectResponse("/around")


async def endless(request: Request) -> Response:
    return Response(headers={"content-range": f"bytes 0-0/{'9' * 5_000}"}, status_code=206)


PATHS = (endless, whole, ranged, plain, silent, missing, moved, around)
APP = Starlette(routes=[Route(f"/{path.__name__}", path, methods=["GET", "HEAD"]) for path in PATHS])


class Internet(httpx.AsyncBaseTransport):
    """All of it is one server on loopback; `went` is where connections were wanted to."""

    def __init__(self, port: int, trust: ssl.SSLContext | bool) -> None:
        self.went: list[str] = []
        self._port = port
        self._way = httpx.AsyncHTTPTransport(verify=trust)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.went.append(request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await self._way.handle_async_request(request)

    async def aclose(self) -> None:
        await self._way.aclose()


NAMES = {
    "files.example": [PUBLIC],
    "inside.example": ["10.0.0.7"],
    "both.example": [PUBLIC, "127.0.0.1"],
    "mapped.example": ["::ffff:169.254.169.254"],
    "nowhere.example": [],
}


async def names(host: str) -> Sequence[IpAddress]:
    with contextlib.suppress(ValueError):
        return [ipaddress.ip_address(host)]
    return [ipaddress.ip_address(each) for each in NAMES[host]]


@contextlib.asynccontextmanager
async def on_the_internet(certificate: trustme.LeafCert | None = None) -> AsyncIterator[int]:
    config = uvicorn.Config(APP, port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    config.load()
    if certificate:
        config.ssl = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(config.ssl)
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listening.close()


async def size(url: str) -> int | None:
    async with on_the_internet() as port:
        return await WebFiles(names, Internet(port, trust=False)).size(url)


@pytest.mark.parametrize("path", ["whole", "ranged", "plain", "moved?to=/ranged"])
async def test_a_size_is_found_whatever_the_server_knows(path: str) -> None:
    assert await size(f"http://files.example/{path}") == len(CONTENT)


@pytest.mark.parametrize("url", ["http://files.example/missing", "http://nowhere.example/a.pdf"])
async def test_what_nobody_tells_is_not_known(url: str) -> None:
    assert await size(url) is None


async def test_going_round_in_circles_ends() -> None:
    async with on_the_internet() as port:
        internet = Internet(port, trust=False)
        assert await WebFiles(names, internet).size("http://files.example/around") is None
    assert len(internet.went) <= REDIRECTS + 1


async def test_a_silent_server_is_not_waited_for() -> None:
    async with on_the_internet() as port, asyncio.timeout(HANG_S):
        assert await WebFiles(names, Internet(port, trust=False)).size("http://files.example/silent") is None


@pytest.mark.parametrize(
    "url",
    [
        "http://inside.example/a.pdf",
        "http://both.example/a.pdf",
        "http://mapped.example/a.pdf",
        "http://127.0.0.1/a.pdf",
        "http://[::1]/a.pdf",
        "http://files.example/moved?to=http://inside.example/a.pdf",
        "http://files.example/moved?to=http://169.254.169.254/latest/meta-data",
    ],
)
async def test_nothing_leads_inside(url: str) -> None:
    async with on_the_internet() as port:
        internet = Internet(port, trust=False)
        with pytest.raises(NotPublic):
            await WebFiles(names, internet).size(url)
    assert set(internet.went) <= {PUBLIC}


async def test_the_name_is_what_a_certificate_must_be_for() -> None:
    authority = trustme.CA()
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with on_the_internet(authority.issue_cert("files.example")) as port:
        assert await WebFiles(names, Internet(port, trust)).size("https://files.example/whole") == len(CONTENT)
    async with on_the_internet(authority.issue_cert("other.example")) as port:
        assert await WebFiles(names, Internet(port, trust)).size("https://files.example/whole") is None


async def test_names_are_looked_up_as_the_machine_does() -> None:
    look_up = Lookups()
    assert ipaddress.ip_address("127.0.0.1") in await look_up("localhost")
    assert await look_up("no-such-name.invalid") == []
    assert await look_up("a" * 300 + ".example") == []


async def test_slow_names_take_no_thread_of_anybody_else() -> None:
    answered = threading.Event()

    def slowly(_: str) -> list[IpAddress]:
        answered.wait(HANG_S)
        return []

    look_up = Lookups(resolve=slowly)
    before = threading.active_count()
    slow = [asyncio.create_task(look_up(f"slow{n}.example")) for n in range(40)]
    try:
        async with asyncio.timeout(HANG_S):
            await asyncio.sleep(0)
            assert await asyncio.to_thread(lambda: "done") == "done"
        looking = [thread for thread in threading.enumerate() if thread.name == "lookup"]
        assert len(looking) == AT_ONCE
        assert threading.active_count() <= before + AT_ONCE + 1
    finally:
        answered.set()
        await asyncio.gather(*slow)


@pytest.mark.parametrize(
    "to",
    [
        "http://[::1",
        "http://files.example:99999999/",
        "http://files.example:x/",
        "gopher://a/",
        "http://\x7f/",
    ],
)
async def test_a_redirect_to_nowhere_is_not_public(to: str) -> None:
    with pytest.raises(NotPublic, match="internet"):
        await size(f"http://files.example/moved?to={quote(to)}")


async def test_a_length_that_no_file_has_is_not_told() -> None:
    assert await size("http://files.example/endless") is None
