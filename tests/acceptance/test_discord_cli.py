"""`avatarbot discord …` before anything is set up, and with a token that is none."""

from pathlib import Path

import pytest

from tests.acceptance.test_cli import avatarbot, folder, refused

__all__ = ["folder"]

TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc4.abc.def"


@pytest.mark.parametrize("verb", ["invite", "sync"])
def test_without_a_token_it_says_where_to_get_one(folder: Path, verb: str) -> None:
    told = refused(avatarbot("discord", verb))

    assert "DISCORD_TOKEN is not set" in told
    assert "discord.com/developers/applications" in told
    assert len(told.strip().splitlines()) == 1


def test_what_is_no_token_is_said_so_and_not_repeated(folder: Path) -> None:
    told = refused(avatarbot("discord", "invite", DISCORD_TOKEN="my secret"))

    assert "DISCORD_TOKEN is no bot token" in told
    assert "my secret" not in told


def test_the_invite_link_needs_nothing_but_the_token(folder: Path) -> None:
    done = avatarbot("discord", "invite", DISCORD_TOKEN=TOKEN)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("https://discord.com/oauth2/authorize?client_id=123456789012345678&")
    assert TOKEN not in done.stdout + done.stderr
