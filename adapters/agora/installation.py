"""What `avatarbot agora install` does, and says while it does it."""

from pathlib import Path

import click
import httpx

from adapters.agora import sdist as sdists
from adapters.agora.install import install
from adapters.agora.wrapper import check_machine, find_wrapper

TIMEOUT_S = 30.0


def install_sdk(*, force: bool, sha256: str, sdist: Path | None) -> None:
    """The SDK's Python part and its native libraries, those that are missing. Raises `SettingsError` where that cannot be."""
    check_machine()
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=True) as client:
        _install_wrapper(client, sdist)
        _install_libraries(client, force=force, sha256=sha256)


def _install_wrapper(client: httpx.Client, file: Path | None) -> None:
    folder = sdists.packages_folder()
    if sdists.unpacked(folder):
        return
    sdists.check_ours(folder)
    click.echo(f"From {file or sdists.PINNED.url}")
    sdists.unpack(file.read_bytes() if file else sdists.fetched(client), folder)


def _install_libraries(client: httpx.Client, *, force: bool, sha256: str) -> None:
    wrapper = find_wrapper()
    if wrapper.complete and wrapper.seal.exists() and not force:
        click.echo(f"Agora's native libraries are in place, in {wrapper.libraries}.")
        return
    click.echo(f"From {wrapper.archive_url}")
    with click.progressbar(length=0) as bar:

        def show(here: int, total: int) -> None:
            bar.length = total
            bar.update(here - bar.pos)

        digest = install(wrapper, client, show, sha256)
    click.echo(f"Agora's native libraries are in {wrapper.libraries}. The archive's SHA-256: {digest}")
