"""Discord, as a plugin. discord.py itself is imported only where Discord is used."""

import logging
from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from adapters.discord import voice_support
from adapters.discord.settings import DiscordSettings
from bot.ports.chat import ChatPlatform
from bot.ports.plugin import Finding, PlatformPlugin, PluginContext, SettingQuestion
from bot.redaction import HIDDEN, SecretShapes

if TYPE_CHECKING:
    from adapters.discord.gateway import Connector

SECRETS = SecretShapes(
    keys=(r"\b[MNO][\w-]{22,28}\.[\w-]{6,7}\.[\w-]{27,}",),  # a bot's token: base64 of a snowflake's digits
    places=((r"(/(?:webhooks|interactions)/\d{1,25}/)[\w-]+", rf"\1{HIDDEN}"),),  # an interaction's token
)


def build(settings: DiscordSettings, context: PluginContext, connector: "Connector | None" = None) -> ChatPlatform:
    """`connector` makes what its connections go through, where that is not the open internet."""
    from adapters.discord.platform import DiscordPlatform  # noqa: PLC0415

    return DiscordPlatform(
        settings,
        context.core,
        context.clock,
        context.vault,
        connector=connector,
        catalogue=context.catalogue,
        receivers=context.receivers if context.receives else None,
        budgets=context.budgets,
    )


async def _check(settings: DiscordSettings) -> Sequence[Finding]:
    if settings.token is None:
        return []
    from adapters.discord.checks import check  # noqa: PLC0415

    return await check(settings)


def _next_steps(settings: DiscordSettings) -> Sequence[str]:
    from adapters.discord.invite import application_id, invite_url  # noqa: PLC0415

    token = settings.token.get_secret_value() if settings.token else ""
    link = invite_url(application_id(token), voice=bool(voice_support.features()))
    return (f"Discord: open {link} as somebody who may manage the server, then /avatar start in a channel",)


PLUGIN = PlatformPlugin(
    name="discord",
    title="Discord",
    settings=DiscordSettings,
    configured=lambda settings: settings.configured,
    setup="DISCORD_TOKEN",
    questions=(
        SettingQuestion(
            "DISCORD_TOKEN",
            "Bot token",
            "New Application; then Bot: switch on the Message Content Intent, and copy the token that Reset Token shows.",
            lambda: "https://discord.com/developers/applications",
        ),
        SettingQuestion(
            "AVATARBOT_DISCORD_HOME_GUILDS",
            "Ids of your own servers, with commas",
            "Settings, Advanced, Developer Mode; then right-click the server, Copy Server ID. They may use your account.",
            secret=False,
            optional=True,
        ),
    ),
    next_steps=_next_steps,
    features=lambda _: voice_support.features(),
    build=build,
    check=_check,
    secrets=SECRETS,
    log_levels=MappingProxyType(
        {"discord": logging.WARNING, "discord.client": logging.INFO, "discord.gateway": logging.INFO}
    ),
)
