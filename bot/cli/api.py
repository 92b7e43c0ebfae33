"""`avatarbot tokens` and `avatarbot say`: the HTTP API, for its operator and for a shell."""

import sys
from importlib.metadata import entry_points

import click

from bot.cli.running import ask_store, finish
from bot.domain.text import printable_line

LONGEST_INPUT = 100_000
"""Characters that are read for a text; the service says what is too long for it."""


@click.group()
def tokens() -> None:
    """Say which programs may use the HTTP API."""


@tokens.command()
@click.argument("name")
@click.option(
    "--places",
    multiple=True,
    required=True,
    metavar="PLACE,…",
    help="Where: slack/T0123456/C0123456, or slack/T0123456/* for all public channels. Repeatable.",
)
@click.option(
    "--verbs", multiple=True, default=("say",), show_default=True, metavar="COMMAND,…", help="What for. Repeatable."
)
@click.option(
    "--minutes-per-day",
    type=click.IntRange(0, 1440),
    default=60,
    show_default=True,
    help="Of the provider's time that it may start, in each workspace.",
)
@click.option("--expires", default="90d", show_default=True, help="A day as 2027-01-31, a time as 90d, or never.")
def create(name: str, places: tuple[str, ...], verbs: tuple[str, ...], minutes_per_day: int, expires: str) -> None:
    """Make a token for a program. It is shown once, on standard output.

    Where no avatar is live, `say` starts one if the token is also for `start`.

    \b
      avatarbot tokens create release-bot --places slack/T0123456/C0123456 --verbs say,start
    """
    from bot.app.api_tokens import TokenRequest
    from bot.app.api_tokens import create as made

    request = TokenRequest(name, places, verbs, minutes_per_day, expires)
    platforms = {*entry_points(group="avatarbot.platforms").names, "playground"}
    secret = ask_store(lambda storage: made(storage, request, platforms))
    if sys.stdout.isatty():
        click.echo("This is shown once; it is kept as a hash only.\n", err=True)
    click.echo(secret)


@tokens.command("list")
def list_tokens() -> None:
    """Show what each token is for."""
    from bot.app.api_tokens import listing

    click.echo("\n".join(map(printable_line, ask_store(listing).splitlines())))


@tokens.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Take a token back, at once."""
    from bot.app.api_tokens import revoke as taken_back

    click.echo(printable_line(ask_store(lambda storage: taken_back(storage, name))))


@click.command()
@click.argument("place")
@click.argument("text", nargs=-1, required=True)
@click.option(
    "--mode",
    type=click.Choice(["retelling", "dialogue"]),
    default="retelling",
    show_default=True,
    help="Of an avatar that is started because none is live: whether it says the text or answers it.",
)
@click.option("--key", default="", help="The same key says it once, however often the command is run.")
@click.option(
    "--wait",
    type=click.IntRange(0, 60),
    default=30,
    show_default=True,
    help="Seconds to wait until it is spoken; 0 only hands it over.",
)
def say(place: str, text: tuple[str, ...], mode: str, key: str, wait: int) -> None:
    """Say something through an avatar in a channel, over the HTTP API.

    AVATARBOT_URL says where the service is, AVATARBOT_TOKEN which token to use. With - for the text, standard input is read.
    What the avatar says is printed; where it was not spoken, the command says why and ends with 2.

    \b
      avatarbot say slack/T0123456/C0123456 "Version 2 is out."
      git log -1 --format=%s | avatarbot say '#releases' -
    """
    from bot.app.say import ClientSettings
    from bot.app.say import say as said
    from bot.settings import load

    words = sys.stdin.read(LONGEST_INPUT) if text == ("-",) else " ".join(text)
    answer = finish(said(load(ClientSettings), place, words, mode=mode, key=key, wait=wait))
    if answer:
        click.echo(printable_line(answer) if sys.stdout.isatty() else answer)
