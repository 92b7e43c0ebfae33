"""`avatarbot agora …`."""

import re
from pathlib import Path

import click

HEX = re.compile(r"[0-9a-fA-F]{64}")


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
@click.option(
    "--sdist",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The SDK's Python part as a file, where PyPI cannot be reached.",
)
def install_command(*, force: bool, sha256: str, sdist: Path | None) -> None:
    """Install Agora's SDK: its Python part from PyPI, and the native libraries from the URL that it names, with TLS verified.

    The Python part is pinned by its SHA-256. Agora publishes no checksums of the libraries: the first installation tells the
    archive's and pins it; give it with --sha256 on your other machines, and an archive that was replaced is refused.
    """
    from adapters.agora.install import install_sdk  # noqa: PLC0415 - the command line is quick without it

    install_sdk(force=force, sha256=sha256, sdist=sdist)
