"""Commands for sessions of all workspaces, what was said in them, and their links."""

import sys

import click

from bot.cli.running import finish, print_answer
from bot.domain.text import printable_line


@click.group()
def sessions() -> None:
    """List and stop sessions of all workspaces."""


@sessions.command("list")
def list_sessions() -> None:
    """Show the sessions that have not ended."""
    from bot.app.operations import listing

    print_answer(listing)


@sessions.command()
@click.argument("session")
def stop(session: str) -> None:
    """Stop a session: its avatar leaves, it is closed at the provider, its thread is told."""
    from bot.app.operations import stop

    print_answer(lambda storage: stop(storage, session))


@sessions.command()
def reap() -> None:
    """Close what runs at the provider and nobody knows here any more.

    The service does so by itself. What cannot be proven ours is only named, unless AVATARBOT_AKOOL_KEY_IS_OURS is true.
    """
    from bot.app.operations import reap

    click.echo("\n".join(map(printable_line, finish(reap()))))


@click.command()
@click.argument("session")
@click.option("--format", "kind", type=click.Choice(["md", "json", "vtt", "srt"]), default="md", show_default=True)
def transcript(session: str, kind: str) -> None:
    """Print what was said in a session.

    \b
      avatarbot transcript 0198f3a2-… --format srt > talk.srt
    """
    from bot.app.operations import transcript

    print_answer(lambda storage: transcript(storage, session, kind))


@click.command()
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
        print_answer(lambda storage: forget_person(storage, platform, workspace, person_id))
        return
    print_answer(lambda storage: forget(storage, session) if days is None else forget_older(storage, days))


@click.group()
def links() -> None:
    """Take Watch links back."""


@links.command("revoke")
def revoke_links() -> None:
    """End every Watch link that was given out, and every page that is open through one, within seconds.

    Whoever wants to go on watching presses Watch again.
    """
    from bot.app.operations import revoke_links

    print_answer(revoke_links)
