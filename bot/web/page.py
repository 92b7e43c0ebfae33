"""Pages of ours: what surrounds them in headers, and what is around their words."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

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
