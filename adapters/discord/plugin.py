"""Discord, as the house lists it."""

from collections.abc import Sequence

from adapters.discord.settings import DiscordSettings
from bot.errors import SettingsError
from bot.plugin import Plugin, Surroundings
from bot.ports.chat import ChatPlatform
from bot.ports.doctor import Finding


def _build(_settings: DiscordSettings, _surroundings: Surroundings) -> ChatPlatform:
    raise SettingsError("Discord is not built in yet.")


async def _check(_settings: DiscordSettings) -> Sequence[Finding]:
    return []


PLUGIN = Plugin(
    name="discord",
    settings=DiscordSettings,
    configured=lambda settings: settings.configured,
    build=_build,
    check=_check,
)
