"""What the service that runs here already says of itself: for `avatarbot doctor` and `avatarbot healthy`, processes of their own."""

import asyncio
import http.client
import json
from collections.abc import Sequence

from bot.ports.plugin import Finding, Level
from bot.settings import Settings

ASK_WITHIN_S = 4.0
"""A readiness check of the service takes at most 2 s."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, never listened at


async def running(settings: Settings) -> Sequence[Finding]:
    """Nothing where no service of ours answers at the port; else that it runs, and one finding for each reason it is not ready."""
    found = await asyncio.to_thread(reasons, settings)
    if found is None:
        return []
    if not found:
        return [Finding(Level.OK, f"The service runs on port {settings.port} and is ready")]
    return [Finding(Level.WARNING, f"The running service is not ready ({name}): {why}") for name, why in found.items()]


def healthy(settings: Settings) -> bool:
    """Whether the service here answers as one that works: what it is not ready for, a platform that is away, is no reason to end it."""
    connection = connection_to(settings)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def connection_to(settings: Settings) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(_ANYWHERE.get(settings.host, settings.host), settings.port, timeout=ASK_WITHIN_S)


def reasons(settings: Settings) -> dict[str, str] | None:
    connection = connection_to(settings)
    try:
        connection.request("GET", "/readyz")
        answer = json.loads(connection.getresponse().read(100_000))
        return {str(name): str(why) for name, why in answer["reasons"].items()}
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return None  # nobody, or another program
    finally:
        connection.close()
