"""The `avatarbot` command. It only maps what is typed to what is done; every command imports what it needs when it runs."""

import sys
from typing import TYPE_CHECKING

import click

from bot.cli.database import backup, db, restore
from bot.cli.operations import forget, ledger, links, sessions, status, transcript, workspaces
from bot.cli.plugins import Root
from bot.cli.programs import hooks, mcp, say, tokens
from bot.cli.running import finish
from bot.cli.setup import setup
from bot.domain.errors import AvatarbotError
from bot.domain.text import printable, printable_line

if TYPE_CHECKING:
    from bot.commands.catalogue import Catalogue

BROKEN, UNUSABLE, INTERRUPTED = 1, 2, 130
"""Exit codes: a fault of ours; what the operator has to mend; Ctrl-C."""


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
      avatarbot setup                asks for your tokens, and tries them
      avatarbot doctor               says what is missing
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

    return finish(run_demo(says, port, opens=opens))


@cli.command()
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="ROLE",
    help="Do only this part of the work: web, gateway or worker. Repeatable.",
)
@click.option("--playground", is_flag=True, help="Also host avatars on a page of our own, at an address with a secret.")
@click.option("--handover", is_flag=True, help="At SIGTERM leave sessions to the process that replaces this one.")
def run(roles: tuple[str, ...], playground: bool, handover: bool) -> int:
    """Run the service for every platform whose tokens are set.

    Ctrl-C or SIGTERM ends it within 10 seconds, with the sessions at the provider closed. Where several processes share a PostgreSQL
    database, each may do a part of the work, and any number may do the same.

    \b
      avatarbot run
      avatarbot run --role web --role gateway
      PORT=9000 LOG_LEVEL=debug avatarbot run --playground
    """
    from bot.app.run import run_service

    return finish(run_service(playground, handover, roles))


@cli.command()
@click.option("--live", is_flag=True, help="Also buy one minute at the provider, and try everything in it.")
@click.option("--yes", is_flag=True, help="Do not ask before it is bought.")
def doctor(live: bool, yes: bool) -> int:
    """Check settings, tokens, database and libraries; say what to do.

    Ends with 0 when the service can start and with 2 when it cannot. It changes nothing.

    With --live one session of a minute is created, joined, spoken to, watched and closed on your account, and what is seen stands
    beside what is documented; where they differ it ends with 1. The lines hold no secret, and help in a bug report.
    """
    from bot.app.doctor import doctor_checks, examine, exit_code, table
    from bot.telemetry import configure_logging

    configure_logging("critical")  # what is found is said in the table, and nowhere else
    findings = finish(examine(doctor_checks()))
    click.echo(table(findings, colour=sys.stdout.isatty()))
    if not live:
        return exit_code(findings)
    from bot.app.doctor import try_live

    if not yes:
        click.confirm("\nBuy one minute at the provider now?", abort=True)
    return max(exit_code(findings), finish(try_live(click.echo)))


@cli.command()
def healthy() -> int:
    """Ask the service on this machine whether it works: ends with 0, or with 1. For the health check of a container."""
    from bot.app.running import healthy as answers
    from bot.settings import Settings, load

    works = answers(load(Settings))
    click.echo("healthy" if works else "no answer")
    return 0 if works else BROKEN


for command in (
    setup,
    db,
    backup,
    restore,
    sessions,
    transcript,
    forget,
    links,
    workspaces,
    status,
    ledger,
    say,
    tokens,
    hooks,
    mcp,
):
    cli.add_command(command)
