"""Commands for programs that work with the service: tokens of the HTTP API, a text from a shell, hooks, and MCP for agents."""

import importlib.util
import sys
from importlib.metadata import entry_points

import click

from bot.cli.running import ask_store, finish, print_answer
from bot.domain.errors import SettingsError
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


@click.group()
def hooks() -> None:
    """Say which URLs are told what happens in sessions."""


@hooks.command()
@click.argument("url")
@click.option(
    "--events",
    multiple=True,
    metavar="EVENT,…",
    help="session.started, session.live, session.asleep, session.ended, turn.spoken, utterance.final, or all. Repeatable. "
    "Left out, it is those of sessions.",
)
@click.option(
    "--places",
    multiple=True,
    metavar="PLACE,…",
    help="Where: slack/T0123456/C0123456, or slack/T0123456/* for all public channels. Repeatable. "
    "Left out, it is all public channels.",
)
def add(url: str, events: tuple[str, ...], places: tuple[str, ...]) -> None:
    """Tell a URL what happens. The secret that it checks signatures with is shown once, on standard output.

    A private channel, a private thread and a direct message are told of only where you name them.

    \b
      avatarbot hooks add https://example.com/avatar --events session.ended,utterance.final --places slack/T0123456/C0123456
    """
    from bot.app.hooks import HookRequest
    from bot.app.hooks import add as added
    from bot.settings import Settings, load

    request, inside = HookRequest(url, events, places), load(Settings).hooks_inside
    platforms = {*entry_points(group="avatarbot.platforms").names, "playground"}
    secret = ask_store(lambda storage: added(storage, request, platforms, inside))
    if sys.stdout.isatty():
        click.echo(
            "This is shown once. The receiver checks with it that a request is ours: docs/hooks.md says how.\n",
            err=True,
        )
    click.echo(secret)


@hooks.command("list")
def list_hooks() -> None:
    """Show each hook, without the path of its URL, which may be a secret."""
    from bot.app.hooks import listing

    print_answer(listing)


@hooks.command()
@click.argument("hook")
def remove(hook: str) -> None:
    """Tell a URL nothing more; what waits for it is dropped."""
    from bot.app.hooks import remove as removed

    print_answer(lambda storage: removed(storage, hook))


@hooks.command()
def failed() -> None:
    """Show what could not be sent within a day."""
    from bot.app.hooks import dead_letters

    print_answer(dead_letters)


@hooks.command()
@click.argument("what", default="", metavar="[HOOK|EVENT]")
def retry(what: str) -> None:
    """Send anew what could not be sent: all of it, one hook's, or one event.

    A hook that was disabled because its receiver answered 410 is told again from now on.
    """
    from bot.app.hooks import retry as tried

    print_answer(lambda storage: tried(storage, what))


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
