"""`avatarbot workspaces key`: read from standard input, tried at the provider, and never shown."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from adapters.simulator.http.app import serving
from adapters.simulator.simulator import Simulator
from bot.clock import SystemClock
from tests import forked
from tests.acceptance.processes import surroundings

KEY = "simulator"
"""What the simulator takes."""


def give(key: str, *more: str, **settings: str) -> subprocess.CompletedProcess[str]:
    words = ("workspaces", "key", "slack", "T1", *more)
    return forked.run("bot.cli", *words, env=surroundings(settings), given=f"{key}\n")


async def test_a_key_is_tried_kept_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with Simulator(SystemClock()) as simulator, serving(simulator) as url:
        simulated = {"AVATARBOT_SIMULATOR_URL": url}
        wrong = await asyncio.to_thread(give, "not-the-simulators-key", **simulated)
        kept = await asyncio.to_thread(give, KEY, **simulated)
        removed = await asyncio.to_thread(give, "", "--remove", **simulated)
        again = await asyncio.to_thread(give, "", "--remove", **simulated)
    assert wrong.returncode == 2
    assert wrong.stderr == (
        "avatarbot: AKOOL does not accept this key, so it is not kept. Copy it again from your account there.\n"
    )
    assert kept.stdout == "Workspace T1 on slack uses its own AKOOL account now, by the key …ator.\n", kept.stderr
    assert removed.stdout == "Workspace T1 on slack has no key of its own any more.\n"
    assert again.stdout == "Workspace T1 on slack has no key of its own.\n"


def test_without_a_key_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "There is no key on standard input." in give("").stderr
    assert list(tmp_path.iterdir()) == []
