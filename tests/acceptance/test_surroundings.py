"""What only the operator can mend is one sentence and exit code 2, never a traceback."""

import asyncio
import resource
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.domain.sessions import SessionStatus
from tests.acceptance.member import Member, ticket
from tests.acceptance.processes import AVATARBOT, Deployment, simulation, told_to_stop
from tests.patience import HANG_S


def refused(services: Deployment, **settings: str) -> str:
    return sentence_of(services.avatarbot("run", "--playground", **settings))


def sentence_of(done: subprocess.CompletedProcess[str]) -> str:
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    return done.stderr.removeprefix("avatarbot: ").rstrip()


@pytest.fixture
def services(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path, "http://127.0.0.1:9")


def test_a_file_that_is_no_database(services: Deployment) -> None:
    services.database.write_text("a shopping list, kept here by mistake")
    services.database.chmod(0o600)
    assert refused(services) == "The file named by DATABASE_URL is not an SQLite database."


def test_a_folder_instead_of_a_file(services: Deployment) -> None:
    services.database.mkdir()
    assert "cannot be opened; check that its folder exists" in refused(services)


def test_a_folder_that_nobody_may_write_to(services: Deployment) -> None:
    assert "set DATABASE_URL to a file in a folder that may be written to" in refused(
        services, DATABASE_URL="sqlite:////dev/null/avatarbot.db"
    )


def test_a_full_disk(services: Deployment, tmp_path_factory: pytest.TempPathFactory) -> None:
    with small_disk(tmp_path_factory.mktemp("disk")) as disk:
        settings = services.environment | {"DATABASE_URL": f"sqlite:///{disk}/avatarbot.db"}
        words = [str(AVATARBOT), "run", "--playground"]  # not forked: it inherits our quota
        done = subprocess.run(
            words, cwd=services.folder, env=settings, capture_output=True, text=True, timeout=HANG_S, check=False
        )
    assert sentence_of(done).endswith("so nothing can be saved.")


def test_a_database_that_a_newer_version_has_used(services: Deployment) -> None:
    services.avatarbot("db", "upgrade")
    with writing(services) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    assert "was used by a newer Avatarbot (its tables are at from_the_future): run that version" in refused(services)
    assert "a newer Avatarbot" in services.avatarbot("doctor").stdout


def test_a_damaged_database(services: Deployment) -> None:
    services.avatarbot("db", "upgrade")
    whole = services.database.read_bytes()
    page = 4096
    services.database.write_bytes(whole[: 3 * page] + b"\xa5" * (6 * page) + whole[9 * page :])
    assert refused(services).startswith("The database file is damaged: restore a copy of it")


@pytest.mark.parametrize("new_key", [False, True])
async def test_a_lost_key(services: Deployment, new_key: bool) -> None:
    with services.service() as service:
        await services.answers()
        assert told_to_stop(service) == 0
    key = services.database.with_name("avatarbot.key")
    kept = key.rename(services.folder / "elsewhere")
    if new_key:
        key.write_bytes(Fernet.generate_key())
        key.chmod(0o600)
    told = refused(services)
    assert f"Put {key} back, or set AVATARBOT_SECRET_KEYS to that key" in told
    assert told in services.avatarbot("doctor").stdout
    assert key.exists() is new_key, "no key is made where one is missing"
    kept.rename(key)
    with services.service():
        await services.answers()


async def test_a_database_that_is_deleted_under_the_running_service(tmp_path: Path) -> None:
    with simulation(join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url)
        with services.service() as service:
            await services.answers()
            async with Member(services, await ticket(services), "Ann").present() as ann:
                await ann.command("lobby", "", "/avatar start")
                await ann.sees_card("lobby", SessionStatus.LIVE)
                services.database.unlink()
                assert await asyncio.to_thread(service.wait, 300) == 2
        assert simulated.open == []
    assert services.log.splitlines()[-1] == (
        f"avatarbot: The database {services.database} was deleted or replaced while the service ran. "
        "What was written since is lost; start it again."
    )
    assert "Traceback" not in services.log


@contextmanager
def writing(services: Deployment) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(services.database)
    with connection:
        yield connection
    connection.close()


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
