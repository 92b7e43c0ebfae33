"""The `avatarbot` command. It only maps what is typed to what is done; every command imports what it needs when it runs."""

import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bot.cli_api import ask_store, tokens
from bot.cli_plugins import PlatformName, Root
from bot.domain.errors import AvatarbotError
from bot.domain.text import printable, printable_line

if TYPE_CHECKING:
    from bot.commands.catalogue import Catalogue
    from bot.ports.storage import Storage

BROKEN, UNUSABLE, INTERRUPTED = 1, 2, 130
"""Exit codes: a fault of ours; what the operator has to mend; Ctrl-C."""

T = TypeVar("T")


def main() -> int:
    """Run the command line; what is wrong is one sentence on standard error."""
    try:
        return int(cli.main(prog_name="avatarbot", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place where it can be said without a secret in it
        return _explain(error)


def _explain(error: BaseException) -> int:
    sentences = _sentences(error)
    if sentences:
        click.echo("\n".join(f"avatarbot: {printable_line(sentence)}" for sentence in sentences), err=True)
        return UNUSABLE
    import traceback

    from bot.app.plugins import plugins
    from bot.redaction import REDACTOR

    plugins()
    click.echo(printable(REDACTOR.text("".join(traceback.format_exception(error)))), err=True)
    click.echo("avatarbot: this is a fault of the program; please report it with the lines above.", err=True)
    return BROKEN


def _sentences(error: BaseException) -> list[str]:
    """What to tell the operator, each sentence once; nothing when anything in it is a fault of ours."""
    if isinstance(error, AvatarbotError):
        return [error.sentence]
    if not isinstance(error, BaseExceptionGroup):
        return []
    inside = [_sentences(each) for each in error.exceptions]
    return list(dict.fromkeys(sentence for each in inside for sentence in each)) if all(inside) else []


def _await(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(work)


async def _offered() -> "Catalogue":
    from bot.app.wiring import offered

    return await offered()


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "obj": _offered})
@click.version_option(package_name="avatarbot")
def cli() -> None:
    """Live video avatars in the channels of your chat.

    \b
    Try it, without any account:
      avatarbot demo                 in the browser
      avatarbot demo --say "Hello"   in this terminal
    \b
    Run it:
      avatarbot doctor               says what .env lacks
      avatarbot run
    """


@cli.command()
@click.option(
    "--say", "says", metavar="TEXT", multiple=True, help="Say this to the avatar, print the talk and end. Repeatable."
)
@click.option("--port", type=click.IntRange(0, 65535), help="Where the page is; a free port when left out.")
@click.option("--open/--no-open", "opens", default=True, help="Whether to open the page in your browser.")
def demo(says: tuple[str, ...], port: int | None, opens: bool) -> int:
    """Talk to an avatar now: everything embedded, no account.

    The provider and the video room are simulated in this process; every other part is the real one.

    \b
      avatarbot demo
      avatarbot demo --say "Who are you?" --say "What time is it?"
    """
    if not says:
        click.echo("\n  Avatarbot demo: provider and room are simulated, everything else is real.")
    from bot.app.demo import run_demo

    return _await(run_demo(says, port, opens=opens))


@cli.command()
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(["web", "gateway", "worker"]),
    help="Do only this part of the work. Repeatable.",
)
@click.option("--playground", is_flag=True, help="Also host avatars on a page of our own, at an address with a secret.")
@click.option("--handover", is_flag=True, help="At SIGTERM leave sessions to the process that replaces this one.")
def run(roles: tuple[str, ...], playground: bool, handover: bool) -> int:
    """Run the service for every platform whose tokens are set.

    Ctrl-C or SIGTERM ends it within 10 seconds, with the sessions at the provider closed.

    \b
      avatarbot run
      PORT=9000 LOG_LEVEL=debug avatarbot run --playground
    """
    from bot.app.run import run_service

    return _await(run_service(playground, handover, roles))


@cli.command()
def doctor() -> int:
    """Check settings, tokens, database and libraries; say what to do.

    Ends with 0 when the service can start and with 2 when it cannot. It changes nothing.
    """
    from bot.app.doctor import doctor_checks, examine, exit_code, table
    from bot.telemetry import configure_logging

    configure_logging("critical")  # what is found is said in the table, and nowhere else
    findings = _await(examine(doctor_checks()))
    click.echo(table(findings, colour=sys.stdout.isatty()))
    return exit_code(findings)


# ---------------------------------------------------------------- the database


@cli.group()
def db() -> None:
    """Bring the database up to date; make keys."""


@db.command()
def upgrade() -> None:
    """Bring the database to the tables this version needs. `run` does so by itself."""
    from bot.settings import Settings, load
    from bot.storage.migrate import current_revision
    from bot.storage.migrate import upgrade as migrate

    settings = load(Settings)
    migrate(settings.store_url)
    click.echo(f"{settings.database_path} is at {current_revision(settings.store_url)}.")


@db.command()
def current() -> None:
    """Show which tables the database has, and which this version needs."""
    from bot.settings import Settings, load
    from bot.storage.migrate import current_revision, newest_revision

    settings = load(Settings)
    there = settings.database_path.exists()
    found = (current_revision(settings.store_url) or "empty") if there else "not made yet"
    click.echo(f"{settings.database_path}: {found} (this version needs {newest_revision()})")


@db.command("new-key")
def new_key() -> None:
    """Print a new key for AVATARBOT_SECRET_KEYS.

    Put it in front of the old ones: the first key writes, all of them read.
    """
    from cryptography.fernet import Fernet

    click.echo(Fernet.generate_key().decode())


# ---------------------------------------------------------------- sessions


def _ask_store(question: Callable[["Storage"], Awaitable[str]]) -> None:
    """Print what a question to the database is answered with."""
    answer = ask_store(question)
    click.echo(printable(answer) if sys.stdout.isatty() else answer)  # a file gets a transcript as it is


@cli.group()
def sessions() -> None:
    """List and stop sessions of all workspaces."""


@sessions.command("list")
def list_sessions() -> None:
    """Show the sessions that have not ended."""
    from bot.app.operations import listing

    _ask_store(listing)


@sessions.command()
@click.argument("session")
def stop(session: str) -> None:
    """Stop a session: its avatar leaves, it is closed at the provider, its thread is told."""
    from bot.app.operations import stop

    _ask_store(lambda storage: stop(storage, session))


@sessions.command()
def reap() -> None:
    """Close what runs at the provider and nobody knows here any more.

    The service does so by itself. What cannot be proven ours is only named, unless AVATARBOT_AKOOL_KEY_IS_OURS is true.
    """
    from bot.app.operations import reap

    click.echo("\n".join(map(printable_line, _await(reap()))))


@cli.command()
@click.argument("session")
@click.option("--format", "kind", type=click.Choice(["md", "json", "vtt", "srt"]), default="md", show_default=True)
def transcript(session: str, kind: str) -> None:
    """Print what was said in a session.

    \b
      avatarbot transcript 0198f3a2-… --format srt > talk.srt
    """
    from bot.app.operations import transcript

    _ask_store(lambda storage: transcript(storage, session, kind))


@cli.command()
@click.argument("session", nargs=-1)
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(min=0),
    metavar="DAYS",
    help="All that ended more than so many days ago.",
)
@click.option(
    "--person",
    nargs=3,
    metavar="PLATFORM WORKSPACE PERSON",
    help="One person's words, by ids, out of every session of a workspace.",
)
@click.option("--yes", is_flag=True, help="Do not ask back.")
def forget(session: tuple[str, ...], days: int | None, person: tuple[str, str, str] | None, yes: bool) -> None:
    """Delete ended sessions and everything that was said in them, or one person's words in all of them.

    It is asked back in a terminal. What avatars answered to a person stays, even where it repeats them; messages that
    stand in a chat are that platform's to delete.

    \b
      avatarbot forget 0198f3a2-…
      avatarbot forget --older-than 7
      avatarbot forget --person slack T0123456 U0123456
    """
    from bot.app.operations import forget, forget_older, forget_person

    if [bool(session), days is not None, bool(person)].count(True) != 1:
        raise click.UsageError("Name sessions, or give --older-than DAYS or --person PLATFORM WORKSPACE PERSON.")
    if not yes and sys.stdin.isatty():
        click.confirm("Delete it for good?", abort=True, err=True)
    if person:
        platform, workspace, person_id = person
        _ask_store(lambda storage: forget_person(storage, platform, workspace, person_id))
        return
    _ask_store(lambda storage: forget(storage, session) if days is None else forget_older(storage, days))


@cli.group()
def links() -> None:
    """Take Watch links back."""


@links.command("revoke")
def revoke_links() -> None:
    """End every Watch link that was given out, and every page that is open through one, within seconds.

    Whoever wants to go on watching presses Watch again.
    """
    from bot.app.operations import revoke_links

    _ask_store(revoke_links)


@cli.group()
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

    _ask_store(lambda storage: allow(storage, platform, workspace, yes=not refuse))


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
    click.echo(printable_line(_await(keep_key(platform, workspace, key))))


# ---------------------------------------------------------------- the HTTP API

cli.add_command(tokens)


if __name__ == "__main__":
    sys.exit(main())
