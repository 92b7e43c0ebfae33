"""Adapters of other people's distributions, in real processes: found, and told of when they cannot be used."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from tests import forked
from tests.acceptance.processes import ROOT, surroundings
from tests.patience import HANG_S

TINY = ROOT / "examples" / "tiny"

POSTER = """
from bot.ports.plugin import PlatformPlugin
from pydantic_settings import BaseSettings, SettingsConfigDict

class BoardSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BOARD_")
    token: str = ""

PLUGIN = PlatformPlugin(
    name="board",
    title="The Board",
    settings=BoardSettings,
    configured=lambda settings: bool(settings.token),
    setup="BOARD_TOKEN",
    build=lambda settings, context: None,
)
"""


def distribution(folder: Path, name: str, module: str, source: str, points: dict[str, str]) -> None:
    """A tiny distribution, as pip leaves it on the path."""
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"[{group}]\n{point}" for group, point in points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def install_tiny(folder: Path) -> None:
    declared = tomllib.loads((TINY / "pyproject.toml").read_text())["project"]["entry-points"]
    points = {group: "\n".join(f"{name} = {value}" for name, value in them.items()) for group, them in declared.items()}
    distribution(folder, "avatarbot-tiny", "unused", "", points)


def avatarbot(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return forked.run("bot.cli", *words, env=where_it_is_found(folder) | settings, cwd=folder)


def where_it_is_found(*folders: Path) -> dict[str, str]:
    return surroundings({"PYTHONPATH": os.pathsep.join(map(str, (*folders, ROOT)))})


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=where_it_is_found(folder),
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


def test_a_platform_of_another_distribution_is_found(tmp_path: Path) -> None:
    distribution(tmp_path, "avatarbot-board", "board", POSTER, {"avatarbot.platforms": "board = board:PLUGIN"})

    allowed = avatarbot(tmp_path, "workspaces", "allow", "board", "W1")
    lacking = avatarbot(tmp_path, "run", AKOOL_API_KEY="k" * 20, AVATARBOT_HOST="127.0.0.1", PORT="0")

    assert allowed.stdout == "Workspace W1 on board may now start sessions.\n", allowed.stderr
    assert (lacking.returncode, "set BOARD_TOKEN, or set DISCORD_TOKEN, or set SLACK" in lacking.stderr) == (2, True)


def test_the_tiny_example_hosts_a_talk(tmp_path: Path) -> None:
    """Provider and platform of another distribution, in a service of its own, over a socket."""
    install_tiny(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"TELNET_PORT": str(port), "AVATARBOT_PROVIDER": "parrot", "PORT": "0", "AVATARBOT_HOST": "127.0.0.1"}
    with started(tmp_path, TINY, **settings) as process, connected(port, process) as talk:
        talk.write("Ann\n/avatar start\n")
        talk.flush()
        assert any("Good day! I repeat what you write." in line for line in talk)


@contextlib.contextmanager
def started(folder: Path, *more: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bot.cli", "run"],
        cwd=folder,
        env=where_it_is_found(folder, *more) | settings,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def connected(port: int, process: subprocess.Popen[str]) -> Iterator[TextIO]:
    while True:
        assert process.poll() is None, process.communicate()
        with contextlib.suppress(ConnectionError):
            talk = socket.create_connection(("127.0.0.1", port), timeout=60)
            break
        time.sleep(0.1)
    with talk, talk.makefile("rw") as lines:
        yield lines


SECRETS = """
import sys
from bot.app.plugins import plugins
from bot.redaction import REDACTOR
plugins()
sys.stdout.write(REDACTOR.text("token brd-0123456789 given"))
"""


def test_what_looks_like_a_plugins_secret_is_hidden(tmp_path: Path) -> None:
    shapes = "from bot.redaction import SecretShapes\n" + POSTER.replace(
        "\n)\n", '\n    secrets=SecretShapes(keys=(r"brd-[0-9]{10}",)),\n)\n'
    )
    distribution(tmp_path, "avatarbot-board", "board", shapes, {"avatarbot.platforms": "board = board:PLUGIN"})

    assert python(tmp_path, "-c", SECRETS).stdout == "token *** given"


def test_commands_of_another_distribution_are_found(tmp_path: Path) -> None:
    source = 'import click\n@click.command(help="Pins a note.")\ndef pin():\n    click.echo("Pinned.")\n'
    distribution(tmp_path, "avatarbot-board", "pins", source, {"avatarbot.commands": "pin = pins:pin"})

    assert "Pins a note." in avatarbot(tmp_path, "--help").stdout
    assert avatarbot(tmp_path, "pin").stdout == "Pinned.\n"


LISTER = r"""
import asyncio, click

@click.command()
@click.pass_obj
def lister(offered):
    verbs = asyncio.run(offered()).verbs
    click.echo("\n".join([verb.name for verb in verbs] + [f"start:{option.name}" for option in verbs[0].options]))
"""


def test_commands_are_told_what_the_service_offers(tmp_path: Path) -> None:
    install_tiny(tmp_path)
    distribution(tmp_path, "avatarbot-lister", "lister", LISTER, {"avatarbot.commands": "lister = lister:lister"})

    def offered(**settings: str) -> set[str]:
        done = avatarbot(tmp_path, "lister", **where_it_is_found(tmp_path, TINY) | settings)
        assert done.returncode == 0, done.stderr
        return set(done.stdout.splitlines())

    akool = offered(AVATARBOT_PROVIDER="akool", AKOOL_API_KEY="k" * 20)
    parrot = offered(AVATARBOT_PROVIDER="parrot")
    answering = offered(AVATARBOT_PROVIDER="parrot", AVATARBOT_LLM_URL="http://127.0.0.1:9/v1")
    assert {"start", "upload", "set", "start:mode"} <= akool
    assert {"upload", "set", "start:mode"}.isdisjoint(parrot)
    assert answering == parrot | {"start:mode"}


@pytest.mark.parametrize(
    ("source", "point", "fault"),
    [
        ("import no_such_module\n", "board = board:PLUGIN", "cannot be loaded (ModuleNotFoundError: No module named"),
        ("PLUGIN = {}\n", "board = board:PLUGIN", "cannot be used: board:PLUGIN is no PlatformPlugin."),
        (POSTER, "plank = board:PLUGIN", "cannot be used: it calls itself “board”."),
        (POSTER, "slack = board:PLUGIN", "avatarbot and avatarbot-board both bring “slack” for avatarbot.platforms."),
    ],
    ids=["does not import", "wrong type", "wrong name", "twice"],
)
def test_a_broken_plugin_is_named_with_its_distribution(tmp_path: Path, source: str, point: str, fault: str) -> None:
    distribution(tmp_path, "avatarbot-board", "board", source, {"avatarbot.platforms": point})

    run = avatarbot(tmp_path, "run", AKOOL_API_KEY="k" * 20, AVATARBOT_HOST="127.0.0.1", PORT="0")
    doctor = avatarbot(tmp_path, "doctor", AKOOL_BASE_URL="http://127.0.0.1:9", AKOOL_API_KEY="k" * 20)

    assert (run.returncode, run.stdout) == (2, "")
    assert fault in run.stderr
    assert "avatarbot-board" in run.stderr
    assert "Traceback" not in run.stderr
    assert f"{fault}" in doctor.stdout
    assert doctor.returncode == 2
