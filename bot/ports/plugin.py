"""What an adapter of a chat platform brings: one `Plugin`, listed in the composition root."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_settings import BaseSettings

from bot.ports.chat import ChatPlatform, CoreApi
from bot.ports.clock import Clock
from bot.ports.doctor import Finding
from bot.ports.secrets import SecretVault


@dataclass(frozen=True, slots=True)
class PluginContext:
    """What a platform is given by the core."""

    core: CoreApi
    clock: Clock
    vault: SecretVault
    public_url: str = ""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A chat platform. `settings` is loaded from the environment; the platform runs when they are `configured`."""

    name: str
    settings: type[BaseSettings]
    configured: Callable[[Any], bool]
    build: Callable[[Any, PluginContext], ChatPlatform]
    check: Callable[[Any], Awaitable[Sequence[Finding]]]
