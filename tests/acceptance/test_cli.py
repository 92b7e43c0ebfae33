"""The `avatarbot` command as people run it: a process of its own, in an empty folder."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tests import forked
from tests.acceptance.processes import AVATARBOT, Simulation, free_port, simulation, surroundings
from tests.patience import HANG_S, blocked_until

HEAVY = {"sqlalchemy", "pydantic", "discord", "slack_bolt", "httpx", "uvicorn", "starlette", "cryptography", "PIL"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def avatarbot(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return forked.run("bot.cli", *words, env=surroundings(settings))


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """The command itself, which starts as it does for people: how quickly, and by what it imports."""
    return subprocess.run(
        [AVATARBOT, *words], env=surroundings({}), capture_output=True, text=True, timeout=HANG_S, check=False
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """What it said, having ended with 2 and without a traceback."""
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def port() -> int:
    return free_port()


@contextmanager
def running(port: int, **others: str) -> Iterator[subprocess.Popen[str]]:
    """The service with its playground, once it answers."""
    settings = {"AKOOL_API_KEY": "a-key-that-nobody-has", "AVATARBOT_HOST": "127.0.0.1", "PORT": str(port), **others}
    process = subprocess.Popen(
        [AVATARBOT, "run", "--playground"],
        env=surroundings(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        blocked_until(lambda: answers(settings["AVATARBOT_HOST"], port) or process.poll() is not None)
        assert process.poll() is None, process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def answers(host: str, port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=2):  # runs out
            return True
    except OSError:
        return False


def test_help_teaches_by_example(folder: Path) -> None:
    shown = typed("--help").stdout
    assert 'avatarbot demo --say "Hello"' in shown
    for command in ("demo", "run", "doctor", "db", "sessions", "transcript", "forget", "slack"):
        assert f"\n  {command} " in shown


def test_help_imports_nothing_heavy(folder: Path) -> None:
    asks = "import sys; from bot.cli import main; sys.argv = ['avatarbot', '--help']; main(); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=HANG_S, check=True)
    imported = set(done.stderr.split())
    assert "click" in imported
    assert not HEAVY & imported


def test_a_mistyped_command_names_the_nearest(folder: Path) -> None:
    assert "'sessions'" in refused(typed("sesions"))


def test_an_adapter_brings_its_own_commands(folder: Path) -> None:
    assert '"slash_commands"' in avatarbot("slack", "manifest").stdout


@pytest.mark.parametrize("words", [("run",), ("sessions", "list"), ("db", "upgrade"), ("forget", "--older-than", "1")])
def test_a_bad_setting_is_one_sentence(folder: Path, words: tuple[str, ...]) -> None:
    said = refused(avatarbot(*words, DATABASE_URL="mysql://ann:hunter2@db/avatars"))
    assert said == (
        "avatarbot: DATABASE_URL has to name a SQLite file, as in sqlite:///avatarbot.db, or PostgreSQL, as in "
        "postgresql://user:password@host/avatarbot.\n"
    )


@pytest.mark.parametrize("words", [("run", "--playground"), ("sessions", "list"), ("db", "upgrade")])
def test_a_database_without_a_folder_is_said(folder: Path, words: tuple[str, ...]) -> None:
    assert refused(
        avatarbot(*words, DATABASE_URL="sqlite:///nowhere/a.db", AKOOL_API_KEY="k", AVATARBOT_HOST="127.0.0.1")
    )


def test_doctor_says_what_to_do_and_changes_nothing(folder: Path) -> None:
    done = avatarbot("doctor", AVATARBOT_RETENTION_DAY="3", PORT="0")
    assert done.returncode == 2
    assert "✗ AVATARBOT_RETENTION_DAY is not a setting; did you mean AVATARBOT_RETENTION_DAYS?" in done.stdout
    assert "AKOOL_API_KEY" in done.stdout
    assert list(folder.iterdir()) == []


NOWHERE = "http://127.0.0.1:9"
SLACK = {"SLACK_BOT_TOKEN": "xoxb-1-2-3", "SLACK_APP_TOKEN": "xapp-1-2", "SLACK_API_URL": NOWHERE}


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({}, 2, ["✗ AKOOL: no key is set", "✗ No chat platform is set up", "It does not start."]),
        ({"AVATARBOT_SIMULATOR_URL": NOWHERE}, 2, ["✗ Nobody answers at the simulator's URL", "✗ No chat platform"]),
        ({"AVATARBOT_SIMULATOR_URL": NOWHERE, **SLACK}, 0, ["! Slack could not be asked", "starts all the same."]),
        (
            {"AKOOL_API_KEY": "k", "AKOOL_BASE_URL": NOWHERE, **SLACK},
            0,
            ["✗ AKOOL: AKOOL cannot be reached", "✗ Agora's SDK", "avatarbot agora install", "starts all the same."],
        ),
    ],
)
def test_doctor_ends_as_run_would(folder: Path, settings: dict[str, str], code: int, said: list[str]) -> None:
    done = avatarbot("doctor", PORT="0", **settings)
    assert (done.returncode, done.stderr) == (code, "")
    assert [words for words in said if words not in done.stdout] == []
    assert not re.search(r"ConnectionKey|stamina|\[warning|pip install 'avatarbot", done.stdout)
    if "AVATARBOT_SIMULATOR_URL" in settings:
        assert "AKOOL: no key" not in done.stdout
        assert "Agora" not in done.stdout
    if code:
        assert avatarbot("run", PORT="0", **settings).returncode == code


def test_a_simulator_whose_port_is_taken_says_so(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = forked.run("adapters.simulator", "--port", port, env=surroundings({}))
    assert done.returncode == 1
    assert done.stderr == f"Error: Port {port} cannot be had; name another with --port, or none for a free one.\n"


def test_doctor_outlives_bad_settings(folder: Path) -> None:
    done = avatarbot("doctor", PORT="abc")
    assert done.returncode == 2
    assert "✗ PORT should be a valid integer, not 'abc'." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_the_database_is_brought_up_to_date(folder: Path) -> None:
    assert "not made yet" in avatarbot("db", "current").stdout
    upgraded = avatarbot("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    found, needed = avatarbot("db", "current").stdout.split(": ")[1].split(" (this version needs ")
    assert found == needed.rstrip(")\n")


def test_keys_are_made(folder: Path) -> None:
    Fernet(avatarbot("db", "new-key").stdout.strip())  # raises for what is no key


def test_sessions_of_an_empty_house(folder: Path) -> None:
    assert typed("sessions", "list").stdout == "No session is running.\n"
    assert "There is no session 17" in refused(avatarbot("sessions", "stop", "17"))
    assert "There is no session 17" in refused(avatarbot("forget", "17"))
    assert avatarbot("forget", "--older-than", "7").stdout == "Forgot 0 sessions.\n"
    assert refused(avatarbot("transcript", "17"))


def test_a_reader_that_leaves_early_gets_no_traceback(folder: Path) -> None:
    end, start = os.pipe()
    os.close(end)
    done = subprocess.run(
        [AVATARBOT, "--help"],
        env=surroundings({}),
        stdout=start,
        stderr=subprocess.PIPE,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    os.close(start)
    assert done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_in_time_and_in_order(folder: Path, port: int, number: signal.Signals) -> None:
    with running(port) as service:
        service.send_signal(number)
        _, said = service.communicate(timeout=HANG_S)
    assert (service.returncode, "Traceback" in said) == (0, False)


def test_it_is_asked_for_its_health_where_it_listens(folder: Path, port: int) -> None:
    here = {"AVATARBOT_HOST": "127.0.0.2", "PORT": str(port)}
    with running(port, AVATARBOT_HOST="127.0.0.2"):
        there = avatarbot("healthy", **here)
    gone = avatarbot("healthy", **here)
    assert (there.returncode, there.stdout) == (0, "healthy\n")
    assert (gone.returncode, gone.stdout) == (1, "no answer\n")


def test_a_taken_port_is_said(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(
            avatarbot("run", "--playground", AKOOL_API_KEY="k" * 20, AVATARBOT_HOST="127.0.0.1", PORT=str(port))
        )
    assert f"Port {port} is taken by another program" in said


def test_a_copy_is_made_and_put_back(folder: Path) -> None:
    assert avatarbot("db", "upgrade").returncode == 0

    made = avatarbot("backup", "copy.db")
    put_back = avatarbot("restore", "copy.db")

    assert made.returncode == put_back.returncode == 0, (made, put_back)
    assert "avatarbot.key" in made.stdout
    assert str(folder / "avatarbot.db.before-") in put_back.stdout
    assert "there already" in refused(avatarbot("backup", "copy.db"))


def test_tables_are_not_taken_back(folder: Path) -> None:
    assert "avatarbot restore FILE" in refused(avatarbot("db", "downgrade", "-1"))


@pytest.fixture(scope="module")
def akool() -> Iterator[Simulation]:
    """An account whose avatars never come in the time that is given to them."""
    with simulation(join_delay=600) as simulated:
        yield simulated


@contextmanager
def trying_live(akool: Simulation, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`avatarbot doctor --live` on a simulated account, reading what it says and answering what it asks."""
    with subprocess.Popen(
        [AVATARBOT, "doctor", "--live", *words],
        env=surroundings({"AVATARBOT_SIMULATOR_URL": akool.url}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("answer", ["n\n", "\n", ""], ids=["no", "nothing", "nobody there"])
def test_no_minute_is_bought_without_a_yes(folder: Path, akool: Simulation, answer: str) -> None:
    before = akool.state()
    with trying_live(akool) as process:
        said, _ = process.communicate(answer, HANG_S)
    assert "Buy one minute at the provider now? [y/N]" in said, said
    assert process.returncode == 130
    assert akool.state() == before


def test_a_minute_that_is_interrupted_is_closed(folder: Path, akool: Simulation) -> None:
    with trying_live(akool, "--yes") as process:
        assert process.stdout
        while "✓ join" not in (line := process.stdout.readline()):
            assert line, "it ended"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=HANG_S)
    assert [session.open for session in akool.state().sessions] == [False]
    assert process.returncode == 130, said
    assert "avatar in the room" not in said
    assert "Traceback" not in said
