"""`avatarbot setup` as somebody meets it who has three tokens and no idea: each is tried as it is pasted, none is shown, none is lost."""

import asyncio
import contextlib
import os
import pty
import select
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app import files
from tests import forked
from tests.acceptance.processes import AVATARBOT, simulation, surroundings
from tests.integration.slack.fake import FakeSlack
from tests.integration.slack.fake.server import APP_TOKEN
from tests.integration.slack.fake.workspace import BOT_TOKEN
from tests.patience import HANG_S

AKOOL_KEY = "q7-not-a-word"


@dataclass(frozen=True)
class Done:
    code: int | None
    said: str


async def answered(folder: Path, lines: Sequence[str], *words: str, **settings: str) -> Done:
    """What it says where a program answers, a line for each question."""
    given = "".join(f"{line}\n" for line in lines)
    done = await asyncio.to_thread(
        forked.run, "bot.cli", "setup", *words, env=surroundings(settings), cwd=folder, given=given
    )
    return Done(done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def akool() -> Iterator[str]:
    with simulation(api_key=AKOOL_KEY) as simulated:
        yield f"AKOOL_BASE_URL={simulated.url}"


async def test_tokens_are_tried_as_they_are_pasted_and_kept(tmp_path: Path, akool: str) -> None:
    async with FakeSlack().running() as slack:
        wanted = ["--set", akool, "--set", f"SLACK_API_URL={slack.api_url}"]
        lines = [AKOOL_KEY, "n", "y", "xapp-wrong", BOT_TOKEN, "y", APP_TOKEN, "", "https://avatars.example.com", "n"]
        done = await answered(tmp_path, lines, *wanted)

    assert "AKOOL: the key works" in done.said, done.said
    assert done.said.count("Try again?") == 1
    kept = files.values_in(tmp_path / ".env")
    assert kept["AKOOL_API_KEY"] == AKOOL_KEY
    assert (kept["SLACK_APP_TOKEN"], kept["SLACK_BOT_TOKEN"]) == (APP_TOKEN, BOT_TOKEN)
    assert kept["PUBLIC_URL"] == "https://avatars.example.com"
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


async def test_what_the_service_could_not_read_is_not_written(tmp_path: Path, akool: str) -> None:
    done = await answered(tmp_path, [AKOOL_KEY, "y", "a.b.c", "my server", "n", "n", "", "n"], "--set", akool)

    assert "has to be ids of servers" in done.said
    assert set(files.values_in(tmp_path / ".env")) == {"AKOOL_BASE_URL", "AKOOL_API_KEY"}


async def test_what_was_answered_before_it_ends_is_there(tmp_path: Path, akool: str) -> None:
    done = await answered(tmp_path, [AKOOL_KEY], "--set", akool)

    assert files.values_in(tmp_path / ".env")["AKOOL_API_KEY"] == AKOOL_KEY
    assert done.code == 2
    assert "No chat platform is set up" in done.said


async def test_nothing_typed_changes_nothing(tmp_path: Path, akool: str) -> None:
    before = f"# mine\n{akool}\nAKOOL_API_KEY={AKOOL_KEY} \nOTHER='kept as it is' # so\n"
    (tmp_path / ".env").write_text(before)

    await answered(tmp_path, ["", "n", "n", "", "n"])

    assert (tmp_path / ".env").read_text() == before


async def test_a_setting_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    done = await answered(tmp_path, [], "--set", "AVATARBOT_LMM_URL=x")
    assert (done.code, (tmp_path / ".env").exists()) == (2, False)
    assert "There is no setting AVATARBOT_LMM_URL" in done.said


async def test_the_environment_goes_before_the_file(tmp_path: Path, akool: str) -> None:
    name, _, url = akool.partition("=")
    done = await answered(tmp_path, ["n", "n", "", "n"], AKOOL_API_KEY=AKOOL_KEY, **{name: url})

    assert "AKOOL_API_KEY is set in the environment" in done.said
    assert "AKOOL_API_KEY" not in files.values_in(tmp_path / ".env")


def test_a_token_is_not_shown_as_it_is_typed(tmp_path: Path, akool: str) -> None:
    said = at_a_terminal(tmp_path, [("API key:", AKOOL_KEY), ("Set up Discord?", "n")], "--set", akool, "--no-open")

    assert "AKOOL: the key works" in said
    assert AKOOL_KEY not in said


def at_a_terminal(folder: Path, turns: Sequence[tuple[str, str]], *words: str) -> str:
    """What stands on the screen after these questions were answered, and then the terminal was closed."""
    process, terminal = pty.fork()
    if not process:
        os.chdir(folder)
        os.execvpe(AVATARBOT, [str(AVATARBOT), "setup", *words], surroundings({"TERM": "dumb"}))
    seen = ""
    with contextlib.suppress(OSError):  # it ended
        for question, answer in turns:
            seen += _until(terminal, question)
            os.write(terminal, f"{answer}\n".encode())
        seen += _until(terminal, "Set up Slack?")
    os.close(terminal)
    os.waitpid(process, 0)
    return seen


def _until(terminal: int, text: str) -> str:
    seen = ""
    while text not in seen:
        assert select.select([terminal], [], [], HANG_S)[0], seen
        seen += os.read(terminal, 10_000).decode()
    return seen
