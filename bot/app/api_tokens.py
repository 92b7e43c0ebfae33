"""`avatarbot tokens`: who may use the HTTP API."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.app.operations import in_columns
from bot.clock import SystemClock
from bot.commands.parser import did_you_mean, listed
from bot.domain.api_tokens import ANY_CHANNEL, NAME, ApiToken, digest_of, new_secret
from bot.domain.conversations import ConversationRef, place_named
from bot.domain.errors import AvatarbotError
from bot.ports.storage import Storage

COMMANDS = (
    "say",
    "start",
    "stop",
    "interrupt",
    "set",
    "act",
    "extend",
    "sessions",
    "transcript",
    "usage",
    "avatars",
    "events",
)
"""What a token can be for."""

LONGEST = timedelta(days=3650)
MOST_PLACES = 50

COLUMNS = ("NAME", "PLACES", "COMMANDS", "MINUTES A DAY", "EXPIRES (UTC)")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token as an operator asks for it, not checked yet."""

    name: str
    places: Sequence[str]
    commands: Sequence[str]
    minutes_per_day: int
    expires: str


async def create(storage: Storage, request: TokenRequest, platforms: Collection[str]) -> str:
    """Make a token; what is returned is the only time it can be seen. Raises `AvatarbotError`."""
    now, secret = SystemClock().now(), new_secret()
    token = read(request, platforms, now)
    if not await storage.tokens.add(digest_of(secret), token):
        raise AvatarbotError(
            f"There is a token “{token.name}” already: revoke it first, `avatarbot tokens revoke {token.name}`."
        )
    return secret


def read(request: TokenRequest, platforms: Collection[str], now: datetime) -> ApiToken:
    """The token that was asked for. Raises `AvatarbotError` for what makes no sense."""
    if not NAME.fullmatch(request.name):
        raise AvatarbotError("A name has 1 to 40 small letters, digits, dots and hyphens, as in release-bot.")
    places = tuple(dict.fromkeys(named_place(name, platforms) for name in words_of(request.places)))
    commands = tuple(dict.fromkeys(_command(name) for name in words_of(request.commands)))
    if not places or len(places) > MOST_PLACES:
        raise AvatarbotError(f"Name 1 to {MOST_PLACES} places, as in --places slack/T0123456/C0123456.")
    if not commands:
        raise AvatarbotError(f"Name what it is for with --verbs: {listed(COMMANDS)}.")
    return ApiToken(request.name, places, commands, request.minutes_per_day, now, _expiry(request.expires, now))


def words_of(given: Sequence[str]) -> list[str]:
    """What was typed once or several times, and in lists."""
    return [word for text in given for word in text.replace(",", " ").split()]


def named_place(name: str, platforms: Collection[str]) -> ConversationRef:
    """The place that was typed. Raises `AvatarbotError` for what is none."""
    place = place_named(name)
    if place is None or (place.channel_id == ANY_CHANNEL and place.thread_id):
        raise AvatarbotError(
            f"“{name}” is no place. A channel is written as slack/T0123456/C0123456, a thread with its id behind a further slash, "
            "and all public channels of a workspace as slack/T0123456/*."
        )
    if place.platform not in platforms:
        hint = did_you_mean(place.platform, sorted(platforms))
        raise AvatarbotError(f"There is no platform “{place.platform}”.{hint}")
    return place


def _command(name: str) -> str:
    if name not in COMMANDS:
        raise AvatarbotError(f"A token is for {listed(COMMANDS)}, not for “{name}”.{did_you_mean(name, COMMANDS)}")
    return name


def _expiry(text: str, now: datetime) -> datetime | None:
    """A day (`2027-01-31`, to its end), a time from now (`90d`), or `never`."""
    if text == "never":
        return None
    try:
        days = timedelta(days=int(text.removesuffix("d"))) if text.endswith("d") else None
        moment = now + days if days else datetime.fromisoformat(f"{text}T00:00:00+00:00") + timedelta(days=1)
    except (ValueError, OverflowError):
        raise AvatarbotError("--expires takes a day as 2027-01-31, a time from now as 90d, or never.") from None
    if not now < moment <= now + LONGEST:
        raise AvatarbotError(f"--expires has to be in the future, and at most {LONGEST.days} days ahead.")
    return moment


async def listing(storage: Storage) -> str:
    """All tokens, in columns; none shows its secret, which nobody has."""
    tokens = await storage.tokens.everything()
    if not tokens:
        return "There are no tokens, so the HTTP API is off."
    return in_columns(COLUMNS, map(_row, tokens))


def _row(token: ApiToken) -> tuple[str, ...]:
    expires = f"{token.expires_at:%Y-%m-%d %H:%M}" if token.expires_at else "never"
    places, commands = ",".join(map(str, token.places)), ",".join(token.commands)
    return token.name, places, commands, str(token.minutes_per_day), expires


async def revoke(storage: Storage, name: str) -> str:
    """Take a token back. Raises `AvatarbotError` where there is none of that name."""
    if not await storage.tokens.revoke(name):
        raise AvatarbotError(f"There is no token “{name}”; `avatarbot tokens list` shows those there are.")
    return f"Token {name} is revoked. A session that it pays for ends when it would be renewed."
