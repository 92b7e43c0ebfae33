"""`avatarbot discord …`."""

import click


@click.group("discord")
def group() -> None:
    """Discord: the invite link, and the commands that people see there."""


@group.command("invite")
@click.option("--application-id", metavar="ID", help="Of the application; without it, DISCORD_TOKEN tells.")
def print_invite(application_id: str | None) -> None:
    """Print the link with which you add the bot to a server."""
    from adapters.discord.invite import application_id as id_in, invite_url  # noqa: PLC0415, I001 - the command line is quick without it

    click.echo(invite_url(application_id or id_in(_token())))


@group.command("sync")
def sync_commands() -> None:
    """Tell Discord the commands, if they changed since last time."""
    from bot.errors import SettingsError  # noqa: PLC0415

    raise SettingsError(f"Not yet: the service syncs by itself when it starts ({len(_token())} characters of token).")


def _token() -> str:
    from adapters.discord.settings import DiscordSettings  # noqa: PLC0415
    from bot.errors import SettingsError  # noqa: PLC0415
    from bot.settings import load  # noqa: PLC0415

    token = load(DiscordSettings).token
    if token is None:
        raise SettingsError(
            "DISCORD_TOKEN is not set. It is on discord.com/developers/applications: your application, Bot."
        )
    return token.get_secret_value()
