"""Putting the vendor's Python wrapper into this environment without running its build, which turns TLS verification off and downloads."""

import hashlib
import importlib
import importlib.util
import io
import os
import shutil
import sys
import sysconfig
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from bot.domain.errors import SettingsError

PACKAGE: Final = "agora"


class InstallFailed(SettingsError):
    """The libraries are not installed; what was installed before still is."""


@dataclass(frozen=True, slots=True)
class Sdist:
    """An sdist on the package index. `top` is the folder inside of it."""

    url: str
    sha256: str
    top: str


PINNED: Final = Sdist(
    "https://files.pythonhosted.org/packages/43/d8/fb7ae6cbd726f76a86d94e77d6513158884cab66045a6e1d9fbdced90722/"
    "agora_python_server_sdk-2.4.10.tar.gz",
    "f02cae825be2986435ef5b9a0ab3de30eaa9bf692a9be37a3f5f90fe338788cd",
    "agora_python_server_sdk-2.4.10",
)


def packages_folder() -> Path:
    """Where this Python keeps its packages."""
    return Path(sysconfig.get_path("purelib"))


def check_ours(folder: Path) -> None:
    """Raises `InstallFailed` where the packages are not ours to change."""
    if sys.prefix == sys.base_prefix and Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED").is_file():
        raise InstallFailed(
            "This Python belongs to the operating system, which keeps its packages itself. "
            "Install Avatarbot in an environment of its own, such as `uv tool install` makes, and run the command there."
        )
    if not os.access(folder, os.W_OK):
        raise InstallFailed(
            f"You may not write to {folder}. Run the command as the user who installed Avatarbot; in an image, while building it."
        )


def unpacked(folder: Path, sdist: Sdist = PINNED) -> bool:
    """Whether there is a wrapper: this version if it was unpacked by us, any if somebody else installed it."""
    mark = _mark(folder)
    if mark.is_file():
        return mark.read_text() == sdist.sha256
    spec = importlib.util.find_spec(PACKAGE)
    return spec is not None and spec.origin is not None


def fetched(client: httpx.Client, sdist: Sdist = PINNED) -> bytes:
    """The sdist from the package index. Raises `InstallFailed`."""
    try:
        answer = client.get(sdist.url)
    except httpx.TransportError as broken:
        raise InstallFailed(
            f"The package index cannot be reached ({broken}). Fetch {sdist.url} where it can, and name the file with --sdist."
        ) from broken
    if answer.status_code != httpx.codes.OK:
        raise InstallFailed(f"The package index answered {answer.status_code} instead of Agora's SDK.", sdist.url)
    return answer.content


def unpack(content: bytes, folder: Path, sdist: Sdist = PINNED) -> None:
    """Put the wrapper into `folder`, whole or not at all. Raises `InstallFailed` for bytes that are not the pinned ones."""
    found = hashlib.sha256(content).hexdigest()
    if found != sdist.sha256:
        raise InstallFailed(
            f"This is not {sdist.top}.tar.gz as it was published: its SHA-256 is {found}, not {sdist.sha256}. Nothing was installed."
        )
    try:
        with tempfile.TemporaryDirectory(prefix=".agora-", dir=folder) as fresh:
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                tar.extractall(fresh, filter="data")
            package = Path(fresh, sdist.top, PACKAGE)
            _mark(package.parent).write_text(sdist.sha256)
            shutil.rmtree(folder / PACKAGE, ignore_errors=True)
            package.rename(folder / PACKAGE)
    except OSError as refused:
        raise InstallFailed(f"Cannot write to {folder}: {refused.strerror or refused}.") from refused
    importlib.invalidate_caches()


def _mark(folder: Path) -> Path:
    return folder / PACKAGE / "unpacked-by-avatarbot.txt"
