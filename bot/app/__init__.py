"""The composition root: what is put together for each command. Only this package names adapters.

Importing it imports nothing else, so that the command line is quick.
"""

from collections.abc import Mapping

PLATFORMS = ("slack", "discord")
"""Chat platforms that start when their tokens are set: `adapters.NAME.plugin:PLUGIN`."""

COMMANDS = {
    "agora": ("Fetch the native libraries of the video room.", "adapters.agora.cli:group"),
    "discord": ("Invite the bot to a server; push its commands.", "adapters.discord.cli:group"),
    "slack": ("Print the app manifest to paste at Slack.", "adapters.slack.cli:group"),
}
"""Command groups that adapters bring: what they are for, and where they are."""


def plugin_commands() -> Mapping[str, tuple[str, str]]:
    """The adapters' command groups, without importing any."""
    return COMMANDS
