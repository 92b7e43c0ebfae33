"""`avatarbot agora …`."""

import click
import httpx

from adapters.agora.install import install
from adapters.agora.wrapper import find_wrapper

TIMEOUT = httpx.Timeout(30.0)


@click.group("agora")
def group() -> None:
    """Agora's SDK, which carries the avatar's room."""


@group.command("install")
@click.option("--force", is_flag=True, help="Fetch the libraries even if they are in place.")
def install_command(*, force: bool) -> None:
    """Fetch the native libraries of Agora's SDK, from the address that the SDK names, with TLS verified."""
    wrapper = find_wrapper()
    if wrapper.complete and wrapper.seal.exists() and not force:
        click.echo(f"Agora's native libraries are in place, in {wrapper.libraries}.")
        return
    click.echo(f"From {wrapper.archive_url}")
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as client, click.progressbar(length=0) as bar:

        def show(here: int, total: int) -> None:
            bar.length = total
            bar.update(here - bar.pos)

        install(wrapper, client, show)
    click.echo(f"Agora's native libraries are in {wrapper.libraries}.")
