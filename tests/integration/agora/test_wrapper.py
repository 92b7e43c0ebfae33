import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.agora.checks import check
from adapters.agora.settings import AgoraSettings
from adapters.agora.wrapper import (
    NEEDED,
    Wrapper,
    WrapperMissing,
    archive_url,
    check_machine,
    find_libraries,
    find_wrapper,
)
from bot.ports.plugin import Level

SOURCE = """
raise SystemExit("imported")
linux_sdk = "https://example.org/x86_64/old.zip"
mac_sdk = "https://example.org/mac.zip"
linux_sdk = "https://example.org/x86_64/new.zip"
url = linux_sdk
if True:
    url = "https://example.org/aarch64/old.zip"
    url = "https://example.org/aarch64/new.zip"
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="agora-python-server-sdk is for Linux")

Installed = Callable[[str], Wrapper]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `site-packages` of our own."""
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return tmp_path


@pytest.fixture
def installed(site: Path) -> Wrapper:
    (site / "agora").mkdir()
    (site / "agora" / "__init__.py").write_text(SOURCE)
    return find_wrapper()


def complete(wrapper: Wrapper) -> None:
    wrapper.libraries.mkdir()
    for name in NEEDED:
        (wrapper.libraries / name).touch()
    wrapper.version_file.write_text(wrapper.archive_url)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_address_is_the_last_one_assigned_for_the_machine(machine: str) -> None:
    assert archive_url(SOURCE, machine) == f"https://example.org/{machine}/new.zip"


def test_an_address_without_tls_is_none() -> None:
    assert archive_url('linux_sdk = "http://example.org/x86_64.zip"', "x86_64") is None


def test_the_wrapper_is_found_without_running_it(site: Path, installed: Wrapper) -> None:
    assert installed == Wrapper(site / "agora", "https://example.org/x86_64/new.zip")
    assert "agora" not in sys.modules


def test_what_a_failed_installation_leaves_is_not_the_wrapper(site: Path) -> None:
    (site / "agora").mkdir()
    with pytest.raises(WrapperMissing, match="not installed"):
        find_wrapper()


def test_a_package_of_the_same_name_is_told_apart(site: Path) -> None:
    (site / "agora").mkdir()
    (site / "agora" / "__init__.py").write_text("linux_sdk = None")
    with pytest.raises(WrapperMissing, match="Take it out"):
        find_wrapper()


@pytest.mark.parametrize(("platform", "machine"), [("darwin", "arm64"), ("win32", "AMD64"), ("linux", "riscv64")])
def test_other_machines_are_told(platform: str, machine: str) -> None:
    with pytest.raises(WrapperMissing, match="Linux"):
        check_machine(platform, machine)


def test_libraries_must_be_those_that_the_wrapper_wants(installed: Wrapper) -> None:
    with pytest.raises(WrapperMissing, match="avatarbot agora install"):
        find_libraries()
    complete(installed)
    assert find_libraries() == installed
    installed.version_file.write_text(installed.archive_url + "\n")
    with pytest.raises(WrapperMissing):
        find_libraries()


async def test_doctor_says_what_is_missing_and_what_to_do(site: Path) -> None:
    (finding,) = await check(AgoraSettings(app_id="", app_certificate=None))
    assert finding.level is Level.PROBLEM
    assert "not installed" in finding.what
    assert finding.remedy == "Run `avatarbot agora install`."


async def test_doctor_names_the_command_that_fetches_the_libraries(installed: Wrapper) -> None:
    (finding,) = await check(AgoraSettings(app_id="", app_certificate=None))
    assert "native libraries are missing" in finding.what
    assert finding.remedy == "Run `avatarbot agora install`."


async def test_doctor_does_not_trust_what_the_sdk_fetched_itself(installed: Wrapper) -> None:
    complete(installed)
    (finding,) = await check(AgoraSettings(app_id="", app_certificate=None))
    assert (finding.level, finding.remedy) == (Level.WARNING, "Run `avatarbot agora install`.")


async def test_doctor_is_content_with_libraries_that_we_fetched(installed: Wrapper) -> None:
    complete(installed)
    installed.seal.touch()
    (finding,) = await check(AgoraSettings(app_id="", app_certificate=None))
    assert (finding.level, finding.remedy) == (Level.OK, "")


@pytest.mark.parametrize(
    ("app_id", "certificate", "said"),
    [
        ("0" * 32, "", "AGORA_APP_CERTIFICATE is not set"),
        ("", "0" * 32, "AGORA_APP_ID is not set"),
        ("my app", "0" * 32, "AGORA_APP_ID is not 32 hexadecimal digits"),
        ("0" * 32, "0" * 31, "AGORA_APP_CERTIFICATE is not 32 hexadecimal digits"),
    ],
)
async def test_doctor_looks_at_the_project(installed: Wrapper, app_id: str, certificate: str, said: str) -> None:
    settings = AgoraSettings.model_validate({"app_id": app_id, "app_certificate": certificate or None})
    _, *findings = await check(settings)
    assert [finding.what for finding in findings] == [f"Agora: {said}"]
    assert not certificate or certificate not in str(findings)


async def test_doctor_asks_for_co_host_authentication(installed: Wrapper) -> None:
    settings = AgoraSettings.model_validate({"app_id": "0" * 32, "app_certificate": "f" * 32})
    _, finding = await check(settings)
    assert finding.level is Level.WARNING
    assert "co-host authentication" in finding.remedy


@pytest.mark.parametrize(
    ("name", "level"),
    [("", None), ("root", Level.OK if os.geteuid() == 0 else Level.PROBLEM), ("no-such-user", Level.PROBLEM)],
)
async def test_whom_room_hosts_run_as_is_looked_at_first(name: str, level: Level | None) -> None:
    found = [f for f in await check(AgoraSettings(host_user=name)) if "room hosts" in f.what or "no user" in f.what]
    assert [finding.level for finding in found] == ([level] if level else [])
