"""AKOOL's answers as values of the domain."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.responses import Response

from adapters.akool.provider import TOO_OFTEN_S, AkoolProvider
from bot.domain.errors import ProviderError
from bot.domain.sessions import ElevenLabs, Mode, SessionSpec, TurnDetection, VoiceParams
from bot.ports.avatar import AvatarArrived
from bot.ports.processes import LocalBudgets
from bot.ports.provider import (
    AvatarInfo,
    LanguageInfo,
    ProviderSession,
    ProviderSessionInfo,
    ProviderState,
    VoiceInfo,
)
from bot.ports.room import PeerJoined, RoomConnection, RoomCredentials
from bot.testing.virtual_time import virtual
from tests.unit.akool.one_avatar import InMemoryConnection
from tests.unit.akool.scripted import (
    AVATAR,
    AVATARS,
    CLOSE,
    CREATE,
    CREDIT,
    DETAIL,
    LANGUAGES,
    SESSIONS,
    VOICES,
    Call,
    OurRooms,
    ScriptedAkool,
    no_connection,
    ok,
    provider,
    refused,
)

SPEC = SessionSpec("tristan", mode=Mode.RETELLING)
SEAT = {"agora_uid": 100000, "agora_app_id": "app", "agora_channel": "room", "agora_token": "007t"}
CREATED = ok({"_id": "s1", "status": 1, "credentials": SEAT})


# ---------------------------------------------------------------- sessions


async def test_a_session_in_a_room_of_akools() -> None:
    akool = ScriptedAkool({CREATE: CREATED})
    session = await provider(akool).create(SPEC, 600, "tag")
    assert session == ProviderSession("s1", RoomCredentials("app", "room", "100000", "007t"))
    assert akool.calls[0].body == {"avatar_id": "tristan", "duration": 600, "mode_type": 1, "stream_type": "agora"}


@virtual
async def test_too_many_creates_are_a_pause_for_the_account() -> None:
    akool, began = ScriptedAkool({CREATE: [refused(1005), CREATED]}), asyncio.get_running_loop().time()
    budgets = LocalBudgets()
    one, another = (AkoolProvider(akool.api(), no_connection, budgets=budgets) for _ in range(2))
    with pytest.raises(ProviderError):
        await one.create(SPEC, 600, "tag")
    await another.create(SPEC, 600, "tag")
    assert asyncio.get_running_loop().time() - began == pytest.approx(TOO_OFTEN_S, abs=0.1)


async def test_a_session_in_a_room_of_ours() -> None:
    akool = ScriptedAkool({CREATE: ok({"_id": "s1"})})
    session = await provider(akool, OurRooms()).create(SPEC, 600, "tag")
    assert session == ProviderSession("s1", RoomCredentials("ours", "tag", "1002", "bot-token"))
    assert akool.calls[0].body["credentials"] == {
        "agora_uid": 1001,
        "agora_app_id": "ours",
        "agora_channel": "tag",
        "agora_token": "avatar-token",
    }


async def test_everything_that_was_asked_for_is_sent_in_akools_names() -> None:
    akool = ScriptedAkool({CREATE: CREATED})
    voice = VoiceParams(
        speed=1.1,
        pronunciation={"akool": "ai ku er"},
        stt_language="de",
        stt_type="openai_realtime",
        turn_detection=TurnDetection("server_vad", 0.0, 300, 500),
        elevenlabs=ElevenLabs("sk", "eleven_flash_v2_5", 0.5, 0.75, 0.0, False),
    )
    spec = SessionSpec(
        "tristan",
        voice_id="v",
        language="de",
        mode=Mode.DIALOGUE,
        knowledge_id="k",
        background_url="https://x/b.png",
        voice=voice,
    )
    await provider(akool).create(spec, 60, "tag")
    assert akool.calls[0].body == {
        "avatar_id": "tristan",
        "duration": 60,
        "mode_type": 2,
        "stream_type": "agora",
        "voice_id": "v",
        "language": "de",
        "knowledge_id": "k",
        "background_url": "https://x/b.png",
        "voice_params": {
            "speed": 1.1,
            "pron_map": {"akool": "ai ku er"},
            "stt_language": "de",
            "stt_type": "openai_realtime",
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.0,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 500,
            },
            "elevenlabs_settings": {
                "api_key": "sk",
                "model_id": "eleven_flash_v2_5",
                "stability": 0.5,
                "similarity_boost": 0.75,
                "style": 0.0,
                "use_speaker_boost": False,
            },
        },
    }


async def test_server_vads_fields_are_sent_to_it_alone() -> None:
    akool = ScriptedAkool({CREATE: CREATED})
    voice = VoiceParams(turn_detection=TurnDetection("semantic_vad", 0.5, 300, 500))
    await provider(akool).create(SessionSpec("tristan", voice=voice), 60, "tag")
    assert akool.calls[0].body["voice_params"] == {"turn_detection": {"type": "semantic_vad"}}


@pytest.mark.parametrize("connection", [{}, SEAT | {"agora_channel": None}, {"livekit_url": "wss://x"}])
async def test_a_session_without_a_room_is_closed_at_once(connection: Any) -> None:
    akool = ScriptedAkool({CREATE: ok({"_id": "s1", "credentials": connection}), CLOSE: ok()})
    with pytest.raises(ProviderError, match="nonsense") as caught:
        await provider(akool).create(SPEC, 600, "tag")
    assert [call.body for call in akool.to(CLOSE)] == [{"id": "s1"}]
    assert caught.value.certain


async def test_an_unclosable_session_without_room_is_uncertain() -> None:
    akool = ScriptedAkool({CREATE: ok({"_id": "s1"}), CLOSE: refused(1009)})
    with pytest.raises(ProviderError) as caught:
        await provider(akool).create(SPEC, 600, "tag")
    assert not caught.value.certain
    assert "s1" in caught.value.detail


async def test_a_uid_of_zero_is_a_uid() -> None:
    akool = ScriptedAkool({CREATE: ok({"_id": "s1", "credentials": SEAT | {"agora_uid": 0}})})
    assert (await provider(akool).create(SPEC, 600, "tag")).credentials.uid == "0"


async def test_closing_says_which() -> None:
    akool = ScriptedAkool({CLOSE: ok()})
    await provider(akool).close("s1")
    assert akool.calls[0].body == {"id": "s1"}


@pytest.mark.parametrize(
    ("status", "state"),
    [("1", ProviderState.QUEUEING), ("2", ProviderState.LIVE), ("3", ProviderState.OVER), ("4", ProviderState.FAILED)],
)
async def test_the_state_of_a_session(status: str, state: ProviderState) -> None:
    akool = ScriptedAkool({DETAIL: ok({"_id": "s1", "status": status})})
    assert await provider(akool).state("s1") is state
    assert akool.calls[0].query == {"id": "s1"}


@pytest.mark.parametrize("code", [1008, 1014, 1216, 1219])
async def test_a_session_that_akool_no_longer_knows_is_over(code: int) -> None:
    assert await provider(ScriptedAkool({DETAIL: refused(code)})).state("s1") is ProviderState.OVER


@pytest.mark.parametrize("answer", [ok({"_id": "s1"}), ok({"_id": "s1", "status": 9}), refused(1009)])
async def test_a_state_that_cannot_be_read_is_an_error(answer: Response) -> None:
    with pytest.raises(ProviderError):
        await provider(ScriptedAkool({DETAIL: answer})).state("s1")


async def test_billed_sessions_are_listed_once_with_the_latest_state() -> None:
    def listed(call: Call) -> Response:
        return ok({"result": rows[call.query["status"]]})

    def row(session_id: str, status: int | None) -> dict[str, Any]:
        return {"_id": session_id, "status": status, "credentials": {"agora_channel": f"c-{session_id}"}}

    rows: dict[str, Sequence[Any]] = {"1": [row("a", 1), row("b", 1)], "2": [row("b", 2), row("c", None), row("d", 3)]}
    assert await provider(ScriptedAkool({SESSIONS: listed})).sessions() == [
        ProviderSessionInfo("a", ProviderState.QUEUEING, "c-a"),
        ProviderSessionInfo("b", ProviderState.LIVE, "c-b"),
        ProviderSessionInfo("c", ProviderState.LIVE, "c-c"),
    ]


# ---------------------------------------------------------------- the avatar


async def arrives(session: ProviderSession, own_room: OurRooms | None, *present: str) -> bool:
    """Whether the session's avatar is taken to be in the room, with `present` in it."""
    seated: list[RoomCredentials] = []

    def take(credentials: RoomCredentials) -> RoomConnection:
        seated.append(credentials)
        connection = InMemoryConnection()
        connection.happen(*map(PeerJoined, present))
        return connection

    avatar = AkoolProvider(ScriptedAkool({}).api(), take, own_room).avatar(session)
    await avatar.join()

    async def leave_soon() -> None:
        await asyncio.sleep(1)
        await avatar.leave()

    async with asyncio.TaskGroup() as group:
        group.create_task(leave_soon())
        events = [event async for event in avatar.events()]
    assert seated == [session.credentials]
    return AvatarArrived() in events


AKOOLS = ProviderSession("s1", RoomCredentials("app", "room", "100000", "t"))
OURS = ProviderSession("s1", RoomCredentials("ours", "tag", "1002", "t"))


@virtual
@pytest.mark.parametrize(
    ("session", "own_room", "present", "expected"),
    [
        (AKOOLS, None, "31337", True),
        (AKOOLS, None, "100000", False),  # ourselves
        (AKOOLS, OurRooms(), "31337", True),  # created before there were rooms of ours
        (OURS, OurRooms(), "1001", True),
        (OURS, OurRooms(), "31337", False),  # a viewer
    ],
)
async def test_the_avatar_of_a_session(
    session: ProviderSession, own_room: OurRooms | None, present: str, expected: bool
) -> None:
    assert await arrives(session, own_room, present) is expected


# ---------------------------------------------------------------- what there is to choose from


PICTURE, FILM = "https://x.example/t.png", "http://x.example/u.mp4"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "//x.example/a", "https://", "https://a\nb", "u"],
)
async def test_what_is_no_url_of_the_web_is_dropped(url: str) -> None:
    avatars = ok({"result": [{"avatar_id": "a", "name": "Ann", "thumbnailUrl": url, "url": url}]})
    akool = ScriptedAkool({AVATARS: avatars, VOICES: ok({"result": [{"voice_id": "v", "preview": url}]})})
    (avatar,) = await provider(akool).avatars()
    assert (avatar.picture, avatar.preview) == ("", "")
    assert {voice.preview for voice in await provider(akool).voices()} == {""}


async def test_avatars() -> None:
    rows = [
        {
            "avatar_id": "a",
            "name": "Ann",
            "from": 2,
            "thumbnailUrl": PICTURE,
            "url": FILM,
            "gender": "female",
            "voice_id": "v",
        },
        {"avatar_id": "b", "from": 3, "available": False, "voice_id": None},
    ]
    lists = {"open": rows, "aigc": [{"avatar_id": "web", "name": "Nora", "from": 2}, rows[0] | {"name": "Again"}]}
    akool = ScriptedAkool({AVATARS: lambda call: ok({"count": 2, "result": lists[call.query["platform"]]})})
    assert await provider(akool).avatars() == [
        AvatarInfo("a", "Ann", PICTURE, FILM, "female", "v", official=True, available=True),
        AvatarInfo("b", "b", official=False, available=False),
        AvatarInfo("web", "Nora"),
    ]


async def test_without_the_web_apps_list_the_others_are_enough() -> None:
    def listed(call: Call) -> Response:
        return ok({"result": [{"avatar_id": "a"}]}) if call.query["platform"] == "open" else refused(1009)

    assert await provider(ScriptedAkool({AVATARS: listed})).avatars() == [AvatarInfo("a", "a")]


async def test_one_avatar() -> None:
    akool = ScriptedAkool({AVATAR: ok([{"name": "Ann", "platform": "open"}])})
    assert await provider(akool).avatar_info("a") == AvatarInfo("a", "Ann")


async def test_only_streamable_voices_are_listed() -> None:
    def listed(call: Call) -> Response:
        return ok({"result": rows[call.query["type"]]})

    rows = {
        "1": [{"voice_id": "mine", "status": 3}, {"voice_id": "unfinished", "status": 2}],
        "2": [
            {"voice_id": "theirs", "name": "Bill", "language": "English", "gender": "Male", "preview": FILM},
            {"voice_id": "slow", "support_stream": False},
            {"name": "no id"},
        ],
    }
    assert await provider(ScriptedAkool({VOICES: listed})).voices() == [
        VoiceInfo("mine", "mine", own=True),
        VoiceInfo("theirs", "Bill", "English", "Male", FILM),
    ]


async def test_languages() -> None:
    akool = ScriptedAkool({LANGUAGES: ok({"lang_list": [{"lang_code": "en", "lang_name": "English", "url": "flag"}]})})
    assert await provider(akool).languages() == [LanguageInfo("en", "English", "flag")]


async def test_credit() -> None:
    assert await provider(ScriptedAkool({CREDIT: ok({"credit": 41.5})})).credit() == 41.5
