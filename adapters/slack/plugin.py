"""Slack, as a plugin. Slack's libraries are imported only where Slack is used."""

import logging
from collections.abc import Sequence
from types import MappingProxyType

from adapters.slack.settings import SlackSettings
from bot.ports.chat import ChatPlatform
from bot.ports.plugin import Finding, PlatformPlugin, PluginContext, SettingQuestion
from bot.redaction import HIDDEN, SecretShapes
from bot.settings import load

SECRETS = SecretShapes(
    keys=(
        r"\bxox[a-z](?:\.xox[a-z])?-[\w-]+",  # bot, user, refresh and rotated tokens
        r"\bxapp-[\w-]+",  # app-level token
    ),
    places=((r"https://hooks\.slack(?:-gov)?\.com/\S+", HIDDEN),),  # response_url
)


def _build(settings: SlackSettings, context: PluginContext) -> ChatPlatform:
    from adapters.slack.platform import SlackPlatform  # noqa: PLC0415

    return SlackPlatform(
        settings,
        context.core,
        context.vault,
        context.clock,
        context.catalogue,
        receives=context.receives,
        alone=lambda: not context.receivers.others,
    )


async def _check(settings: SlackSettings) -> Sequence[Finding]:
    from adapters.slack.checks import check  # noqa: PLC0415

    return await check(settings)


def _creation_page() -> str:
    from adapters.slack.manifest import creation_link, manifest  # noqa: PLC0415

    return creation_link(manifest(load(SlackSettings).command))


PLUGIN = PlatformPlugin(
    name="slack",
    title="Slack",
    settings=SlackSettings,
    configured=lambda settings: settings.configured,
    setup="SLACK_BOT_TOKEN and SLACK_APP_TOKEN",
    questions=(
        SettingQuestion(
            "SLACK_APP_TOKEN",
            "App-level token (xapp-…)",
            "Create the app on the page below, which is filled in. Then Basic Information, App-Level Tokens: one with connections:write.",
            _creation_page,
        ),
        SettingQuestion(
            "SLACK_BOT_TOKEN",
            "Bot token (xoxb-…)",
            "Install App, Install to Workspace; copy the Bot User OAuth Token.",
        ),
    ),
    next_steps=lambda _: ("Slack: /invite @Avatarbot in a channel, then /avatar start",),
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
