"""`avatarbot status`: how the service is doing."""

import click

from bot.cli.running import finish


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
