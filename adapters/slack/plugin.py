"""Slack, as the house lists it."""

from adapters.slack.checks import check
from adapters.slack.platform import SlackPlatform
from adapters.slack.settings import SlackSettings
from bot.plugin import Plugin, Surroundings
from bot.ports.chat import ChatPlatform


def _build(settings: SlackSettings, surroundings: Surroundings) -> ChatPlatform:
    return SlackPlatform(settings, surroundings.reception, surroundings.vault, surroundings.clock)


PLUGIN = Plugin(
    name="slack",
    settings=SlackSettings,
    configured=lambda settings: settings.configured,
    build=_build,
    check=check,
)
