"""What an adapter brings: one plugin, found by an entry point of its distribution.

| group | what it holds |
|---|---|
| `avatarbot.platforms` | a `PlatformPlugin` under its platform's name |
| `avatarbot.providers` | a `ProviderPlugin` under its provider's name |
| `avatarbot.rooms` | a `RoomsPlugin` under the name by which providers ask for it |
| `avatarbot.commands` | a `click.Command` under the word that is typed after `avatarbot`; its context's `obj` is `Offered` |
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic_settings import BaseSettings

from bot.clock import Clock
from bot.commands.catalogue import Catalogue
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import PlatformFeature
from bot.ports.chat import ChatPlatform, CoreApi
from bot.ports.processes import ONLY_RECEIVER, Budgets, LocalBudgets, Receivers
from bot.ports.provider import AvatarProvider
from bot.ports.room import Rooms
from bot.ports.storage.repositories import SecretVault
from bot.redaction import NO_SHAPES, SecretShapes
from bot.telemetry import Metrics


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `avatarbot doctor`: what was looked at, how it is, and what to do about it (empty when nothing).

    `run` refuses to start with a problem, unless the problem says that it `starts` all the same and something does not work.
    """

    level: Level
    what: str
    remedy: str = ""
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """One line of `avatarbot doctor --live`: what was expected of the vendor, and what was seen. It holds no secret and no id."""

    what: str
    expected: str
    seen: str
    fits: bool


Offered = Callable[[], Coroutine[Any, Any, Catalogue]]
"""Says which commands the service offers with the settings that are here. Raises `SettingsError`."""


def no_page() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class SettingQuestion:
    """A setting that `avatarbot setup` asks for. `help` says where its value is found; `page` makes the address of the page to open for it."""

    name: str
    prompt: str
    help: str = ""
    page: Callable[[], str] = no_page
    secret: bool = True
    optional: bool = False


async def nothing_to_check(_settings: Any) -> Sequence[Finding]:
    return ()


def no_next_steps(_settings: Any) -> Sequence[str]:
    return ()


def no_features(_settings: Any) -> frozenset[PlatformFeature]:
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterPlugin:
    """What every adapter brings. `settings` is loaded from the environment; the adapter is there for use when they are `configured`.

    `title` is what people call it; `setup` says what to set, to follow “Set …”. `questions` are what `avatarbot setup` asks, in this order,
    and `next_steps` what is left to do by hand once it is right. `check` looks at it for `avatarbot doctor`. `log_levels` are the least
    levels of libraries that talk much or quote what people write, by logger.
    """

    name: str
    title: str
    settings: type[BaseSettings]
    configured: Callable[[Any], bool]
    setup: str
    questions: Sequence[SettingQuestion] = ()
    next_steps: Callable[[Any], Sequence[str]] = no_next_steps
    check: Callable[[Any], Awaitable[Sequence[Finding]]] = nothing_to_check
    secrets: SecretShapes = NO_SHAPES
    log_levels: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PluginContext:
    """What a platform is given by the core. `catalogue` holds the commands that can be offered there.

    With `receives` false another process is delivered what people write: `run` opens no connection for that, and the platform posts, edits
    and answers all the same. `receivers` are the processes that do receive.
    """

    core: CoreApi
    clock: Clock
    vault: SecretVault
    public_url: str = ""
    catalogue: Catalogue = CATALOGUE
    budgets: Budgets = field(default_factory=LocalBudgets)
    """Of vendors' limits that hold for the whole bot."""
    receives: bool = True
    receivers: Receivers = ONLY_RECEIVER


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformPlugin(AdapterPlugin):
    """A chat platform. `features` says which commands can be offered on it."""

    features: Callable[[Any], frozenset[PlatformFeature]] = no_features
    build: Callable[[Any, PluginContext], ChatPlatform]


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What a provider is given by the core. `simulator` is the URL of a simulator of it that stands in for the real one, or `''`."""

    metrics: Metrics
    rooms: Rooms
    simulator: str = ""
    budgets: Budgets = field(default_factory=LocalBudgets)
    """Of vendors' limits that hold for the whole bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPlugin(AdapterPlugin):
    """A provider of avatars. `rooms` is the plugin that joins its rooms, `''` where it brings its own. `open` raises `SettingsError`.

    `try_live` buys one short session and tells what it sees, as it sees it; it closes the session whatever happens. Raises `AvatarbotError`.
    """

    open: Callable[[Any, ProviderContext], AbstractAsyncContextManager[AvatarProvider]]
    try_live: Callable[[Any, ProviderContext, Callable[[Observation], None]], Awaitable[None]] | None = None
    rooms: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomsPlugin(AdapterPlugin):
    """Rooms of one kind. `open` raises `SettingsError`."""

    open: Callable[[Any], AbstractAsyncContextManager[Rooms]]
