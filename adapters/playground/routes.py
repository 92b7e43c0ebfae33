"""What the playground serves: its page, its socket, its pictures and files."""

from pathlib import Path

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

from adapters.playground.auth import PlaygroundAuth
from adapters.playground.connection import serve_connection
from adapters.playground.handler import PlaygroundInboundHandler
from adapters.playground.image_proxy import ImageUnavailable
from bot.ports.chat import ChatPlatform, HttpMount
from bot.web.page import NOT_TO_BE_RUN, Static, page

FOLDER = Path(__file__).parent / "page"
KEY_LIMIT = 1_000


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
