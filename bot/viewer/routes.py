"""What the viewer serves under `/v`: the page of a link, its socket, its transcript. A GET has no effect."""

from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from bot.ports.chat import Reception
from bot.ports.clock import Clock
from bot.session.feed import Feed
from bot.viewer.archive import FORMATS, Archive
from bot.viewer.grants import Grant, Grants
from bot.viewer.page import Static, page
from bot.viewer.socket import ViewerSockets

FOLDER = Path(__file__).parent / "static"


def viewer_routes(
    grants: Grants, feed: Feed, reception: Reception, archive: Archive, clock: Clock
) -> Sequence[BaseRoute]:
    """404 for a link that never existed, 410 for one whose time is over, the page for any other."""
    pages = _Pages(grants, archive, clock)
    sockets = ViewerSockets(grants, feed, reception, archive, clock)
    return [
        WebSocketRoute("/v/socket", sockets.serve),
        Mount("/v/static", Static(FOLDER)),
        Route("/v/{grant}", pages.viewer),
        Route("/v/{grant}/transcript.{format}", pages.transcript),
    ]


class _Pages:
    def __init__(self, grants: Grants, archive: Archive, clock: Clock) -> None:
        self._grants = grants
        self._archive = archive
        self._clock = clock

    async def viewer(self, request: Request) -> Response:
        grant = await self._found(request)
        if not isinstance(grant, Grant):
            return grant
        return page((FOLDER / "viewer.html").read_text(), {})

    async def transcript(self, request: Request) -> Response:
        grant = await self._found(request)
        if not isinstance(grant, Grant):
            return grant
        wanted = request.path_params["format"]
        file = await self._archive.export(grant.session_id, wanted) if wanted in FORMATS else None
        if file is None:
            return _sorry(404, "No transcript", "Nothing of this talk is kept in that form.")
        headers = {"content-disposition": f'attachment; filename="transcript.{wanted}"'}
        return Response(file.content, media_type=file.mime, headers=headers)

    async def _found(self, request: Request) -> Grant | Response:
        grant = await self._grants.find(request.path_params["grant"])
        if grant is None:
            return _sorry(404, "No such link", "Nobody is here. Check the address, or press Watch in your channel.")
        if grant.expired_at(self._clock.now()):
            return _sorry(410, "This link has expired", "Press Watch in your channel to get a new one.")
        return grant


def _sorry(status: int, title: str, advice: str) -> Response:
    template = (FOLDER / "sorry.html").read_text()
    return page(template, {"title": title, "advice": advice, "status": str(status)}, status=status)
