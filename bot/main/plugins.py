"""The chat platforms, and the names of all settings."""

from collections.abc import Sequence
from importlib import import_module

from pydantic_settings import BaseSettings

from adapters.agora.settings import AgoraSettings
from adapters.akool.settings import AkoolSettings
from adapters.playground.settings import PlaygroundSettings
from bot.main import PLATFORMS
from bot.plugin import Plugin
from bot.settings import Settings, known_names


def plugins() -> Sequence[Plugin]:
    """Every chat platform with tokens of its own."""
    return [import_module(f"adapters.{name}.plugin").PLUGIN for name in PLATFORMS]


def known_settings() -> frozenset[str]:
    """The names of all settings, the core's and every adapter's."""
    kinds: list[type[BaseSettings]] = [Settings, AkoolSettings, AgoraSettings, PlaygroundSettings]
    kinds += [plugin.settings for plugin in plugins()]
    return frozenset[str]().union(*map(known_names, kinds))
