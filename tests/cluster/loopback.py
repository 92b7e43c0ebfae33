"""Discord's adapter as another distribution brings it: its connections lead to a stand-in on this machine."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.discord.plugin import build
from adapters.discord.settings import DiscordSettings
from bot.ports.chat import ChatPlatform
from bot.ports.plugin import PlatformPlugin, PluginContext
from tests.acceptance.test_plugins import distribution
from tests.integration.discord.fake.server import connector

NAME = "loopback"


class LoopbackSettings(BaseSettings):
    """`authority` is the stand-in's, as PEM."""

    model_config = SettingsConfigDict(env_prefix="LOOPBACK_", frozen=True)

    token: str = ""
    port: int = 0
    authority: str = ""


def _build(settings: LoopbackSettings, context: PluginContext) -> ChatPlatform:
    discord = DiscordSettings.model_validate({"DISCORD_TOKEN": settings.token})
    return build(discord, context, lambda: connector(settings.port, settings.authority))


PLUGIN = PlatformPlugin(
    name=NAME,
    title="Discord on this machine",
    settings=LoopbackSettings,
    configured=lambda settings: bool(settings.token),
    setup="LOOPBACK_TOKEN",
    build=_build,
)


def install(folder: Path) -> Path:
    """What has to be on the path of a process so that it finds this plugin."""
    folder.mkdir()
    distribution(folder, f"avatarbot-{NAME}", "unused", "", {"avatarbot.platforms": f"{NAME} = {__name__}:PLUGIN"})
    return folder
