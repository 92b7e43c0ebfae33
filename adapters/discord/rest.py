"""Discord's HTTP interface. Everything we ask of it goes through `Rest.call`.

discord.py reads the rate headers, waits for buckets, and repeats 429 (with `Via`), 500, 502 and 504. What it does not: keep the
limit for all of a bot, broken connections on Linux, 503, and an end to waiting.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import discord
from discord.http import HTTPClient, Route

from adapters.discord.refusals import refusal
from adapters.discord.throughput import Throughput
from bot.errors import PlatformError

TIMEOUT = 30.0
"""Seconds for one call, discord.py's own repetitions and waits for a bucket included."""

ANSWER_WITHIN = 3.0
"""Seconds after which Discord forgets an interaction that was not answered."""

PAUSES = (0.5, 1.5, 4.0)
"""Seconds before what may be repeated is tried once more."""

UNREACHABLE = "Discord cannot be reached just now."


_UNLIMITED = ("/interactions", "/webhooks")
"""Answers to interactions are outside of the limit for all of a bot."""


class Rest:
    """`http` is asked anew for each call: a client that reconnects brings a new one. None while there is no client."""

    def __init__(self, http: Callable[[], HTTPClient | None], throughput: Throughput | None = None) -> None:
        self._http = http
        self._throughput = throughput or Throughput()

    async def call(
        self,
        route: Route,
        body: Any = None,
        *,
        files: Sequence[discord.File] = (),
        again: bool = True,
        within: float = TIMEOUT,
    ) -> Any:
        """One call; `again` says that it may be repeated without harm.

        Raises `Throttled`, `PlaceGone`, `MessageGone` and `PlatformError`.
        """
        arguments = _arguments(body, files)
        pauses = iter(PAUSES if again else ())
        while True:
            if not route.path.startswith(_UNLIMITED):
                await self._throughput.turn()
            try:
                return await self._once(route, arguments, within)
            except (aiohttp.ClientConnectionError, ConnectionError, discord.DiscordServerError) as error:
                pause = next(pauses, None)
                if pause is None:
                    raise PlatformError(UNREACHABLE, f"{_name(route)}: {type(error).__name__}") from error
            await asyncio.sleep(pause)

    async def _once(self, route: Route, arguments: dict[str, Any], within: float) -> Any:
        http, call = self._http(), _name(route)
        if http is None:
            raise PlatformError(UNREACHABLE, f"{call}: not connected")
        for file in arguments.get("files", ()):
            file.reset(seek=True)
        try:
            async with asyncio.timeout(within):
                return await http.request(route, **arguments)
        except TimeoutError as error:
            raise PlatformError(UNREACHABLE, f"{call}: no answer within {within:g} s") from error
        except discord.RateLimited as error:
            raise PlatformError(UNREACHABLE, f"{call}: its bucket is empty for {error.retry_after:g} s") from error
        except discord.DiscordServerError:
            raise
        except discord.HTTPException as error:
            raise refusal(call, error) from error


def _name(route: Route) -> str:
    """For the log: without ids and tokens."""
    return f"{route.method} {route.path}"


def _arguments(body: Any, files: Sequence[discord.File]) -> dict[str, Any]:
    if not files:
        return {} if body is None else {"json": body}
    attachments = [{**file.to_dict(index), "id": str(index)} for index, file in enumerate(files)]
    payload = json.dumps({**body, "attachments": attachments})
    form: list[dict[str, Any]] = [{"name": "payload_json", "value": payload, "content_type": "application/json"}]
    form += [
        {
            "name": f"files[{index}]",
            "value": file.fp,
            "filename": file.filename,
            "content_type": "application/octet-stream",
        }
        for index, file in enumerate(files)
    ]
    return {"form": form, "files": list(files)}
