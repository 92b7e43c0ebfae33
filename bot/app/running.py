"""What the service that runs here already says of itself: for `avatarbot doctor`, which is a process of its own."""

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
    reasons = await asyncio.to_thread(_reasons, _ANYWHERE.get(settings.host, settings.host), settings.port)
    if reasons is None:
        return []
    if not reasons:
        return [Finding(Level.OK, f"The service runs on port {settings.port} and is ready")]
    return [
        Finding(Level.WARNING, f"The running service is not ready ({name}): {why}") for name, why in reasons.items()
    ]


def _reasons(host: str, port: int) -> dict[str, str] | None:
    connection = http.client.HTTPConnection(host, port, timeout=ASK_WITHIN_S)
    try:
        connection.request("GET", "/readyz")
        answer = json.loads(connection.getresponse().read(100_000))
        return {str(name): str(why) for name, why in answer["reasons"].items()}
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return None  # nobody, or another program
    finally:
        connection.close()
