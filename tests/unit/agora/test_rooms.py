from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from adapters.agora.rooms import CHANNEL, OwnRooms, UidPolicy, uid_policy
from adapters.agora.settings import AgoraSettings
from adapters.agora.tokens import Privilege, read
from bot.domain.errors import SettingsError
from bot.settings import known_names, load
from tests.unit.agora.tokens_006 import token_006

APP_ID = "0123456789abcdef0123456789abcdef"
OTHER_APP_ID = "ffffffffffffffffffffffffffffffff"
CERTIFICATE = "fedcba9876543210fedcba9876543210"
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SESSION = "0199f0aa-7c11-7000-8000-0123456789ab"

rooms = OwnRooms(APP_ID, CERTIFICATE, now=lambda: NOW)


def test_avatar_and_bot_meet_in_the_sessions_room() -> None:
    avatar, bot = rooms.credentials(SESSION)

    assert avatar.channel == bot.channel == SESSION
    assert avatar.uid != bot.uid
    assert avatar.uid.isdecimal()  # AKOOL's `agora_uid` is a number
    assert read(avatar.token).admits(SESSION, avatar.uid)
    assert read(bot.token).admits(SESSION, bot.uid)


def test_each_may_do_only_what_it_does() -> None:
    avatar, bot = rooms.credentials(SESSION)

    assert set(read(avatar.token).rights) == set(Privilege)
    assert set(read(bot.token).rights) == {Privilege.JOIN, Privilege.PUBLISH_AUDIO, Privilege.PUBLISH_DATA}
    assert set(read(rooms.viewer(SESSION).token).rights) == {Privilege.JOIN}


def test_every_token_lasts_an_hour() -> None:
    for connection in (*rooms.credentials(SESSION), rooms.viewer(SESSION)):
        assert read(connection.token).expires_at == NOW + timedelta(hours=1)
        assert not read(connection.token).any_uid


def test_viewers_sit_apart() -> None:
    connections = {rooms.viewer(SESSION).uid for _ in range(20)}
    assert len(connections) == 20
    assert not connections & {connection.uid for connection in rooms.credentials(SESSION)}


@pytest.mark.parametrize("tag", ["", "x" * 65, "ümlaut", "new\nline", "a/b", "quote'"])
def test_a_name_that_agora_refuses_is_refused_here(tag: str) -> None:
    assert not CHANNEL.fullmatch(tag)
    with pytest.raises(ValueError, match="channel name"):
        rooms.credentials(tag)


def test_a_secret_is_in_no_repr() -> None:
    avatar, _ = rooms.credentials(SESSION)
    assert avatar.token not in repr(avatar)


def test_the_seat_policy() -> None:
    ours = read(rooms.credentials(SESSION)[1].token)
    anybody = read(token_006(OTHER_APP_ID, "room", "", {1: 1_800_000_000}))
    bound = read(token_006(OTHER_APP_ID, "room", "7", {1: 1_800_000_000}))

    assert uid_policy(ours, APP_ID) is UidPolicy.OWN_PROJECT
    assert uid_policy(ours, "") is UidPolicy.SINGLE
    assert uid_policy(anybody, APP_ID) is UidPolicy.ANY_UID
    assert uid_policy(bound, APP_ID) is UidPolicy.SINGLE


def test_half_a_project_is_refused() -> None:
    with pytest.raises(SettingsError):
        _ = AgoraSettings(app_id=APP_ID, app_certificate=None).own_room
    with pytest.raises(SettingsError):
        _ = AgoraSettings(app_id="", app_certificate=SecretStr(CERTIFICATE)).own_room
    assert AgoraSettings(app_id="", app_certificate=None).own_room is None
    assert AgoraSettings(app_id=APP_ID, app_certificate=SecretStr(CERTIFICATE)).own_room is not None


def test_settings_come_under_the_names_that_people_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_APP_ID", f" {APP_ID} ")
    monkeypatch.setenv("AGORA_APP_CERTIFICATE", CERTIFICATE)
    monkeypatch.setenv("AVATARBOT_SEATS_PER_HOST", "7")
    settings = load(AgoraSettings, env_file=None)

    assert (settings.app_id, settings.seats_per_host) == (APP_ID, 7)
    assert CERTIFICATE not in repr(settings)
    assert known_names(AgoraSettings) == {
        "AGORA_APP_ID",
        "AGORA_APP_CERTIFICATE",
        "AVATARBOT_AGORA_PROFILE",
        "AVATARBOT_AGORA_USER",
        "AVATARBOT_SEATS_PER_HOST",
    }
