"""Discord's error codes as the domain's errors."""

import discord

from bot.domain.errors import MessageGone, PlaceGone, PlatformError, Throttled

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
NO_DIRECT_MESSAGES = frozenset({20026, 40003, CANNOT_WRITE_TO_THEM, 50278})
"""Quarantined, too many of them, closed to us, no server in common: a direct message did not and will not arrive."""

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


class DiscordRefused(PlatformError):
    """Discord said no, with a `code` of its own, to something that is not final for the place."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__("Discord did not do that. Please try again.", detail)
        self.code = code


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
