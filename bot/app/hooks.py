"""`avatarbot hooks`: which URLs are told what happens."""

import base64
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.app.api_tokens import named_place, words_of
from bot.app.operations import in_columns
from bot.clock import SystemClock, new_id
from bot.commands.parser import did_you_mean, listed
from bot.commands.urls import fault
from bot.domain.errors import AvatarbotError
from bot.domain.hook_events import EventType, PlaceScope
from bot.ports.storage import Storage
from bot.ports.storage.hooks import HookDelivery, HookRecord

MOST_HOOKS = 20
MOST_SHOWN = 100
LONGEST_URL = 2_000

WITHOUT_WORDS = tuple(kind for kind in EventType if not kind.has_words)
ALL = "all"

SECRET_BYTES = 24
"""Standard Webhooks asks for 24 to 64."""

COLUMNS = ("HOOK", "RECEIVER", "EVENTS", "PLACES", "STATE")
FAILED_COLUMNS = ("EVENT", "HOOK", "TYPE", "HAPPENED (UTC)", "ATTEMPTS", "REASON")


@dataclass(frozen=True, slots=True)
class HookRequest:
    """A hook as an operator asks for it, not checked yet."""

    url: str
    events: Sequence[str]
    places: Sequence[str]


async def add(storage: Storage, request: HookRequest, platforms: Collection[str], inside: Collection[str]) -> str:
    """Add a receiver; its secret, which is returned, cannot be seen again. Raises `AvatarbotError`."""
    if len(await storage.hooks.everything()) >= MOST_HOOKS:
        raise AvatarbotError(f"There are {MOST_HOOKS} hooks already: remove one first, `avatarbot hooks remove HOOK`.")
    hook = read(request, platforms, inside)
    await storage.hooks.add(hook)
    return hook.secret


def read(request: HookRequest, platforms: Collection[str], inside: Collection[str]) -> HookRecord:
    """The hook that was asked for, with a secret of its own. Raises `AvatarbotError` for what makes no sense."""
    _check_url(request.url, inside)
    events = frozenset(kind for name in words_of(request.events) for kind in _kinds(name)) or frozenset(WITHOUT_WORDS)
    places = tuple(dict.fromkeys(named_place(name, platforms) for name in words_of(request.places)))
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
    return HookRecord(new_id(), request.url, secret, events, PlaceScope(places), SystemClock().now())


def _check_url(url: str, inside: Collection[str]) -> None:
    if len(url) > LONGEST_URL:
        raise AvatarbotError(f"The URL must not be longer than {LONGEST_URL} characters.")
    if _is_inside(url, inside):
        return
    if wrong := fault(url):
        hint = " If it is in your own network, name its host in AVATARBOT_HOOKS_INSIDE." if "reachable" in wrong else ""
        raise AvatarbotError(f"The URL {wrong}.{hint}")
    if not url.startswith("https://"):
        raise AvatarbotError("The URL must begin with https://, so that nobody on the way reads what is said.")


def _is_inside(url: str, inside: Collection[str]) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    known = (parts.hostname or "") in {host.casefold() for host in inside}
    return known and parts.scheme in {"http", "https"} and "@" not in parts.netloc


def _kinds(name: str) -> Sequence[EventType]:
    if name == ALL:
        return tuple(EventType)
    if name not in set(EventType):
        raise AvatarbotError(f"Events are {listed([*EventType, ALL])}, not “{name}”.{did_you_mean(name, [*EventType])}")
    return (EventType(name),)


async def listing(storage: Storage) -> str:
    """All receivers, in columns: of their URLs the host only, since the rest may be a secret."""
    hooks = await storage.hooks.everything()
    return in_columns(COLUMNS, map(_row, hooks)) if hooks else "There are no hooks, so nobody is told anything."


def _row(hook: HookRecord) -> tuple[str, ...]:
    events = ",".join(kind for kind in EventType if kind in hook.events)
    places = ",".join(map(str, hook.scope.places)) or "all public channels"
    return hook.id, _receiver(hook.url), events, places, f"disabled: {hook.disabled}" if hook.disabled else "on"


def _receiver(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def remove(storage: Storage, hook_id: str) -> str:
    """Raises `AvatarbotError` where there is none."""
    if not await storage.hooks.remove(hook_id):
        raise AvatarbotError(f"There is no hook “{hook_id}”; `avatarbot hooks list` shows those there are.")
    return f"Hook {hook_id} is removed."


async def dead_letters(storage: Storage) -> str:
    """What could not be sent, in columns, oldest first."""
    dead = await storage.hooks.failed(MOST_SHOWN)
    return in_columns(FAILED_COLUMNS, map(_failed_row, dead)) if dead else "Nothing has failed."


def _failed_row(dead: HookDelivery) -> tuple[str, ...]:
    event = dead.event
    return event.id, dead.hook_id, event.type, f"{event.at:%Y-%m-%d %H:%M}", str(dead.attempts), dead.reason


async def retry(storage: Storage, what: str) -> str:
    """Send anew what failed: all, one hook's, or one event. Raises `AvatarbotError` where nothing of that name has."""
    known = what in {hook.id for hook in await storage.hooks.everything()}
    number = await storage.hooks.retry(event_id=what) if what and not known else await storage.hooks.retry(what)
    if known and not number:
        return f"Hook {what} is on, and nothing of it has failed."
    if what and not number:
        raise AvatarbotError(f"Nothing of “{what}” has failed; `avatarbot hooks failed` shows what has.")
    return f"{number} event{'' if number == 1 else 's'} will be sent again." if number else "Nothing has failed."
