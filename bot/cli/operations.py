"""Commands for operators: how the service is doing, its sessions and what was said in them, links, accounts, and what was paid."""

import sys
from datetime import UTC, datetime

import click

from bot.cli.plugins import PlatformName
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


@click.command()
def status() -> int:
    """Show on one screen how the service is doing: sessions, processes, what was paid today, and what went wrong last.

    Ends with 0 when the service on this machine answers and is ready, else with 1.
    """
    from bot.app.status import status as shown
    from bot.telemetry import configure_logging

    configure_logging("critical")  # what is found is said on the screen, and nowhere else
    screen, well = finish(shown())
    click.echo(screen)
    return 0 if well else 1


@click.command()
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="As in 2026-11-01; 30 days where left out."
)
@click.option("--json", "as_json", is_flag=True, help="For programs: seconds and credits.")
def ledger(since: datetime | None, as_json: bool) -> None:
    """Show what was bought at the provider, used, given back and lost, by day and workspace, beside the credit that is left.

    LEAKED is paid time after a session was to end, UNKNOWN what was perhaps bought: the provider's answer was missed. "own key" is an
    account that a workspace brought; the comparison is of yours alone.

    \b
      avatarbot ledger
      avatarbot ledger --since 2026-11-01 --json
    """
    from bot.app.ledger import ledger as stated

    first = since and since.replace(tzinfo=UTC)
    if first and first > datetime.now(UTC):
        raise click.BadParameter("This day has not begun yet (UTC).", param_hint="--since")
    click.echo(finish(stated(first, as_json=as_json)))
