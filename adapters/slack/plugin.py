"""Slack, as a plugin."""

from adapters.slack.checks import check
from adapters.slack.platform import SlackPlatform
from adapters.slack.settings import SlackSettings
from bot.ports.chat import ChatPlatform
from bot.ports.plugin import Plugin, PluginContext


def _build(settings: SlackSettings, context: PluginContext) -> ChatPlatform:
    return SlackPlatform(settings, context.core, context.vault, context.clock)


PLUGIN = Plugin(
    name="slack",
    settings=SlackSettings,
    configured=lambda settings: settings.configured,
    build=_build,
    check=check,
)
