"""Discord's HTTP interface, and its refusals as the domain's errors. Everything we ask of it goes through `Rest.call`.

discord.py reads the rate headers, waits for buckets, and repeats 429 (with `Via`), 500, 502 and 504. What it does not: keep the
limit for all of a bot, broken connections on Linux, 503, and an end to waiting.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import aiohttp
import discord
from discord.http import HTTPClient, Route

from adapters.discord.limits import calls_of_bot, counted, refused_to_all, watched
from bot.domain.errors import MessageGone, PlaceGone, PlatformError, Throttled
from bot.ports.processes import Budgets, LocalBudgets

# https://docs.discord.com/developers/topics/opcodes-and-status-codes#json-json-error-codes
UNKNOWN_CHANNEL = 10003
UNKNOWN_GUILD = 10004
UNKNOWN_MESSAGE = 10008
UNKNOWN_WEBHOOK = 10015
UNKNOWN_INTERACTION = 10062
OLD_MESSAGE_EDITED_TOO_OFTEN = 30046
THREADS_ARE_OFF_HERE = 50024
MISSING_ACCESS = 50001
CANNOT_WRITE_TO_THEM = 50007
CANNOT_WRITE_HERE = 50008
MISSING_PERMISSIONS = 50013
BAD_INTERACTION_TOKEN = 50027
THREAD_IS_ARCHIVED = 50083
CANNOT_READ_HISTORY = 160002
"""And so it cannot reply to a message."""
THREAD_EXISTS = 160004
THREAD_IS_LOCKED = 160005
TOO_MANY_THREADS = 160006
CLOSED_TO_US = frozenset({CANNOT_WRITE_TO_THEM, 50278})
"""They take no direct messages, or are in no server with us."""
WRITES_TO_TOO_MANY = frozenset({20026, 40003})
"""Quarantined, or opening direct messages too fast: nobody new can be written to directly."""
NO_DIRECT_MESSAGES = CLOSED_TO_US | WRITES_TO_TOO_MANY
"""A direct message did not arrive."""

BLOCKED_BY_AUTOMOD = frozenset({200000, 200001})

BAD_TOKEN = (
    "Discord does not accept DISCORD_TOKEN. Make a new one on discord.com/developers/applications: Bot, Reset Token."  # noqa: S105
)
PERMISSIONS = (
    "I may not write there. I need View Channel, Send Messages, Send Messages in Threads, Create Public Threads, Embed Links, "
    "Attach Files, Add Reactions and Read Message History; an admin can give them to me in the channel's settings."
)

_PLACE_GONE = {
    UNKNOWN_CHANNEL: "That channel is gone.",
    UNKNOWN_GUILD: "I am not in that server any more.",
    MISSING_ACCESS: PERMISSIONS,
    MISSING_PERMISSIONS: PERMISSIONS,
    CANNOT_WRITE_HERE: "Nobody can write in that channel.",
    THREAD_IS_ARCHIVED: "That thread is archived.",
    THREAD_IS_LOCKED: "That thread is locked.",
}
_MESSAGE_GONE = frozenset({UNKNOWN_MESSAGE, OLD_MESSAGE_EDITED_TOO_OFTEN})

NO_MEMBER = frozenset({10007, 10013})
"""Unknown member, unknown user."""

CLOUDFLARE_PAUSE = 60.0
"""Seconds to keep quiet when Cloudflare in front of Discord refuses us without saying for how long."""

TIMEOUT = 30.0
"""Seconds for one call, discord.py's own repetitions, waits for a bucket and for the limit of the whole bot included."""

ANSWER_WITHIN = 3.0
"""Seconds after which Discord forgets an interaction that was not answered."""

PAUSES = (0.5, 1.5, 4.0)
"""Seconds before what may be repeated is tried once more."""

UNREACHABLE = "Discord cannot be reached just now. Please try again."

BROKEN = (aiohttp.ClientError, OSError, discord.DiscordServerError, ValueError, KeyError)
"""What discord.py raises for a connection that broke, and for an answer that is none of Discord's."""

_UNLIMITED = ("/interactions", "/webhooks")
"""Answers to interactions are outside of the limit for all of a bot."""


class DiscordRefused(PlatformError):
    """Discord said no, with a `code` of its own, to something that is not final for the place."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__("Discord did not do that. Please try again.", detail)
        self.code = code


class BucketEmpty(PlatformError):
    """Discord takes this kind of call again in `retry_after` seconds, which is longer than anybody waits for it here. Nothing was done."""

    def __init__(self, call: str, retry_after: float) -> None:
        super().__init__(_later(retry_after), f"{call}: its bucket is empty")
        self.retry_after = retry_after


def refusal(call: str, error: discord.HTTPException) -> PlatformError:
    """The error for what Discord answered to a call."""
    detail = f"{call}: {error.status} {error.code}"
    if error.status == 429 and error.code not in NO_DIRECT_MESSAGES:
        return Throttled(_retry_after(error))
    if error.code in _MESSAGE_GONE:
        return MessageGone("That message cannot be changed any more.", detail)
    if error.code in _PLACE_GONE:
        return PlaceGone(_PLACE_GONE[error.code], detail)
    return DiscordRefused(error.code, detail)


def code_of(error: BaseException) -> int:
    """Discord's code behind a domain error, or 0."""
    if isinstance(error, DiscordRefused):
        return error.code
    cause = error.__cause__
    return cause.code if isinstance(cause, discord.HTTPException) else 0


def _retry_after(error: discord.HTTPException) -> float:
    """What comes without `Via` is from Cloudflare, and discord.py hands it on at once."""
    try:
        return float(error.response.headers["Retry-After"])
    except (KeyError, ValueError):
        return CLOUDFLARE_PAUSE


def _is_of_bot(throttled: Throttled) -> bool:
    """Whether nobody may call: Cloudflare said so, or Discord for all of the bot, not for one route."""
    error = throttled.__cause__
    if isinstance(error, discord.RateLimited):
        return True
    if not isinstance(error, discord.HTTPException):
        return False
    headers = error.response.headers
    return "Via" not in headers or "X-RateLimit-Global" in headers


# ---------------------------------------------------------------- calls


class NotConnected(PlatformError):
    """There is no client just now: nothing was sent."""

    def __init__(self, call: str) -> None:
        super().__init__(UNREACHABLE, f"{call}: not connected")


class Rest:
    """`http` is asked anew for each call: a client that reconnects brings a new one. None while there is no client."""

    def __init__(
        self,
        http: Callable[[], HTTPClient | None],
        budgets: Budgets | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._http = http
        self._calls = calls_of_bot(budgets or LocalBudgets())
        self._pauses = pauses

    async def call(
        self,
        route: Route,
        body: Any = None,
        *,
        files: Sequence[discord.File] = (),
        again: bool = True,
        within: float = TIMEOUT,
    ) -> Any:
        """One call; `again` says that it may be repeated without harm. `within` bounds each attempt, in seconds.

        Raises `Throttled`, `PlaceGone`, `MessageGone` and `PlatformError`, and nothing else.
        """
        arguments = _arguments(body, files)
        pauses = iter(self._pauses)
        budget = None if route.path.startswith(_UNLIMITED) else self._calls
        while True:
            try:
                with counted(budget):
                    return await self._once(route, arguments, within)
            except Throttled as throttled:
                if _is_of_bot(throttled):
                    await self._calls.pause(throttled.retry_after)
                raise
            except NotConnected:
                if (pause := next(pauses, None)) is None:
                    raise
            except BROKEN as error:
                if not again or (pause := next(pauses, None)) is None:
                    raise PlatformError(UNREACHABLE, f"{_name(route)}: {type(error).__name__}") from error
            await asyncio.sleep(pause)

    async def _once(self, route: Route, arguments: dict[str, Any], within: float) -> Any:
        http, call = self._http(), _name(route)
        if http is None:
            raise NotConnected(call)
        for file in arguments.get("files", ()):
            file.reset(seek=True)
        with watched(), _translated(call):
            answer = await _requested(http, route, arguments, within)
        if answer and isinstance(answer, str):
            raise ValueError("an answer that is not JSON")
        return answer


async def _requested(http: HTTPClient, route: Route, arguments: dict[str, Any], within: float) -> Any:
    try:
        async with asyncio.timeout(within):
            return await http.request(route, **arguments)
    except (TimeoutError, asyncio.CancelledError):
        # One that is cut off while it waits out the limit for all of a bot would leave everybody waiting for ever.
        http._global_over.set()  # noqa: SLF001
        raise


@contextlib.contextmanager
def _translated(call: str) -> Iterator[None]:
    """discord.py's errors as ours, but for those after which a call may be repeated."""
    try:
        yield
    except TimeoutError as error:
        raise PlatformError(UNREACHABLE, f"{call}: no answer in time") from error
    except discord.RateLimited as error:
        raise (Throttled(error.retry_after) if refused_to_all() else BucketEmpty(call, error.retry_after)) from error
    except RuntimeError as error:  # "Session is closed"
        raise NotConnected(call) from error
    except discord.DiscordServerError:
        raise
    except discord.HTTPException as error:
        raise refusal(call, error) from error


def _later(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"Discord lets me do that again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


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
