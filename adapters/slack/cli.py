"""`avatarbot slack …`."""

import json
from urllib.parse import urlsplit

import click

from adapters.slack.manifest import creation_link, manifest


def _https(_: click.Context, __: click.Parameter, url: str | None) -> str | None:
    if url is not None and (urlsplit(url).scheme != "https" or not urlsplit(url).hostname):
        raise click.BadParameter("Slack delivers to a public https:// address only")
    return url


@click.group("slack")
def group() -> None:
    """Slack: what to paste there."""


@group.command("manifest")
@click.option(
    "--http",
    "public_url",
    metavar="URL",
    callback=_https,
    help="The service's public address; without it, Socket Mode.",
)
@click.option(
    "--command",
    default="/avatar",
    show_default=True,
    envvar="AVATARBOT_SLACK_COMMAND",
    help="The slash command's name.",
)
@click.option(
    "--url", "as_link", is_flag=True, help="Print a link instead that opens Slack's page to create the app, filled in."
)
def print_manifest(public_url: str | None, command: str, *, as_link: bool) -> None:
    """Print the app manifest: api.slack.com/apps, Create New App, From a manifest."""
    app = manifest(command, public_url)
    if not as_link:
        click.echo(json.dumps(app, indent=2))
        return
    try:
        click.echo(creation_link(app))
    except ValueError as error:
        raise click.ClickException(f"{error}: paste what `avatarbot slack manifest` prints.") from None
