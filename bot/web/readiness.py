"""Whether this process is ready, by what it needs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot.domain.errors import AvatarbotError

Readiness = Callable[[], Awaitable[None]]
"""Returns when all is well; raises `AvatarbotError`, whose sentence says why it is not."""

READINESS_S = 2.0
"""What has not answered by then is not ready."""

log = structlog.get_logger(__name__)


async def reasons(readiness: Mapping[str, Readiness]) -> dict[str, str]:
    """Why it is not, by name; nothing where it is."""
    answers = await asyncio.gather(*(_why_not(name, check) for name, check in readiness.items()))
    return {name: why for name, why in zip(readiness, answers, strict=True) if why}


async def _why_not(name: str, check: Readiness) -> str:
    try:
        async with asyncio.timeout(READINESS_S):
            await check()
    except AvatarbotError as error:
        return error.sentence
    except TimeoutError:
        return f"No answer within {READINESS_S:g} s."
    except Exception:
        log.exception("a readiness check broke", check=name)
        return "The check itself failed; the log says why."
    return ""
