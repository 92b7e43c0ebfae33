"""`avatarbot discord …`."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bot.ports.plugin import Offered


@click.group("discord")
def group() -> None:
    """Discord: the invite link, and the commands that people see there."""


@group.command("invite")
@click.option("--application-id", metavar="ID", help="Of the application; without it, DISCORD_TOKEN tells.")
def print_invite(application_id: str | None) -> None:
    """Print the link with which you add the bot to a server."""
    from adapters.discord.invite import application_id as id_in, invite_url  # noqa: PLC0415, I001 - the command line is quick without it

    from adapters.discord.voice_support import missing  # noqa: PLC0415

    click.echo(invite_url(application_id or id_in(_token()), voice=not missing()))


@group.command("sync")
@click.pass_obj
def sync_commands(offered: "Offered") -> None:
    """Tell Discord the commands, where it has others. The service does that too when it starts."""
    import asyncio  # noqa: PLC0415

    from adapters.discord.command_sync import sync_once  # noqa: PLC0415
    from adapters.discord.settings import DiscordSettings  # noqa: PLC0415
    from adapters.discord.voice_support import features  # noqa: PLC0415
    from bot.settings import load  # noqa: PLC0415

    _token()
    catalogue = asyncio.run(offered()).on_platform(features())
    written = asyncio.run(sync_once(load(DiscordSettings), catalogue))
    click.echo("Discord has the commands now." if written else "Discord had these commands already.")


def _token() -> str:
    from adapters.discord.settings import DiscordSettings  # noqa: PLC0415
    from bot.domain.errors import SettingsError  # noqa: PLC0415
    from bot.settings import load  # noqa: PLC0415

    token = load(DiscordSettings).token
    if token is None:
        raise SettingsError(
            "DISCORD_TOKEN is not set. It is on discord.com/developers/applications: your application, Bot."
        )
    return token.get_secret_value()
