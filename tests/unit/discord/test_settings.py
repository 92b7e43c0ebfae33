"""What the operator sets, and the link that brings the bot into a server."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.discord.invite import PERMISSIONS, application_id, invite_url
from adapters.discord.settings import DiscordSettings
from bot.domain.errors import SettingsError
from bot.settings import load

TOKEN = base64.b64encode(b"123456789012345678").decode().rstrip("=") + ".abc.def"


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("AVATARBOT_DISCORD_HOME_GUILDS", "800000000000000001, 800000000000000002")
    monkeypatch.setenv("AVATARBOT_DISCORD_MESSAGE_CONTENT", "0")

    settings = load(DiscordSettings, None)

    assert settings.configured
    assert settings.home_guilds == (800000000000000001, 800000000000000002)
    assert not settings.message_content
    assert TOKEN not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AVATARBOT_DISCORD_HOME_GUILDS", "my server", "Copy Server ID"),
    ],
)
def test_a_bad_value_is_one_sentence(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=words) as told:
        load(DiscordSettings, None)

    assert name in told.value.sentence


def test_the_invite_link_asks_for_what_is_used() -> None:
    asked = parse_qs(urlsplit(invite_url(application_id(TOKEN))).query)

    assert asked["client_id"] == ["123456789012345678"]
    assert asked["scope"] == ["bot applications.commands"]
    assert int(asked["permissions"][0]) == sum(PERMISSIONS.values())
    assert int(asked["permissions"][0]) & 1 << 3 == 0  # never Administrator


@pytest.mark.parametrize("token", ["", "nonsense", "ü.b.c", "aGVsbG8.x.y"])
def test_what_is_no_token_is_said_so(token: str) -> None:
    with pytest.raises(SettingsError, match="DISCORD_TOKEN"):
        application_id(token)
