"""Slack, as a plugin. Slack's libraries are imported only where Slack is used."""

import logging
from collections.abc import Sequence
from types import MappingProxyType

from adapters.slack.settings import SlackSettings
from bot.ports.chat import ChatPlatform
from bot.ports.plugin import Finding, PlatformPlugin, PluginContext
from bot.redaction import HIDDEN, SecretShapes

SECRETS = SecretShapes(
    keys=(
        r"\bxox[a-z](?:\.xox[a-z])?-[\w-]+",  # bot, user, refresh and rotated tokens
        r"\bxapp-[\w-]+",  # app-level token
    ),
    places=((r"https://hooks\.slack(?:-gov)?\.com/\S+", HIDDEN),),  # response_url
)


def _build(settings: SlackSettings, context: PluginContext) -> ChatPlatform:
    from adapters.slack.platform import SlackPlatform  # noqa: PLC0415

    return SlackPlatform(settings, context.core, context.vault, context.clock, context.catalogue)


async def _check(settings: SlackSettings) -> Sequence[Finding]:
    from adapters.slack.checks import check  # noqa: PLC0415

    return await check(settings)


PLUGIN = PlatformPlugin(
    name="slack",
    title="Slack",
    settings=SlackSettings,
    configured=lambda settings: settings.configured,
    setup="SLACK_BOT_TOKEN and SLACK_APP_TOKEN",
    build=_build,
    check=_check,
    secrets=SECRETS,
    log_levels=MappingProxyType(
        {
            "slack_bolt": logging.ERROR,  # its warnings hold whole request bodies
            "slack_sdk": logging.WARNING,
        }
    ),
)
