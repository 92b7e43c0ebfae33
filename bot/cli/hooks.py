"""`avatarbot hooks`: who is told what happens."""

import sys
from importlib.metadata import entry_points

import click

from bot.cli.running import ask_store, print_answer


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
