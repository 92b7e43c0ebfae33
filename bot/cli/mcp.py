"""`avatarbot mcp`: avatars as tools of an agent on this machine."""

import importlib.util

import click

from bot.cli.running import finish
from bot.domain.errors import SettingsError


@click.command()
def mcp() -> None:
    """Serve the Model Context Protocol on standard input and output, for an agent that starts this command.

    It asks the service at AVATARBOT_URL with the token AVATARBOT_TOKEN, which may be on another machine. An agent that speaks HTTP asks
    the service's /mcp itself.

    \b
      AVATARBOT_URL=https://avatars.example.com AVATARBOT_TOKEN=avb_… avatarbot mcp
    """
    from bot.app.say import ClientSettings
    from bot.settings import load

    if importlib.util.find_spec("mcp") is None:
        raise SettingsError(
            "MCP needs the extra `mcp`, which `make setup` brings (or `uv tool install --force '.[mcp]'`)."
        )
    settings = load(ClientSettings)
    if settings.token is None:
        raise SettingsError("AVATARBOT_TOKEN is not set. Make one where Avatarbot runs: avatarbot tokens create")
    from bot.web.mcp.bridge import bridge

    finish(bridge(settings.url, settings.token.get_secret_value()))
