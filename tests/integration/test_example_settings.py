"""`.env.example` is where settings are looked up: all of them, and nothing that is none."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from adapters.agora.settings import AgoraSettings
from adapters.akool.settings import AkoolSettings
from adapters.discord.settings import DiscordSettings
from adapters.playground.settings import PlaygroundSettings
from adapters.slack.settings import SlackSettings
from bot.app.say import ClientSettings
from bot.settings import Settings, known_names, load

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / ".env.example"
KINDS: list[type[BaseSettings]] = [
    Settings,
    AkoolSettings,
    AgoraSettings,
    ClientSettings,
    DiscordSettings,
    PlaygroundSettings,
    SlackSettings,
]
SET_BY_THE_SERVICE = {f"AVATARBOT_PLAYGROUND_{name}" for name in ("HOST", "BASE_URL", "RETENTION")}
"""What the playground is told by the service, whatever the environment says."""


def _lines() -> list[str]:
    return [line for line in EXAMPLE.read_text().splitlines() if re.match(r"(# )?[A-Z_]+=", line)]


def _named() -> list[str]:
    return [line.removeprefix("# ").partition("=")[0] for line in _lines()]


def test_every_class_of_settings_is_looked_at() -> None:
    sources = [path for package in ("bot", "adapters") for path in (ROOT / package).rglob("*.py")]
    found = [name for path in sources for name in re.findall(r"class (\w+)\(BaseSettings\)", path.read_text())]
    assert sorted(found) == sorted(kind.__name__ for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_has_its_line(kind: type[BaseSettings]) -> None:
    assert known_names(kind) - SET_BY_THE_SERVICE - set(_named()) == set()


def test_every_line_is_a_setting_and_stands_once() -> None:
    known = {name for kind in KINDS for name in known_names(kind)}
    assert sorted(_named()) == sorted(set(_named()) & known)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_commented_out_is_the_default(
    kind: type[BaseSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVATARBOT_PLAYGROUND_SECRET", "one that stays the same")
    for name in known_names(kind) - {"AVATARBOT_PLAYGROUND_SECRET"}:
        monkeypatch.delenv(name, raising=False)
    env = tmp_path / ".env"
    env.write_text("\n".join(line.removeprefix("# ") for line in _lines()))
    assert load(kind, str(env)) == load(kind, None)
