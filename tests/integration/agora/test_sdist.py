"""The wrapper comes out of its sdist as it was published, and nothing of the sdist's build is run."""

import hashlib
import os
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from adapters.agora.sdist import PINNED, InstallFailed, check_ours, fetched, unpack, unpacked
from adapters.agora.wrapper import find_wrapper
from tests.integration.agora.depot import Depot, open_depot
from tests.integration.agora.vendor import SHA256, VERSION, on_path, published
from tests.patience import HANG_S

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="agora-python-server-sdk is for Linux")


@pytest.fixture(scope="module")
def sdist() -> Path:
    return published()


@pytest.fixture
def depot() -> Iterator[tuple[Depot, httpx.Client]]:
    with open_depot() as (depot, trust), httpx.Client(verify=trust, trust_env=False, timeout=HANG_S) as client:
        yield depot, client


def test_what_is_pinned_is_what_the_tests_run_against() -> None:
    assert (PINNED.sha256, PINNED.top) == (SHA256, f"agora_python_server_sdk-{VERSION}")
    assert PINNED.url.endswith(f"/{PINNED.top}.tar.gz")


def test_the_wrapper_is_unpacked_and_found(sdist: Path, tmp_path: Path) -> None:
    assert not unpacked(tmp_path)

    unpack(sdist.read_bytes(), tmp_path)

    assert unpacked(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["agora"]
    with on_path(tmp_path):
        assert find_wrapper().root == tmp_path / "agora"


def test_another_version_of_ours_is_replaced(sdist: Path, tmp_path: Path) -> None:
    unpack(sdist.read_bytes(), tmp_path)
    (tmp_path / "agora" / "unpacked-by-avatarbot.txt").write_text("an older one")
    (tmp_path / "agora" / "gone.py").touch()
    assert not unpacked(tmp_path)

    unpack(sdist.read_bytes(), tmp_path)

    assert unpacked(tmp_path)
    assert not (tmp_path / "agora" / "gone.py").exists()


def test_what_is_not_the_pinned_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="Nothing was installed"):
        unpack(b"something else", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_it_is_fetched_with_tls_verified(depot: tuple[Depot, httpx.Client]) -> None:
    server, client = depot
    server.content = b"an sdist"
    ours = replace(PINNED, url=f"{server.url}/sdk.tar.gz", sha256=hashlib.sha256(b"an sdist").hexdigest())
    assert fetched(client, ours) == b"an sdist"
    with (
        httpx.Client(verify=ssl.create_default_context(), trust_env=False) as strict,
        pytest.raises(InstallFailed, match="--sdist"),
    ):
        fetched(strict, ours)
    server.status = 404
    with pytest.raises(InstallFailed, match="404"):
        fetched(client, ours)


def test_where_nobody_may_write_it_says_who_may(tmp_path: Path) -> None:
    with pytest.raises(InstallFailed, match="You may not write to"):
        check_ours(tmp_path / "nowhere")


def environment(folder: Path) -> Path:
    """A Python of its own that can import us; where it keeps its packages is empty."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=HANG_S)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n")
    return packages


def test_the_command_brings_the_wrapper_into_its_environment(sdist: Path, tmp_path: Path) -> None:
    """As in an installation from the wheel. The libraries cannot be reached from here, and it says so."""
    packages = environment(tmp_path / "env")
    command = ["-c", "from bot.cli import main; raise SystemExit(main())", "agora", "install", "--sdist", str(sdist)]
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [tmp_path / "env" / "bin" / "python", *command],
        env=nowhere,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert unpacked(packages), done
    assert "The download broke off" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
