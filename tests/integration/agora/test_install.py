"""`avatarbot agora install`, against a server with TLS."""

import hashlib
import io
import platform
import random
import ssl
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from adapters.agora.cli import group
from adapters.agora.install import BREAKS, install
from adapters.agora.sdist import InstallFailed
from adapters.agora.wrapper import Wrapper, find_wrapper
from tests.integration.agora.depot import Depot, open_depot
from tests.integration.agora.vendor import on_path
from tests.patience import HANG_S

LIBRARY = random.Random(7).randbytes(300_000)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="agora-python-server-sdk is for Linux")


def archive(members: dict[str, bytes] | None = None) -> bytes:
    packed = io.BytesIO()
    whole = {"agora_sdk/libagora_rtc_sdk.so": LIBRARY, "agora_sdk/libaosl.so": b"aosl", "agora_sdk/include/a.h": b"a"}
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in (whole if members is None else members).items():
            zipped.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Depot, ssl.SSLContext]]:
    with open_depot() as served:
        yield served


@pytest.fixture
def depot(served: tuple[Depot, ssl.SSLContext]) -> Depot:
    depot = served[0]
    depot.content, depot.tag, depot.breaks, depot.status, depot.ranges = archive(), '"one"', [], 200, []
    return depot


@pytest.fixture
def client(served: tuple[Depot, ssl.SSLContext]) -> Iterator[httpx.Client]:
    with httpx.Client(verify=served[1], trust_env=False, timeout=HANG_S) as client:
        yield client


@pytest.fixture
def wrapper(tmp_path: Path, depot: Depot) -> Iterator[Wrapper]:
    """An installed wrapper without its libraries, which names our server."""
    folder = tmp_path / "a place with spaces" / "agora"
    folder.mkdir(parents=True)
    address = f"{depot.url}/{platform.machine()}/sdk.zip"
    (folder / "__init__.py").write_text(f'raise SystemExit("imported")\nlinux_sdk = "{address}"\nurl = "{address}"\n')
    with on_path(folder.parent):
        yield find_wrapper()


class Progress:
    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, here: int, total: int) -> None:
        self.seen.append((here, total))


def test_the_libraries_come_to_where_the_wrapper_looks(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    progress = Progress()

    install(wrapper, client, progress)

    assert wrapper.complete
    assert (wrapper.libraries / "libagora_rtc_sdk.so").read_bytes() == LIBRARY
    assert wrapper.version_file.read_bytes() == wrapper.archive_url.encode()
    assert progress.seen[-1] == (len(depot.content), len(depot.content))
    assert {path.name for path in wrapper.root.iterdir()} == {"__init__.py", "agora_sdk", "version.txt"}


def test_a_broken_download_goes_on_where_it_stopped(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    depot.breaks = [100_000, 50_000]

    install(wrapper, client, Progress())

    assert wrapper.complete
    assert depot.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_a_download_goes_on_in_the_next_run(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    depot.breaks = [100_000, *[0] * (BREAKS - 1)]
    with pytest.raises(InstallFailed, match="goes on where it stopped"):
        install(wrapper, client, Progress())
    assert len(depot.ranges) == BREAKS
    depot.ranges.clear()

    install(wrapper, client, Progress())

    assert wrapper.complete
    assert depot.ranges == ["bytes=100000-"]


def test_what_changed_meanwhile_is_fetched_anew(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    depot.breaks = [100_000, *[0] * (BREAKS - 1)]
    with pytest.raises(InstallFailed):
        install(wrapper, client, Progress())
    depot.tag = '"two"'

    install(wrapper, client, Progress())

    assert (wrapper.libraries / "libagora_rtc_sdk.so").read_bytes() == LIBRARY


def test_a_server_that_cannot_prove_itself_is_not_believed(wrapper: Wrapper, depot: Depot) -> None:
    with (
        httpx.Client(trust_env=False) as trusting_only_the_world,
        pytest.raises(InstallFailed, match="CERTIFICATE_VERIFY"),
    ):
        install(wrapper, trusting_only_the_world, Progress())
    assert depot.ranges == []
    assert not wrapper.complete


def test_an_answer_that_is_no_archive(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    depot.status = 404
    with pytest.raises(InstallFailed, match="404"):
        install(wrapper, client, Progress())
    depot.status, depot.content = 200, b"<html>maintenance</html>"
    with pytest.raises(InstallFailed, match="no whole archive"):
        install(wrapper, client, Progress())
    depot.content = archive()
    install(wrapper, client, Progress())


@pytest.mark.parametrize(
    "name",
    ["../evil.so", "agora_sdk/../../evil.so", "/tmp/evil.so", "agora_sdk\\..\\evil.so", "C:/evil.so", "agora_sdk/a\0b"],
)
def test_paths_that_lead_elsewhere_are_refused(wrapper: Wrapper, client: httpx.Client, depot: Depot, name: str) -> None:
    install(wrapper, client, Progress())
    depot.content = archive(
        {"agora_sdk/libagora_rtc_sdk.so": b"new", "agora_sdk/libaosl.so": b"new", "agora_sdk/aXb": b""}
    )
    depot.content = depot.content.replace(b"agora_sdk/aXb", name.encode()) if "\0" in name else archive({name: b"evil"})
    named = hashlib.sha256(depot.content).hexdigest()

    with pytest.raises(InstallFailed, match="lead elsewhere"):
        install(wrapper, client, Progress(), named)

    assert wrapper.complete
    assert (wrapper.libraries / "libagora_rtc_sdk.so").read_bytes() == LIBRARY
    assert not list(wrapper.root.parent.rglob("evil*"))


def test_what_is_not_a_library_is_not_unpacked(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    members = {"agora_sdk/libagora_rtc_sdk.so": b"a", "agora_sdk/libaosl.so": b"b", "__init__.py": b"evil = True"}
    depot.content = archive(members)

    install(wrapper, client, Progress())

    assert b"evil" not in (wrapper.root / "__init__.py").read_bytes()


def test_an_archive_without_the_library_is_refused(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    depot.content = archive({"agora_sdk/libaosl.so": b"b"})
    with pytest.raises(InstallFailed, match=r"no libagora_rtc_sdk\.so"):
        install(wrapper, client, Progress())


def put_in_place_by_the_sdk_itself(wrapper: Wrapper) -> None:
    wrapper.libraries.mkdir()
    for name in ("libagora_rtc_sdk.so", "libaosl.so"):
        (wrapper.libraries / name).write_bytes(b"who knows")
    wrapper.version_file.write_text(wrapper.archive_url)


def test_the_command_replaces_what_the_sdk_fetched(
    wrapper: Wrapper, served: tuple[Depot, ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("".join(ssl.DER_cert_to_PEM_cert(cert) for cert in served[1].get_ca_certs(binary_form=True)))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))

    put_in_place_by_the_sdk_itself(wrapper)
    first = CliRunner().invoke(group, ["install"], catch_exceptions=False)
    second = CliRunner().invoke(group, ["install"], catch_exceptions=False)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert wrapper.archive_url in first.output
    assert "are in place" in second.output
    assert (wrapper.libraries / "libagora_rtc_sdk.so").read_bytes() == LIBRARY
    assert hashlib.sha256(archive()).hexdigest() in first.output


def test_the_first_installation_pins_the_archive(wrapper: Wrapper, client: httpx.Client, depot: Depot) -> None:
    first = install(wrapper, client, Progress())
    depot.content = replaced = archive({"agora_sdk/libagora_rtc_sdk.so": b"evil", "agora_sdk/libaosl.so": b"evil"})
    second = hashlib.sha256(replaced).hexdigest()

    with pytest.raises(InstallFailed, match=f"its SHA-256 is {second}, not {first}") as refused:
        install(wrapper, client, Progress())

    assert f"--sha256 {second}" in refused.value.sentence
    assert (wrapper.libraries / "libagora_rtc_sdk.so").read_bytes() == LIBRARY
    assert install(wrapper, client, Progress(), second.upper()) == second
    assert (wrapper.libraries / "libagora_rtc_sdk.so").read_bytes() == b"evil"


@pytest.mark.parametrize("known", [True, False])
def test_another_archive_than_the_one_named_is_refused(wrapper: Wrapper, client: httpx.Client, known: bool) -> None:
    other = "0" * 64
    with pytest.raises(InstallFailed, match="Nothing was installed"):
        install(wrapper, client, Progress(), "" if known else other, {wrapper.archive_url: other} if known else {})
    assert not wrapper.complete


def test_a_checksum_that_is_none_is_refused() -> None:
    result = CliRunner().invoke(group, ["install", "--sha256", "abc"])
    assert result.exit_code == 2
    assert "64 hexadecimal digits" in result.output
