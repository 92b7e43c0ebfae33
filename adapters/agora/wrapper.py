"""Where agora-python-server-sdk lies and what it still needs, found out without running a line of it.

Importing the wrapper while its native libraries are missing makes it delete a folder, download an archive with TLS
verification off and end the process, so nothing may import it before `find_libraries` has said yes.
"""

import ast
import importlib.util
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.domain.errors import SettingsError

INSTALL: Final = "Run `avatarbot agora install`."
NEEDED: Final = ("libagora_rtc_sdk.so", "libaosl.so")

ADDRESS_NAMES: Final = {"x86_64": "linux_sdk", "aarch64": "url"}
"""The variable of the wrapper's own downloader that ends up with the archive for a machine."""


class WrapperMissing(SettingsError):
    """Agora's SDK cannot be used. The sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """The installed package. `version_file` must hold `archive_url` and nothing more, not even a newline."""

    root: Path
    archive_url: str

    @property
    def libraries(self) -> Path:
        return self.root / "agora_sdk"

    @property
    def version_file(self) -> Path:
        return self.root / "version.txt"

    @property
    def seal(self) -> Path:
        """Lies with the libraries that we fetched, with TLS verified; the wrapper's build and import fetch without."""
        return self.libraries / "fetched-by-avatarbot.txt"

    @property
    def complete(self) -> bool:
        """Whether the native libraries are those that this wrapper wants."""
        named = self.version_file.read_text() if self.version_file.is_file() else ""
        return named == self.archive_url and all((self.libraries / name).is_file() for name in NEEDED)


def check_machine(system: str = sys.platform, machine: str = platform.machine()) -> str:
    """What kind of machine this is. Raises `WrapperMissing` for one that Agora has no SDK for."""
    if system != "linux" or machine not in ADDRESS_NAMES:
        raise WrapperMissing(f"Agora's SDK runs on Linux (x86-64 or ARM) only, not on {system} {machine}.")
    return machine


def find_wrapper() -> Wrapper:
    """The installed wrapper. Raises `WrapperMissing`."""
    machine = check_machine()
    # `find_spec` of a top-level name runs nothing. A failed installation leaves an empty folder, which has no origin.
    spec = importlib.util.find_spec("agora")
    if spec is None or spec.origin is None:
        raise WrapperMissing(f"Agora's SDK is not installed. {INSTALL}")
    source = Path(spec.origin)
    address = archive_url(source.read_text(encoding="utf-8"), machine)
    if address is None:
        raise WrapperMissing(
            "The package `agora` in this environment is another one than Avatarbot knows. "
            "Take it out, and run `avatarbot agora install`.",
            str(source),
        )
    return Wrapper(source.parent, address)


def find_libraries() -> Wrapper:
    """The installed wrapper, whole. Raises `WrapperMissing`."""
    wrapper = find_wrapper()
    if not wrapper.complete:
        raise WrapperMissing(f"Agora's native libraries are missing. {INSTALL}", str(wrapper.libraries))
    return wrapper


def archive_url(source: str, machine: str) -> str | None:
    """The address that the wrapper's `agora/__init__.py` would download from on a machine: the last of many that it assigns."""
    assigned = [
        (node.lineno, node.value.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and any(isinstance(target, ast.Name) and target.id == ADDRESS_NAMES[machine] for target in node.targets)
    ]
    addresses = [text for _, text in sorted(assigned) if machine in text and text.startswith("https://")]
    return addresses[-1] if addresses else None
