"""What the viewer serves under `/v`: its page, the socket, the transcript, the avatar's portrait. A GET has no effect.

A link is `/v/#<secret>`. The secret never stands in a path: it comes in the socket's first frame, or as a bearer token.
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router, WebSocketRoute

from bot.clock import Clock
from bot.commands.policy import Policy
from bot.domain.conversations import File
from bot.media.events import SessionEvents
from bot.ports.chat import CoreApi, HttpMount
from bot.ports.grants import Grant, Grants
from bot.ports.web import Pictures
from bot.web.page import NOT_TO_BE_RUN, STATIC_PAGE, Static
from bot.web.viewer.archive import FORMATS, Archive
from bot.web.viewer.presence import Presence
from bot.web.viewer.socket import ViewerSockets

FOLDER = Path(__file__).parent / "static"
BEARER = "Bearer "


def viewer_mount(  # noqa: PLR0917
    grants: Grants,
    events: SessionEvents,
    core: CoreApi,
    archive: Archive,
    clock: Clock,
    policy: Policy,
    pictures: Pictures | None = None,
    audiences: Presence | None = None,
) -> HttpMount:
    """The page is the same for everybody; without a good link it shows nothing, and its files are 401."""
    files = _Files(grants, archive, clock, pictures)
    sockets = ViewerSockets(grants, events, core, archive, clock, policy, audiences or Presence())
    static = Static(FOLDER)

    async def page(request: Request) -> Response:
        response = await static.get_response("viewer.html", request.scope)
        response.headers.update(STATIC_PAGE | {"permissions-policy": "camera=(), microphone=(self), geolocation=()"})
        return response

    served = Router(
        [
            WebSocketRoute("/socket", sockets.serve),
            Mount("/static", static),
            Route("/", page),
            Route("/portrait", files.portrait),
            Route("/transcript.{format}", files.transcript),
        ]
    )
    return HttpMount("/v", served)


class _Files:
    """What whoever has a link may fetch beside the socket."""

    def __init__(self, grants: Grants, archive: Archive, clock: Clock, pictures: Pictures | None) -> None:
        self._grants = grants
        self._archive = archive
        self._clock = clock
        self._pictures = pictures

    async def transcript(self, request: Request) -> Response:
        grant = await self._grant(request)
        if grant is None:
            return _without_link()
        wanted = request.path_params["format"]
        file = await self._archive.export(grant.session_id, wanted) if wanted in FORMATS else None
        if file is None:
            return PlainTextResponse("Nothing of this talk is kept in that form.", 404)
        headers = {"content-disposition": f'attachment; filename="transcript.{wanted}"'}
        return Response(file.content, media_type=file.mime, headers=headers)

    async def portrait(self, request: Request) -> Response:
        grant = await self._grant(request)
        if grant is None:
            return _without_link()
        picture = await self._picture_of(grant.session_id)
        if picture is None:
            return Response(status_code=204)  # not 404, which browsers complain of
        headers = {"content-security-policy": NOT_TO_BE_RUN, "cache-control": "private, max-age=3600"}
        return Response(picture.content, media_type=picture.mime, headers=headers)

    async def _picture_of(self, session_id: str) -> File | None:
        view = await self._archive.view(session_id)
        if view is None or not view.picture or self._pictures is None:
            return None
        return await self._pictures.picture(view.picture)

    async def _grant(self, request: Request) -> Grant | None:
        offered = request.headers.get("authorization", "")
        if not offered.startswith(BEARER) or len(offered) > len(BEARER) + 64:
            return None
        grant = await self._grants.find(offered.removeprefix(BEARER))
        return None if grant is None or grant.expired_at(self._clock.now()) else grant


def _without_link() -> Response:
    return PlainTextResponse("This needs a link that still holds.", 401, {"www-authenticate": "Bearer"})
