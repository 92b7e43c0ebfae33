"""`python -m adapters.simulator`: a simulator for other processes. Its first line is its address."""

import asyncio
import errno
import signal

import click

from adapters.simulator.http.app import serving
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from bot.clock import SystemClock

DEFAULTS = Options()


@click.command()
@click.option("--port", default=0, show_default="a free one")
@click.option(
    "--pace", default=DEFAULTS.pace, show_default=True, help="Characters spoken in a second; inf speaks at once."
)
@click.option("--join-delay", default=DEFAULTS.join_delay, show_default=True, help="Seconds until the avatar comes.")
@click.option("--thinking", default=DEFAULTS.thinking, show_default=True, help="Seconds before an answer.")
@click.option("--credit", default=DEFAULTS.credit, show_default=True)
@click.option("--concurrency", default=DEFAULTS.concurrency, show_default=True, help="Sessions at once.")
@click.option("--api-key", default=DEFAULTS.api_key, show_default=True)
@click.option("--seed", default=DEFAULTS.seed, show_default=True, help="Of lost, repeated and reordered packets.")
def main(port: int, **options: float) -> None:
    """AKOOL, its rooms and its avatars, simulated on 127.0.0.1 until interrupted."""
    try:
        asyncio.run(_serve(port, Options(**options)))  # type: ignore[arg-type]  # click has converted them
    except OSError as refused:
        if refused.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise click.ClickException(
            f"Port {port} cannot be had; name another with --port, or none for a free one."
        ) from None


async def _serve(port: int, options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Simulator(SystemClock(), options) as simulator, serving(simulator, port) as url:
        click.echo(url)
        await stop.wait()


main()
