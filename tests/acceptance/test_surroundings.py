"""What only the operator can mend is one sentence and exit code 2, never a traceback."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.processes import AVATARBOT, House


def refused(house: House, **settings: str) -> str:
    done = subprocess.run(
        [AVATARBOT, "run", "--playground"],
        cwd=house.folder,
        env=house.environment | settings,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    return done.stderr.removeprefix("avatarbot: ").rstrip()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, "http://127.0.0.1:9")


def test_a_file_that_is_no_database(house: House) -> None:
    house.database.write_text("a shopping list, kept here by mistake")
    assert refused(house) == "The file named by DATABASE_URL is not an SQLite database."


def test_a_folder_instead_of_a_file(house: House) -> None:
    house.database.mkdir()
    assert "cannot be opened; check that its folder exists" in refused(house)


def test_a_folder_that_nobody_may_write_to(house: House) -> None:
    assert "set DATABASE_URL to a file in a folder that may be written to" in refused(
        house, DATABASE_URL="sqlite:////dev/null/avatarbot.db"
    )


def test_a_full_disk(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    with small_disk(tmp_path_factory.mktemp("disk")) as disk:
        assert refused(house, DATABASE_URL=f"sqlite:///{disk}/avatarbot.db").endswith("so nothing can be saved.")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 64 kB where we may mount one; elsewhere a quota on files, which our children inherit."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False).returncode == 0:
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)
    else:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, before[1]))
        try:
            yield folder
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
