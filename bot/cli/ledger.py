"""`avatarbot ledger`: what was paid."""

from datetime import UTC, datetime

import click

from bot.cli.running import finish


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
