"""The composition root: what is put together for each command. Only this package names adapters.

Importing it imports nothing else, so that the command line is quick.
"""

from collections.abc import Mapping

PLATFORMS = ("slack", "discord")
"""Chat platforms that start when their tokens are set: `adapters.NAME.plugin:PLUGIN`."""

COMMANDS = {
    "slack": "adapters.slack.commands:group",
    "discord": "adapters.discord.commands:group",
    "agora": "adapters.agora.commands:group",
}
"""Command groups that adapters bring."""


def plugin_commands() -> Mapping[str, str]:
    """Where each adapter's commands are, without importing any."""
    return COMMANDS
