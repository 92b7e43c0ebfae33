"""Commands for whose account a workspace uses."""

import sys

import click

from bot.cli.plugins import PlatformName
from bot.cli.running import finish, print_answer
from bot.domain.text import printable_line


@click.group()
def workspaces() -> None:
    """Say which workspaces may use your account at the provider."""


@workspaces.command()
@click.argument("platform", type=PlatformName())
@click.argument("workspace")
@click.option("--no", "refuse", is_flag=True, help="Take the permission back.")
def allow(platform: str, workspace: str, refuse: bool) -> None:
    """Let a workspace start sessions on your account at the provider.

    \b
      avatarbot workspaces allow slack T0123456
    """
    from bot.app.operations import allow

    print_answer(lambda storage: allow(storage, platform, workspace, yes=not refuse))


@workspaces.command("key")
@click.argument("platform", type=PlatformName())
@click.argument("workspace")
@click.option("--remove", is_flag=True, help="Delete the key that the workspace has.")
def own_key(platform: str, workspace: str, remove: bool) -> None:
    """Let a workspace use its own account at the provider.

    The key is read from standard input, and tried before it is kept. An admin of the workspace gives one with /avatar account key.

    \b
      avatarbot workspaces key slack T0123456 < key.txt
      avatarbot workspaces key slack T0123456 --remove
    """
    from bot.app.operations import keep_key

    key = "" if remove else click.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    if not key and not remove:
        raise click.UsageError("There is no key on standard input.")
    click.echo(printable_line(finish(keep_key(platform, workspace, key))))
