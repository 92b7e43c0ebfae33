"""Adapters by the entry points of whatever distributions are installed: none is named here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from bot.domain.errors import SettingsError
from bot.ports.plugin import AdapterPlugin, PlatformPlugin, ProviderPlugin, RoomsPlugin
from bot.redaction import register_shapes
from bot.telemetry import keep_quiet

PLATFORMS, PROVIDERS, ROOMS = "avatarbot.platforms", "avatarbot.providers", "avatarbot.rooms"

A = TypeVar("A", bound=AdapterPlugin)


class BrokenPlugin(SettingsError):
    """An adapter that is installed and cannot be used; the sentence names its distribution."""


@dataclass(frozen=True, slots=True)
class LoadedPlugins(Generic[A]):
    """The adapters of a group by name, and a sentence for each that cannot be used."""

    plugins: Mapping[str, A]
    faults: tuple[str, ...] = ()


@cache
def platforms() -> LoadedPlugins[PlatformPlugin]:
    return _installed(PLATFORMS, PlatformPlugin)


@cache
def providers() -> LoadedPlugins[ProviderPlugin]:
    return _installed(PROVIDERS, ProviderPlugin)


@cache
def rooms() -> LoadedPlugins[RoomsPlugin]:
    return _installed(ROOMS, RoomsPlugin)


def provider_named(name: str) -> ProviderPlugin:
    """Raises `SettingsError` where it is not installed."""
    there = providers().plugins
    if name not in there:
        raise SettingsError(
            " ".join([*providers().faults, f"The provider “{name}” is not installed: install this package anew."])
        )
    return there[name]


def plugins() -> Sequence[AdapterPlugin]:
    """Every adapter that can be used. From now on nothing that looks like one of their secrets is logged."""
    return [*platforms().plugins.values(), *providers().plugins.values(), *rooms().plugins.values()]


def require_sound() -> None:
    """Raises `BrokenPlugin` when an adapter is installed and cannot be used: nobody should miss it without a word."""
    plugins()
    if wrong := faults():
        raise BrokenPlugin(" ".join(wrong))


def faults() -> Sequence[str]:
    """A sentence for each adapter that cannot be used."""
    return [*platforms().faults, *providers().faults, *rooms().faults]


def _installed(group: str, kind: type[A]) -> LoadedPlugins[A]:
    declared: defaultdict[str, list[EntryPoint]] = defaultdict(list)
    for point in entry_points(group=group):
        declared[point.name].append(point)
    plugins: dict[str, A] = {}
    found: list[str] = []
    for name, points in sorted(declared.items()):
        try:
            plugins[name] = _loaded(_only(points, group), kind)
        except BrokenPlugin as broken:
            found.append(broken.sentence)
    for plugin in plugins.values():
        register_shapes(plugin.secrets)
        keep_quiet(plugin.log_levels)
    return LoadedPlugins(plugins, tuple(found))


def _only(points: Sequence[EntryPoint], group: str) -> EntryPoint:
    if len(points) == 1:
        return points[0]
    both = " and ".join(sorted(map(distribution, points)))
    raise BrokenPlugin(f"{both} both bring “{points[0].name}” for {group}. Uninstall one of them.")


def _loaded(point: EntryPoint, kind: type[A]) -> A:
    """Raises `BrokenPlugin`."""
    where = f"The plugin “{point.name}” of {distribution(point)}"
    try:
        plugin = point.load()
    except Exception as error:  # a stranger's module may raise anything
        what = f"{type(error).__name__}: {error}"
        raise BrokenPlugin(f"{where} cannot be loaded ({what}). Repair or uninstall it.") from error
    if not isinstance(plugin, kind):
        what = f"{point.value} is no {kind.__name__}"
        raise BrokenPlugin(f"{where} cannot be used: {what}. Ask whoever made it.")
    if plugin.name != point.name:
        raise BrokenPlugin(f"{where} cannot be used: it calls itself “{plugin.name}”. Ask whoever made it.")
    return plugin


def distribution(point: EntryPoint) -> str:
    """Who brings it, by the name that is typed to uninstall it."""
    return str(point.dist.name) if point.dist else "an unknown distribution"
