"""What the playground serves, and to whom: its page, its pictures and files, and its socket.

Only pages of its own are served, opened by somebody who saw the printed address.
"""

import asyncio
import hashlib
import hmac
import secrets
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.playground.clients import Client
from adapters.playground.image_proxy import ImageUnavailable
from adapters.playground.inbound import PlaygroundInboundHandler
from adapters.playground.protocol import Enter, FromClient, ListValues, decode
from adapters.playground.settings import PlaygroundSettings
from bot.domain.conversations import Inbound
from bot.ports.chat import ChatPlatform, HttpMount
from bot.telemetry import warn_of_outsider
from bot.web.page import NOT_TO_BE_RUN, Static, ended_by, page, text_of

ENTER_WITHIN_S = 5.0
NO_PAGE_OF_OURS = 1008
"""WebSocket close code: policy violation."""

FOLDER = Path(__file__).parent / "page"
KEY_LIMIT = 1_000


class PlaygroundAuth:
    """Checks the Host (a name rebound to our address), the Origin (another site) and the ticket (anybody else)."""

    def __init__(self, settings: PlaygroundSettings) -> None:
        self._base = settings.base_url.rstrip("/")
        self._secret = settings.secret.get_secret_value().encode()
        self._once: set[str] = set()

    def knows_host(self, connection: HTTPConnection) -> bool:
        hosts = {urlsplit(origin).netloc for origin in self._origins(connection)}
        return connection.headers.get("host", "") in hosts

    def knows_origin(self, connection: HTTPConnection) -> bool:
        """Whether a page of ours sent this. Browsers always name the origin of a POST and of a WebSocket."""
        origin = connection.headers.get("origin", "")
        return self.knows_host(connection) and origin in self._origins(connection)

    def opens(self, key: str) -> bool:
        """Whether `key` is the secret of the printed address, or one that opens once."""
        if key in self._once:  # random and gone at its first use, so that its timing tells nobody anything
            self._once.remove(key)
            return True
        return hmac.compare_digest(key.encode(), self._secret)

    def key_for_once(self) -> str:
        """A key for a place where others may read it, such as the arguments of a process."""
        key = secrets.token_urlsafe(16)
        self._once.add(key)
        return key

    def has_ticket(self, connection: HTTPConnection) -> bool:
        held = connection.cookies.get(_cookie(connection), "")
        return hmac.compare_digest(held.encode(), self._ticket.encode())

    def give_ticket(self, connection: HTTPConnection, response: Response) -> None:
        """It outlives a restart, and dies with the secret."""
        secure = self._base.startswith("https:")
        response.set_cookie(
            _cookie(connection), self._ticket, path="/playground", httponly=True, samesite="strict", secure=secure
        )

    @property
    def _ticket(self) -> str:
        return hmac.new(self._secret, b"ticket", hashlib.sha256).hexdigest()

    def _origins(self, connection: HTTPConnection) -> set[str]:
        """Where our own pages come from: this machine under each of its names, and the public address."""
        names = ("localhost", "127.0.0.1", "[::1]")
        local = {f"http://{name}:{_port(connection)}" for name in names}
        return local | {self._base} if self._base else local


def _port(connection: HTTPConnection) -> int:
    """The port that is really listened on, whatever was asked for."""
    _, port = connection.scope["server"]
    return int(port)


def _cookie(connection: HTTPConnection) -> str:
    # Cookies know no ports: two playgrounds on one machine need two names.
    return f"playground-{_port(connection)}"


# ---------------------------------------------------------------- the socket


async def serve_connection(socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform) -> None:
    """Serve one client until it closes."""
    with suppress(WebSocketDisconnect):  # closing a client is how every visit ends
        await socket.accept()
        try:
            await _admit(socket, handler, platform)
        except (ValueError, TimeoutError):
            warn_of_outsider("a client's socket sent what no page of ours sends")
            await socket.close(NO_PAGE_OF_OURS)


async def _admit(socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform) -> None:
    async with asyncio.timeout(ENTER_WITHIN_S):
        enter = await _frame(socket)
    if isinstance(enter, Enter):
        await _serve(socket, handler, platform, enter)


async def _serve(socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform, enter: Enter) -> None:
    client = handler.enter(socket, enter)
    try:
        await _until_it_closes(_Visit(socket, handler, platform, client))
    finally:
        handler.leave(client)


async def _until_it_closes(visit: "_Visit") -> None:
    with ended_by(WebSocketDisconnect, ValueError):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(visit.client.write())
            await visit.read(tasks)


class _Visit:
    def __init__(
        self, socket: WebSocket, handler: PlaygroundInboundHandler, platform: ChatPlatform, client: Client
    ) -> None:
        self._socket = socket
        self._handler = handler
        self._platform = platform
        self.client = client

    async def read(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            frame = await _frame(self._socket)
            match frame:
                case ListValues():
                    tasks.create_task(self._handler.look(self.client, frame))
                case Enter():
                    raise ValueError("entered twice")
                case _:
                    if question := await self._handler.take(self.client, frame):
                        tasks.create_task(self._answer(question))

    async def _answer(self, question: Inbound) -> None:
        assert question.reply_to is not None
        await self._platform.reply(question.reply_to, await self._handler.core.answer(question))


async def _frame(socket: WebSocket) -> FromClient:
    return decode(await text_of(socket))


# ---------------------------------------------------------------- the routes


class PageKey(msgspec.Struct, frozen=True):
    """What the page read from its own address."""

    key: str = ""


def playground_mount(handler: PlaygroundInboundHandler, platform: ChatPlatform, gate: PlaygroundAuth) -> HttpMount:
    """Only what is told to be ours is served: a strange Host gets nothing, a strange Origin no ticket and no socket."""
    served = _Served(handler, platform, gate)
    routes = [
        Route("/", served.home),
        Route("/playground", served.page),
        Route("/playground/enter", served.enter, methods=["POST"]),
        Route("/playground/pictures/{signature}/{url}", served.picture),
        Route("/playground/files/{id}/{name}", served.file),
        WebSocketRoute("/playground/socket", served.socket),
        Mount("/playground/static", Static(FOLDER)),
    ]
    return HttpMount("", Router(routes))


class _Served:
    def __init__(self, handler: PlaygroundInboundHandler, platform: ChatPlatform, gate: PlaygroundAuth) -> None:
        self._handler = handler
        self._platform = platform
        self._gate = gate

    async def home(self, request: Request) -> Response:
        self._require_host(request)
        return RedirectResponse("/playground")

    async def page(self, request: Request) -> Response:
        self._require_host(request)
        return page((FOLDER / "index.html").read_text(), {})

    async def enter(self, request: Request) -> Response:
        """Exchange the secret for a ticket, or say whether the ticket is good."""
        if not self._gate.knows_origin(request):
            raise HTTPException(403)
        if self._gate.has_ticket(request):
            return Response(status_code=204)
        if not self._gate.opens(await _key(request)):
            raise HTTPException(403)
        response = Response(status_code=204)
        self._gate.give_ticket(request, response)
        return response

    async def picture(self, request: Request) -> Response:
        self._require_ticket(request)
        try:
            found = await self._handler.pictures.fetch(request.path_params["signature"], request.path_params["url"])
        except ImageUnavailable:
            raise HTTPException(404) from None
        headers = {"content-security-policy": NOT_TO_BE_RUN, "cache-control": "private, max-age=86400"}
        return Response(found.content, media_type=found.mime, headers=headers)

    async def file(self, request: Request) -> Response:
        self._require_ticket(request)
        file = self._handler.store.file(request.path_params["id"])
        if file is None:
            raise HTTPException(404)
        headers = {"content-disposition": "attachment", "content-security-policy": NOT_TO_BE_RUN}
        return Response(file.content, media_type=file.mime, headers=headers)

    async def socket(self, socket: WebSocket) -> None:
        if self._gate.knows_origin(socket) and self._gate.has_ticket(socket):
            await serve_connection(socket, self._handler, self._platform)
        else:
            await socket.close()  # before it is accepted: an HTTP 403

    def _require_host(self, request: Request) -> None:
        if not self._gate.knows_host(request):
            raise HTTPException(421)

    def _require_ticket(self, request: Request) -> None:
        self._require_host(request)
        if not self._gate.has_ticket(request):
            raise HTTPException(403)


async def _key(request: Request) -> str:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > KEY_LIMIT:
            raise HTTPException(413)
    try:
        return msgspec.json.decode(bytes(body), type=PageKey).key
    except msgspec.DecodeError:
        raise HTTPException(400) from None
