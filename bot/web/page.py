"""Pages of ours: their headers and frame, and what comes in over their WebSockets."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

POLICY = Template(
    "default-src 'none'; script-src 'nonce-$nonce' 'strict-dynamic'; style-src 'nonce-$nonce'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Nothing from anywhere else, nothing inline that we did not put there. A module's nonce covers what it imports; an audio worklet
carries none, and 'strict-dynamic' lets a module of ours fetch it."""


def page(template: str, values: Mapping[str, str], *, status: int = 200) -> HTMLResponse:
    """A page of ours. `values` go into the template as they are: they must be words of ours, never of anybody else's."""
    nonce = secrets.token_urlsafe(16)
    html = Template(template).substitute(values, nonce=nonce)
    headers = {
        "content-security-policy": POLICY.substitute(nonce=nonce),
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=()",
        "cache-control": "no-store",
    }
    return HTMLResponse(html, status, headers)


STATIC_PAGE = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""Headers of a page that holds nothing of anybody's, so that it may be cached: all that runs in it are files of ours."""

NOT_TO_BE_RUN = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The policy of what came from elsewhere, an SVG above all: it may be looked at."""


_NOT_HERE = (Path(__file__).parent / "viewer" / "static" / "sorry.html").read_text()


def not_here() -> HTMLResponse:
    """The page of an address where nothing is."""
    return page(_NOT_HERE, {}, status=404)


class Static(StaticFiles):
    """Files of a page, asked for again each time and mostly answered with 304, so that an update is never half old."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


async def text_of(socket: WebSocket) -> str:
    """The next message, after everybody else had a turn: thousands may be here already.

    Raises `ValueError` for a binary one, and `WebSocketDisconnect`.
    """
    message = await message_of(socket)
    if isinstance(message, bytes):
        raise ValueError("a binary message")  # noqa: TRY004 - of what somebody sent, not of ours
    return message


async def message_of(socket: WebSocket) -> str | bytes:
    """The next message, text or binary, after everybody else had a turn. Raises `WebSocketDisconnect`."""
    await asyncio.sleep(0)
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
    text: str | None = message.get("text")
    data: bytes = message.get("bytes") or b""
    return data if text is None else text


@contextmanager
def ended_by(*kinds: type[Exception]) -> Iterator[None]:
    """Around a task group that ends by what its tasks raise: of several at once, the first of these kinds, by itself.

    What is none of them leaves as the group that it came in.
    """
    ends: list[Exception] = []
    try:
        yield
    except* kinds as group:
        ends = list(_leaves(group))
    for kind in kinds:
        for end in ends:
            if isinstance(end, kind):
                raise end from None


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for error in group.exceptions:
        if isinstance(error, ExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
