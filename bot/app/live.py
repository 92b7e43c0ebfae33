"""`avatarbot doctor --live`: one short session that is paid for, and a table of what was expected and what was seen."""

from collections.abc import Callable, Sequence

from bot.app.wiring import provider_context, provider_plugin
from bot.domain.errors import SettingsError
from bot.domain.text import printable_line
from bot.ports.plugin import Observation
from bot.settings import Settings, load
from bot.telemetry import new_metrics

SIGNS = {True: "✓", False: "≠"}


async def try_live(tell: Callable[[str], None]) -> int:
    """Tell each thing as it is seen. Ends with 0 where all is as expected, else with 1. Raises `AvatarbotError` where it cannot go on."""
    settings = load(Settings)
    plugin = provider_plugin(settings)
    if plugin.try_live is None:
        raise SettingsError(f"There is no live check of {plugin.title}.")
    seen: list[Observation] = []

    def take(observation: Observation) -> None:
        seen.append(observation)
        tell(line(observation))

    async with provider_context(settings, plugin, new_metrics()) as context:
        await plugin.try_live(load(plugin.settings), context, take)
    tell(_sum(seen))
    return 0 if all(each.fits for each in seen) else 1


def line(seen: Observation) -> str:
    """One line: what, seen, and where it differs what was expected. What the vendor calls its fields moves no cursor."""
    expected = "" if seen.fits else f"  (expected: {seen.expected})"
    return printable_line(f"{SIGNS[seen.fits]} {seen.what}: {seen.seen}{expected}")


def _sum(seen: Sequence[Observation]) -> str:
    others = sum(not each.fits for each in seen)
    if not others:
        return "\nAll is as expected."
    return f"\n{others} of {len(seen)} differ from what is documented: please attach these lines to an issue. They hold no secret."
