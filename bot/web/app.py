"""The service's one web app: health, metrics, and the routes that adapters and the viewer mount."""

import asyncio
import errno
import hmac
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.domain.errors import SettingsError
from bot.ports.chat import HttpMount
from bot.tasks import cancel_and_wait
from bot.telemetry import Metrics
from bot.web.http_limits import BACKLOG, BoundedHttp, BoundedWebSocket, Bounds, OpenConnections
from bot.web.page import not_here
from bot.web.readiness import Readiness, reasons

GRACE_S = 2
"""How long requests and sockets may go on once the server is told to stop. The whole service has 10 s."""

NEARBY = "127.0.0.1,::1"
"""The proxies that are believed where nothing is set: those on this machine."""

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})

CLIENT_LEFT = 499
"""Status in the access log of a request whose sender did not stay for the answer, as nginx writes it."""

SAFE_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
"""For every response that does not set its own."""

log = structlog.get_logger(__name__)
access_log = structlog.get_logger("bot.web.access")


def create_app(
    metrics: Metrics, readiness: Mapping[str, Readiness], mounts: Sequence[HttpMount] = (), metrics_token: str = ""
) -> Starlette:
    """The app. `/healthz` says that the process lives; `/readyz` asks `readiness`, by name; `/metrics` wants the token, or this machine."""
    return Starlette(
        routes=[
            Route("/healthz", _healthz),
            Route("/readyz", _readyz(readiness)),
            Route("/metrics", _metrics(metrics, metrics_token)),
            *mounted(mounts),
        ],
        exception_handlers={404: _not_found},
        middleware=[Middleware(AccessLog), Middleware(SafeHeaders)],
    )


def mounted(mounts: Sequence[HttpMount]) -> Sequence[BaseRoute]:
    """As routes, the longest path first."""
    exact = [Route(mount.path, mount.app) for mount in mounts if mount.exact]
    return [*exact, *(Mount(mount.path, mount.app) for mount in sorted(mounts, key=lambda mount: -len(mount.path)))]


async def _not_found(request: Request, error: Exception) -> Response:
    """A page for whoever looks with a browser, a word for the rest."""
    if "text/html" in request.headers.get("accept", "") and request.method == "GET":
        return not_here()
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, 404)


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("alive\n")


def _readyz(readiness: Mapping[str, Readiness]) -> Callable[[Request], Awaitable[Response]]:
    async def readyz(_request: Request) -> Response:
        found = await reasons(readiness)
        return JSONResponse({"ready": not found, "reasons": found}, 503 if found else 200)

    return readyz


def _metrics(metrics: Metrics, token: str) -> Callable[[Request], Awaitable[Response]]:
    async def expose(request: Request) -> Response:
        if not token and not (_from_this_machine(request) and _to_this_machine(request)):
            return PlainTextResponse("Not Found", 404)
        offered = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(offered.encode(), f"Bearer {token}".encode()):
            return PlainTextResponse("Unauthorized", 401, {"www-authenticate": "Bearer"})
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return expose


def _from_this_machine(request: Request) -> bool:
    return request.client is not None and _is_loopback(request.client.host)


def _to_this_machine(request: Request) -> bool:
    """A page from elsewhere whose name was rebound to this machine, and a proxy that hides who asks, come with another `Host`."""
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    return host == "localhost" or _is_loopback(host.strip("[]"))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class SafeHeaders:
    """Adds `SAFE_HEADERS` to what does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_safely)


class AccessLog:
    """One line per request and per socket: its route as declared, never its path, which can hold a viewer's key."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            status = _status(message) or status
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            status = CLIENT_LEFT
        finally:
            if scope["type"] in {"http", "websocket"}:
                _write_line(scope, status, time.perf_counter() - began)


def _status(message: Message) -> int:
    match message["type"]:
        case "http.response.start" | "websocket.http.response.start":
            return int(message["status"])
        case "websocket.accept":
            return 101
        case _:
            return 0


def _write_line(scope: Scope, status: int, seconds: float) -> None:
    route = _declared(scope)
    write = access_log.debug if route in PROBES else access_log.info
    write(
        "request" if scope["type"] == "http" else "socket",
        method=scope.get("method", "GET"),
        route=route,
        status=status or (500 if scope["type"] == "http" else 403),
        ms=round(seconds * 1000, 1),
    )


def _declared(scope: Scope) -> str:
    """The route that answered, below the path that it is mounted at."""
    route, above = scope.get("route"), scope.get("root_path", "")
    return (above if isinstance(route, Mount) else above + getattr(route, "path", "")) or "(none)"


def listen(host: str, port: int, setting: str = "") -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises `SettingsError` with what to do when it cannot be had.

    `setting` has both in one where they are not in AVATARBOT_HOST and PORT.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(host, port, error, setting) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _cannot_listen(host, port, error, setting) from error
    return listener


def _cannot_listen(host: str, port: int, error: OSError, setting: str) -> SettingsError:
    if setting:
        return SettingsError(
            f"Cannot listen at {host}:{port} ({error.strerror}): set {setting} to another address and port."
        )
    if error.errno == errno.EADDRINUSE:
        return SettingsError(f"Port {port} is taken by another program: stop that one, or set PORT to another number.")
    if error.errno == errno.EACCES:
        return SettingsError(f"Port {port} may only be opened by root: set PORT to a number above 1023.")
    return SettingsError(
        f"Cannot listen at {host}, port {port} ({error.strerror}): set AVATARBOT_HOST to an address of this machine, as 127.0.0.1 or 0.0.0.0."
    )


class _Server(uvicorn.Server):
    """Leaves signals to the service, and tells when it has begun."""

    def __init__(self, config: uvicorn.Config, bounds: Bounds) -> None:
        super().__init__(config)
        self.server_state = OpenConnections(bounds)
        self.began = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.began.set()


@asynccontextmanager
async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    proxies: str = NEARBY,
    bounds: Bounds | None = None,
    draining: asyncio.Event | None = None,
    setting: str = "",
) -> AsyncIterator[int]:
    """Serve within the block and give the port (a free one for 0). At its end, or once `draining` is set, nobody else is let in, open requests
    get `GRACE_S`, and sockets are told 1012.

    `proxies` are believed when they say for whom they ask: addresses and networks, separated by commas. `setting` is that of `listen`.
    Raises `SettingsError` when the port cannot be had.
    """
    bounds = bounds or Bounds()
    listener = listen(host, port, setting)
    config = uvicorn.Config(
        app,
        http=BoundedHttp,  # on httptools: reading a request takes h11, the default, longer than all that we do with it
        ws=BoundedWebSocket,
        ws_max_size=bounds.message_bytes,
        ws_per_message_deflate=False,  # encoded video does not get smaller
        backlog=BACKLOG,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        forwarded_allow_ips=proxies,
        timeout_graceful_shutdown=GRACE_S,
    )
    config.load()  # fails here rather than in a task that never begins
    server = _Server(config, bounds)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="web-server")
    ending = asyncio.create_task(_end(server, draining or asyncio.Event()), name="web-server-drain")
    try:
        await server.began.wait()
        yield int(listener.getsockname()[1])
    finally:
        await cancel_and_wait(ending)
        server.should_exit = True
        await serving


async def _end(server: _Server, draining: asyncio.Event) -> None:
    await draining.wait()
    server.should_exit = True
