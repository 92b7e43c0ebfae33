"""Discord, as a plugin. discord.py itself is imported only where Discord is used."""

from collections.abc import Sequence

from adapters.discord.settings import DiscordSettings
from bot.ports.chat import ChatPlatform
from bot.ports.doctor import Finding
from bot.ports.plugin import Plugin, PluginContext


def _build(settings: DiscordSettings, context: PluginContext) -> ChatPlatform:
    from adapters.discord.platform import DiscordPlatform  # noqa: PLC0415

    return DiscordPlatform(settings, context.core, context.vault, context.clock)


async def _check(settings: DiscordSettings) -> Sequence[Finding]:
    if settings.token is None:
        return []
    from adapters.discord.checks import check  # noqa: PLC0415

    return await check(settings)


PLUGIN = Plugin(
    name="discord",
    settings=DiscordSettings,
    configured=lambda settings: settings.configured,
    build=_build,
    check=_check,
)
