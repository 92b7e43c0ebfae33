"""What every command is put together from: the store, the provider, the platforms, the language model."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Sequence
from importlib import import_module

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from adapters.agora.connection import AgoraConnections
from adapters.agora.settings import AgoraSettings
from adapters.akool.api import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.akool.settings import AkoolSettings, open_api
from adapters.llm.model import model_at
from adapters.moderation.webhook import ModerationWebhook
from adapters.moderation.word_list import WordList
from adapters.playground.settings import PlaygroundSettings
from adapters.simulator.remote import connect_remote
from bot.app import PLATFORMS
from bot.clock import SystemClock
from bot.ports.llm import LanguageModel
from bot.ports.moderation import Moderator
from bot.ports.plugin import Plugin
from bot.settings import Settings, known_names, load
from bot.storage.canary import holds_encrypted, lost_key, opens
from bot.storage.encryption import Cipher
from bot.storage.key_file import key_file, secret_keys
from bot.storage.migrate import connected, upgraded
from bot.storage.sql import SqlStorage, sql_storage
from bot.telemetry import Metrics


@contextlib.asynccontextmanager
async def open_model(settings: Settings) -> AsyncIterator[LanguageModel | None]:
    """The model that the settings name, closed at the end; None when they name none, and AKOOL's own answers."""
    if settings.llm_url is None:
        yield None
        return
    model = model_at(settings.llm_url, settings.llm_model or "", settings.llm_key, within_s=settings.llm_seconds)
    async with contextlib.aclosing(model):
        yield model


@contextlib.asynccontextmanager
async def open_moderators(settings: Settings) -> AsyncIterator[Sequence[Moderator]]:
    """In the order in which they are asked, closed at the end: what a channel blocks goes no further than this machine."""
    if settings.moderation_url is None:
        yield (WordList(),)
        return
    webhook = ModerationWebhook(settings.moderation_url, settings.moderation_secret)
    async with contextlib.aclosing(webhook):
        yield (WordList(), webhook)


def keep_loaded() -> None:
    """What was loaded at start-up stays: looking through all of it stopped everything for 80 ms, again and again."""
    gc.collect()
    gc.freeze()


def plugins() -> Sequence[Plugin]:
    """Every chat platform with tokens of its own."""
    return [import_module(f"adapters.{name}.plugin").PLUGIN for name in PLATFORMS]


def known_settings() -> frozenset[str]:
    """The names of all settings, the core's and every adapter's."""
    kinds: list[type[BaseSettings]] = [Settings, AkoolSettings, AgoraSettings, PlaygroundSettings]
    kinds += [plugin.settings for plugin in plugins()]
    return frozenset[str]().union(*map(known_names, kinds))


@contextlib.asynccontextmanager
async def open_provider(settings: Settings, metrics: Metrics) -> AsyncIterator[AkoolProvider]:
    """The provider that the settings name, closed at the end. Raises `SettingsError` when they name none."""
    opened = _simulated(settings.simulator_url, metrics) if settings.simulator_url else _real(metrics)
    async with opened as provider, contextlib.aclosing(provider):
        yield provider


@contextlib.asynccontextmanager
async def _simulated(url: str, metrics: Metrics) -> AsyncIterator[AkoolProvider]:
    key = load(AkoolSettings).api_key or SecretStr("simulator")
    yield AkoolProvider(AkoolApi.at(url, ApiKey(key), metrics=metrics), connect_remote(url), metrics=metrics)


@contextlib.asynccontextmanager
async def _real(metrics: Metrics) -> AsyncIterator[AkoolProvider]:
    api, agora = open_api(load(AkoolSettings), metrics=metrics), load(AgoraSettings)
    async with AgoraConnections(agora) as connections:
        yield AkoolProvider(api, connections, agora.own_room, metrics, connections.check)


@contextlib.asynccontextmanager
async def open_storage(settings: Settings | None = None) -> AsyncIterator[SqlStorage]:
    """The database, its tables brought up to date and its key tried. Raises `SettingsError` and `StoreUnavailable`."""
    settings = settings or load(Settings)
    await upgraded(settings.store_url)
    await asyncio.to_thread(check_key, settings)
    async with sql_storage(settings.store_url, Cipher(secret_keys(settings)), SystemClock()) as storage:
        yield storage


def check_key(settings: Settings) -> None:
    """Raises `SettingsError` when what is encrypted in the database cannot be read with the keys that are here. Makes none."""
    has_key = bool(settings.secret_keys) or key_file(settings).exists()
    cipher = Cipher(secret_keys(settings)) if has_key else None
    with connected(settings.store_url) as connection:
        readable = opens(connection, cipher) if cipher else not holds_encrypted(connection)
    if not readable:
        raise lost_key(settings.database_path, key_file(settings))
