"""What a part serves over HTTP: an ASGI application of its own under a path of the service."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Awaitable[None]]
"""https://asgi.readthedocs.io/en/latest/specs/main.html"""


@dataclass(frozen=True, slots=True)
class HttpMount:
    """Everything below `path` (`/chat`) goes to `app`; `""` is all that no longer path takes."""

    path: str
    app: AsgiApp
