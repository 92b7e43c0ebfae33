"""What a broken installation of the SDK does to us: one sentence, and nothing else."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.agora.connection import AgoraConnections
from adapters.agora.wrapper import Wrapper, archive_url, find_wrapper
from bot.domain.errors import RoomError
from tests.integration.agora.conftest import SETTINGS
from tests.integration.agora.hub import Hub
from tests.integration.agora.sitter import credentials, sit
from tests.integration.agora.vendor import built, on_path, start_python
from tests.patience import HANG_S


@pytest.fixture
def broken() -> Iterator[Wrapper]:
    """A whole installation of its own, to be broken."""
    with tempfile.TemporaryDirectory(prefix="broken-") as folder:
        shutil.copytree(built() / "agora", Path(folder) / "agora")
        with on_path(Path(folder)):
            yield find_wrapper()


def library_without_a_symbol(wrapper: Wrapper) -> None:
    empty = wrapper.libraries / "libaosl.so"
    shutil.copy(empty, wrapper.libraries / "libagora_rtc_sdk.so")


BREAKAGES: dict[str, tuple[Callable[[Wrapper], object], str]] = {
    "no version.txt": (lambda wrapper: wrapper.version_file.unlink(), "missing"),
    "a newline in version.txt": (
        lambda wrapper: wrapper.version_file.write_text(wrapper.archive_url + "\n"),
        "missing",
    ),
    "another version": (lambda wrapper: wrapper.version_file.write_text("https://example.org/old.zip"), "missing"),
    "no libaosl.so": (lambda wrapper: (wrapper.libraries / "libaosl.so").unlink(), "missing"),
    "no library": (lambda wrapper: (wrapper.libraries / "libagora_rtc_sdk.so").unlink(), "missing"),
    "a corrupt library": (
        lambda wrapper: (wrapper.libraries / "libagora_rtc_sdk.so").write_bytes(b"not a library"),
        "cannot be loaded",
    ),
    "a library without a symbol": (library_without_a_symbol, "cannot be loaded"),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
async def test_what_is_broken_is_said_in_one_sentence(broken: Wrapper, breakage: str) -> None:
    do, said = BREAKAGES[breakage]
    do(broken)
    files = sorted(path.name for path in broken.libraries.iterdir())

    async with AgoraConnections(SETTINGS) as connections:
        with pytest.raises(RoomError) as error:
            await connections(credentials()).join()

    assert said in error.value.sentence
    assert "avatarbot agora install" in error.value.sentence
    assert sorted(path.name for path in broken.libraries.iterdir()) == files  # the wrapper's `rm -rf` did not run


def test_a_missing_library_is_known_before_anything_is_paid(broken: Wrapper) -> None:
    AgoraConnections.check()
    broken.version_file.unlink()
    with pytest.raises(RoomError, match="avatarbot agora install"):
        AgoraConnections.check()


async def test_a_service_that_does_not_start_is_noticed(broken: Wrapper, hub: Hub) -> None:
    environment = {"AGORA_STUB_SOCKET": str(hub.path), "AGORA_STUB_REFUSAL": "-101"}
    async with AgoraConnections(SETTINGS, environment) as connections:
        with pytest.raises(RoomError, match="did not start"):
            await connections(credentials()).join()


async def test_after_a_repair_the_next_start_works(broken: Wrapper, hub: Hub) -> None:
    broken.version_file.write_text("")
    async with AgoraConnections(SETTINGS, {"AGORA_STUB_SOCKET": str(hub.path)}) as connections:
        with pytest.raises(RoomError):
            await connections(credentials()).join()
        broken.version_file.write_text(broken.archive_url)
        await sit(connections, credentials())


@pytest.mark.parametrize(
    ("machine", "archive"),
    [
        (
            "x86_64",
            "agora_rtc_sdk_x86_64-linux-gnu-v4.4.32.174_28020_SERVER_20260601_1240_1144448_20251021_1427-3a.zip",
        ),
        ("aarch64", "Agora-RTC-aarch64-linux-gnu-v4.4.32.174-20260601_142442-1144588.zip"),
    ],
)
def test_the_archive_is_the_one_that_the_wrapper_would_fetch(wrapper: Path, machine: str, archive: str) -> None:
    source = (wrapper / "agora" / "__init__.py").read_text()
    assert archive_url(source, machine) == f"https://download.agora.io/sdk/release/{archive}"


TLS = """
import ssl
before = ssl._create_default_https_context
from adapters.agora.sdk.loading import load
load()
import agora.rtc.agora_service, agora.rtc.rtc_connection
assert ssl._create_default_https_context is before
print("verified")
"""


def test_tls_is_verified_again_after_the_import(wrapper: Path) -> None:
    output, complaints = start_python(wrapper, TLS).communicate(timeout=HANG_S)
    assert (output, complaints) == ("verified\n", "")
