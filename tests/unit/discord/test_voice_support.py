"""What `/avatar join` needs, and who is told when it is not there."""

from urllib.parse import parse_qs, urlsplit

from adapters.discord import voice_support
from adapters.discord.checks import voice_finding
from adapters.discord.commands import commands
from adapters.discord.invite import PERMISSIONS, VOICE_PERMISSIONS, invite_url
from adapters.discord.plugin import PLUGIN
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import PlatformFeature
from bot.ports.plugin import Level

CONNECT, SPEAK, REQUEST_TO_SPEAK = 1 << 20, 1 << 21, 1 << 32


def permissions_in(url: str) -> int:
    return int(parse_qs(urlsplit(url).query)["permissions"][0])


def test_the_link_asks_for_voice_where_it_is_offered() -> None:
    assert permissions_in(invite_url("1")) == sum(PERMISSIONS.values())
    assert permissions_in(invite_url("1", voice=True)) == sum(PERMISSIONS.values()) | CONNECT | SPEAK | REQUEST_TO_SPEAK
    assert sum(VOICE_PERMISSIONS.values()) == CONNECT | SPEAK | REQUEST_TO_SPEAK


def test_doctor_says_what_is_missing() -> None:
    assert list(voice_finding("")) == []
    (unwanted,) = voice_finding(voice_support.NOT_INSTALLED)
    assert (unwanted.level, unwanted.remedy) == (Level.OK, "")
    assert "extra “voice”" in unwanted.what
    (broken,) = voice_finding(voice_support.NO_LIBOPUS)
    assert broken.level is Level.WARNING
    assert "apt install libopus0" in broken.remedy


def test_a_voice_channel_is_picked_and_nothing_else() -> None:
    (avatar, _) = commands(catalogue=CATALOGUE)
    (join,) = [option for option in avatar["options"] if option["name"] == "join"]
    (channel,) = join["options"]
    assert (channel["type"], channel["channel_types"]) == (7, [2, 13])


def test_commands_follow_what_is_installed() -> None:
    features = PLUGIN.features(None)
    assert features == voice_support.features()
    assert (PlatformFeature.VOICE_CHANNELS in features) == (not voice_support.missing())
    (avatar, _) = commands(catalogue=CATALOGUE.on_platform(()))
    assert {"join", "leave"}.isdisjoint(option["name"] for option in avatar["options"])
