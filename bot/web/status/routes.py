"""What operators are served under `/status`: a page that is the same for everybody, and what it shows for who has the token.

Its address is `/status/#<token>`: the token never stands in a path or a query, and is sent as a bearer token.
"""

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

from bot.domain.errors import StoreUnavailable
from bot.ports.chat import HttpMount
from bot.queries.overview import Overview
from bot.web.page import STATIC_PAGE, Static
from bot.web.status.process import ProcessStatus

FOLDER = Path(__file__).parent / "static"
BEARER = "Bearer "
LONGEST = 512
"""Characters of a token that is looked at."""


class OperatorStatus(msgspec.Struct, frozen=True):
    """`service` is of all processes, None while the database is away; `process` is of the one that was asked."""

    service: Overview | None
    process: ProcessStatus


def status_mount(
    token: str, ask: Callable[[], Awaitable[Overview]], own: Callable[[], Awaitable[ProcessStatus]]
) -> HttpMount:
    """Read only: whatever else is asked for is not there."""
    static = Static(FOLDER)

    async def page(request: Request) -> Response:
        response = await static.get_response("status.html", request.scope)
        response.headers.update(STATIC_PAGE)
        return response

    async def now(request: Request) -> Response:
        offered = request.headers.get("authorization", "")[: LONGEST + len(BEARER)]
        if not hmac.compare_digest(offered.encode(), f"{BEARER}{token}".encode()):
            return PlainTextResponse("Not Found", 404)
        return Response(msgspec.json.encode(await _status(ask, own)), media_type="application/json")

    return HttpMount("/status", Router([Route("/", page), Route("/now", now), Mount("/static", static)]))


async def _status(
    ask: Callable[[], Awaitable[Overview]], own: Callable[[], Awaitable[ProcessStatus]]
) -> OperatorStatus:
    try:
        service = await ask()
    except StoreUnavailable:
        service = None  # why stands among the reasons of the process
    return OperatorStatus(service, await own())
