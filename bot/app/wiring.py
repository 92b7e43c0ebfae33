"""What every command is put together from: the store, the provider, the platforms, the language model.

What few commands need, and takes long to import, is imported by the function that opens it.
"""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from pydantic_settings import BaseSettings

from adapters.playground.settings import PlaygroundSettings
from bot.app.plugins import plugins, provider_named, providers, rooms
from bot.app.say import ClientSettings
from bot.clock import SystemClock
from bot.commands.catalogue import Catalogue
from bot.commands.policy import Policy
from bot.delivery.shared_budgets import SharedBudgets
from bot.domain.errors import SettingsError
from bot.ports.plugin import ProviderContext, ProviderPlugin, RoomsPlugin
from bot.ports.processes import Budgets, Hints, LocalBudgets, NoHints
from bot.ports.provider import AvatarProvider, offer_of
from bot.ports.room import Rooms, no_room
from bot.ports.words import LanguageModel, Moderator
from bot.settings import Settings, known_names, load
from bot.storage.connections import STANDARD_SIZE, PoolSize, Retried, nobody_counts
from bot.storage.encryption import Cipher
from bot.storage.keys import lost_key, readable, secret_keys
from bot.storage.migrate import connected, upgraded
from bot.storage.sql import SqlStorage, sql_storage
from bot.storage.sqlite import sole_process as sole_process_of_file
from bot.telemetry import Metrics, new_metrics


@contextlib.asynccontextmanager
async def open_model(settings: Settings) -> AsyncIterator[LanguageModel | None]:
    """The model that the settings name, closed at the end; None when they name none, and the provider's own answers."""
    if settings.llm_url is None:
        yield None
        return
    from adapters.llm.model import model_at

    model = model_at(settings.llm_url, settings.llm_model or "", settings.llm_key, within_s=settings.llm_seconds)
    async with contextlib.aclosing(model):
        yield model


@contextlib.asynccontextmanager
async def open_moderators(settings: Settings) -> AsyncIterator[Sequence[Moderator]]:
    """In the order in which they are asked, closed at the end: what a channel blocks goes no further than this machine."""
    from adapters.moderation.moderators import ModerationWebhook, WordList

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


def known_settings() -> frozenset[str]:
    """The names of all settings, the core's and every adapter's."""
    kinds: list[type[BaseSettings]] = [
        Settings,
        PlaygroundSettings,
        ClientSettings,
        *(plugin.settings for plugin in plugins()),
    ]
    return frozenset[str]().union(*map(known_names, kinds))


def provider_plugin(settings: Settings) -> ProviderPlugin:
    """Whoever hosts the avatars: the one that is named, else the only one, else the only one that is configured.

    Raises `SettingsError`.
    """
    there = list(providers().plugins.values())
    if settings.provider:
        return provider_named(settings.provider)
    ready = there if len(there) == 1 else [each for each in there if each.configured(load(each.settings))]
    if len(ready) != 1:
        names = ", ".join(each.name for each in there) or "none, so install this package anew"
        raise SettingsError(f"Say who hosts the avatars: set AVATARBOT_PROVIDER. Installed: {names}.")
    return ready[0]


@contextlib.asynccontextmanager
async def open_provider(
    settings: Settings, metrics: Metrics, budgets: Budgets | None = None, *, rooms: bool = True
) -> AsyncIterator[AvatarProvider]:
    """The provider that the settings name, closed at the end; without `rooms` no room can be joined. Raises `SettingsError` when they name none."""
    plugin = provider_plugin(settings)
    async with (
        provider_context(settings, plugin if rooms else replace(plugin, rooms=""), metrics, budgets) as context,
        plugin.open(load(plugin.settings), context) as provider,
    ):
        yield provider


@contextlib.asynccontextmanager
async def provider_context(
    settings: Settings, plugin: ProviderPlugin, metrics: Metrics, budgets: Budgets | None = None
) -> AsyncIterator[ProviderContext]:
    """What a provider is given, with its rooms open. Raises `SettingsError`."""
    simulator = settings.simulator_url or ""
    async with _rooms(plugin, simulator) as joined:
        yield ProviderContext(metrics, joined, simulator, budgets or LocalBudgets())


async def offered() -> Catalogue:
    """The commands that the service offers with the settings that are here. Raises `SettingsError`."""
    settings = load(Settings)
    async with open_provider(settings, new_metrics()) as provider, open_model(settings) as model:
        return Policy().at(offer_of(provider, model)).catalogue


@contextlib.asynccontextmanager
async def _rooms(provider: ProviderPlugin, simulator: str) -> AsyncIterator[Rooms]:
    """Those of the simulator, those that the provider asks for, or none."""
    if simulator:
        from adapters.simulator.remote import connect_remote

        yield Rooms(connect_remote(simulator))
        return
    plugin = rooms_plugin(provider)
    if plugin is None:
        yield Rooms(no_room)
        return
    async with plugin.open(load(plugin.settings)) as opened:
        yield opened


def rooms_plugin(provider: ProviderPlugin) -> RoomsPlugin | None:
    """What joins the rooms of a provider, None where it brings its own. Raises `SettingsError`."""
    if not provider.rooms:
        return None
    there = rooms().plugins
    if provider.rooms not in there:
        raise SettingsError(f"{provider.title} needs the rooms of “{provider.rooms}”, and no plugin brings them.")
    return there[provider.rooms]


BESIDE_THE_SERVICE = PoolSize(1, 1)
"""For a command that asks one thing."""


@contextlib.asynccontextmanager
async def open_storage(
    settings: Settings | None = None, size: PoolSize = STANDARD_SIZE, retried: Retried = nobody_counts
) -> AsyncIterator[SqlStorage]:
    """The database, its tables brought up to date and its key tried. Raises `SettingsError` and `StoreUnavailable`."""
    settings = settings or load(Settings)
    await upgraded(settings.store_url)
    await asyncio.to_thread(check_key, settings)
    cipher = Cipher(secret_keys(settings))
    async with sql_storage(settings.store_url, cipher, SystemClock(), size, retried) as storage:
        yield storage


async def open_hints(settings: Settings) -> Hints:
    """How this process and the others of the same database tell each other what to look at. Raises `SettingsError` where none pass."""
    if not settings.hints:
        return NoHints()
    from bot.storage.notifications import PostgresHints, require_passage

    await require_passage(settings.store_url)
    return PostgresHints(settings.store_url)


def budgets_of(settings: Settings, storage: SqlStorage, metrics: Metrics) -> Budgets:
    """Limits of vendors: shared with the other processes of the same database, where there may be others."""
    return SharedBudgets(storage.coordination, metrics.waited_for_budget) if settings.on_server else LocalBudgets()


def sole_process(settings: Settings) -> contextlib.AbstractContextManager[None]:
    """No other process serves this file while the block lasts: several may serve a server's database. Raises `SettingsError`."""
    return contextlib.nullcontext() if settings.on_server else sole_process_of_file(settings.database_path)


def check_key(settings: Settings) -> None:
    """Raises `SettingsError` when what is encrypted in the database cannot be read with the keys that are here. Makes none."""
    with connected(settings.store_url) as connection:
        known = readable(connection, settings)
    if not known:
        raise lost_key(settings)
