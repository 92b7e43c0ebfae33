"""`avatarbot agora …`."""

import re

import click

HEX = re.compile(r"[0-9a-fA-F]{64}")
TIMEOUT_S = 30.0


def _sha256(_context: click.Context, _parameter: click.Parameter, given: str) -> str:
    if given and not HEX.fullmatch(given):
        raise click.BadParameter("has to be 64 hexadecimal digits.")
    return given


@click.group("agora")
def group() -> None:
    """Agora's SDK, which carries the avatar's room."""


@group.command("install")
@click.option("--force", is_flag=True, help="Fetch the libraries even if they are in place.")
@click.option(
    "--sha256",
    default="",
    metavar="HEX",
    callback=_sha256,
    help="What the archive's SHA-256 must be; without it, that of the first installation.",
)
def install_command(*, force: bool, sha256: str) -> None:
    """Fetch the native libraries of Agora's SDK, from the URL that the SDK names, with TLS verified.

    Agora publishes no checksums. The first installation tells the archive's SHA-256 and pins it; give it with --sha256 on your other
    machines, and an archive that was replaced is refused.
    """
    import httpx  # noqa: PLC0415 - the command line is quick without these

    from adapters.agora.install import install  # noqa: PLC0415
    from adapters.agora.wrapper import find_wrapper  # noqa: PLC0415

    wrapper = find_wrapper()
    if wrapper.complete and wrapper.seal.exists() and not force:
        click.echo(f"Agora's native libraries are in place, in {wrapper.libraries}.")
        return
    click.echo(f"From {wrapper.archive_url}")
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client, click.progressbar(length=0) as bar:

        def show(here: int, total: int) -> None:
            bar.length = total
            bar.update(here - bar.pos)

        digest = install(wrapper, client, show, sha256)
    click.echo(f"Agora's native libraries are in {wrapper.libraries}. The archive's SHA-256: {digest}")
