"""What `avatarbot agora install` does: it fetches the SDK's Python part and the vendor's native libraries.

Nobody depends then on the wrapper's own download: its TLS is not verified, it deletes first, and it happens whenever somebody imports it.
"""

import hashlib
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

import click
import httpx

from adapters.agora import sdist as sdists
from adapters.agora.sdist import InstallFailed
from adapters.agora.wrapper import NEEDED, Wrapper, check_machine, find_wrapper

BREAKS: Final = 5
"""How often in a row a download may break off without a byte more, until it is given up."""
LARGEST: Final = 2 * 1024**3
"""Bytes that the archive may unpack to; the libraries are held to be some hundred megabytes."""
TOP: Final = "agora_sdk"

KNOWN: Final[dict[str, str]] = {}
"""The SHA-256 of archives by their URL, where one is known. Agora publishes none; what is not here, the first installation pins."""

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes there will be (0 when the server does not say)."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A download on its way. It goes on where it stopped, if the server still has the same file."""

    path: Path

    @property
    def tag_path(self) -> Path:
        return self.path.with_suffix(".etag")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def ask_for_rest(self) -> dict[str, str]:
        """Headers that ask for what is missing."""
        tag = self.tag_path.read_text() if self.tag_path.exists() else ""
        whole = {"Accept-Encoding": "identity"}
        return whole | {"Range": f"bytes={self.size}-", "If-Range": tag} if tag and self.size else whole

    def begin(self, response: httpx.Response) -> None:
        """A new file: forget what there was."""
        self.path.unlink(missing_ok=True)
        tag = response.headers.get("ETag", "")
        self.tag_path.write_text("" if tag.startswith("W/") else tag)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.tag_path.unlink(missing_ok=True)


def install(
    wrapper: Wrapper, client: httpx.Client, progress: Progress, sha256: str = "", known: Mapping[str, str] = KNOWN
) -> str:
    """Download what the wrapper names, verify it, put it where the wrapper looks. Returns the archive's SHA-256.

    It has to be `sha256` where that is given, else the one `known` for this URL, else the one that was installed from this URL
    before. Raises `InstallFailed`.
    """
    expected = sha256.lower() or known.get(wrapper.archive_url, "") or pinned(wrapper)
    partial = Partial(wrapper.root / "agora_sdk.zip.part")
    try:
        download(client, wrapper.archive_url, partial, progress)
        try:
            digest = _digest(partial.path, expected)
            unpack(partial.path, wrapper, digest)
        finally:
            partial.remove()
    except OSError as refused:
        raise InstallFailed(f"Cannot write to {wrapper.root}: {refused.strerror or refused}.") from refused
    return digest


def pinned(wrapper: Wrapper) -> str:
    """The SHA-256 of the archive that is installed, if it came from the same URL; else `''`."""
    if not wrapper.seal.is_file():
        return ""
    url, _, digest = wrapper.seal.read_text().strip().partition("\n")
    return digest if url == wrapper.archive_url else ""


def _digest(archive: Path, expected: str) -> str:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected and found != expected:
        raise InstallFailed(
            f"Agora's archive is another one than expected: its SHA-256 is {found}, not {expected}. Nothing was installed. "
            f"If Agora has replaced it and you trust the new one: avatarbot agora install --force --sha256 {found}"
        )
    return found


def download(client: httpx.Client, url: str, partial: Partial, progress: Progress) -> None:
    """Get all of `url`, however often it breaks off. Raises `InstallFailed`; what is there by then stays for the next time."""
    breaks = 0
    while True:
        before = partial.size
        try:
            return _get_rest(client, url, partial, progress)
        except httpx.TransportError as broken:
            breaks = 1 if partial.size > before else breaks + 1
            if breaks == BREAKS:
                raise InstallFailed(
                    f"The download broke off ({broken}). Run the command again: it goes on where it stopped."
                ) from broken


def _get_rest(client: httpx.Client, url: str, partial: Partial, progress: Progress) -> None:
    with client.stream("GET", url, headers=partial.ask_for_rest()) as response:
        if response.url.scheme != "https":
            raise InstallFailed("Agora's server sent us to an address without TLS.", response.url.host)
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is here
        if response.status_code == httpx.codes.OK:
            partial.begin(response)
        elif not _continues(response, partial):
            raise InstallFailed(f"Agora's server answered {response.status_code} instead of the libraries.", url)
        total = partial.size + int(response.headers.get("Content-Length", 0))
        with partial.path.open("ab") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                progress(file.tell(), total)


def _continues(response: httpx.Response, partial: Partial) -> bool:
    ranged = response.headers.get("Content-Range", "").startswith(f"bytes {partial.size}-")
    return response.status_code == httpx.codes.PARTIAL_CONTENT and ranged


def unpack(archive: Path, wrapper: Wrapper, digest: str) -> None:
    """Replace the libraries with those of the archive, all or nothing. Raises `InstallFailed`."""
    with tempfile.TemporaryDirectory(prefix=".agora_sdk-", dir=wrapper.root) as folder:
        try:
            with ZipFile(archive) as zipped:
                zipped.extractall(folder, checked(zipped.infolist()))
        except (BadZipFile, zlib.error, EOFError, NotImplementedError) as broken:
            raise InstallFailed(
                "What Agora's server sent is no whole archive. Run the command again.", str(broken)
            ) from broken
        fresh = Path(folder) / TOP
        if missing := [name for name in NEEDED if not (fresh / name).is_file()]:
            raise InstallFailed(f"Agora's archive holds no {' and no '.join(missing)}.")
        (fresh / wrapper.seal.name).write_text(f"{wrapper.archive_url}\n{digest}\n")
        wrapper.version_file.unlink(missing_ok=True)
        shutil.rmtree(wrapper.libraries, ignore_errors=True)
        fresh.rename(wrapper.libraries)
    wrapper.version_file.write_text(
        wrapper.archive_url
    )  # compared as it is: a newline would make the wrapper start over


def checked(members: Sequence[ZipInfo]) -> Sequence[ZipInfo]:
    """The members that belong to the libraries. Raises `InstallFailed` for an archive that reaches for anything else."""
    if hostile := next(_hostile(members), None):
        raise InstallFailed(
            "Agora's archive holds paths that lead elsewhere; nothing was unpacked.", repr(hostile.filename)
        )
    ours = [member for member in members if PurePosixPath(member.filename).parts[:1] == (TOP,)]
    if sum(member.file_size for member in ours) > LARGEST:
        raise InstallFailed("Agora's archive is larger than its libraries can be; nothing was unpacked.")
    return ours


def _hostile(members: Sequence[ZipInfo]) -> Iterator[ZipInfo]:
    for member in members:
        # `orig_filename` is what the archive says; `filename` was cut off at a NUL already.
        path = PurePosixPath(member.orig_filename)
        if path.is_absolute() or ".." in path.parts or any(sign in member.orig_filename for sign in "\\:\0"):
            yield member


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
