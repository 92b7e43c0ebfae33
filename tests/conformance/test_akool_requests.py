"""Every request the provider makes, held against AKOOL's own OpenAPI files; and their examples, read by our client."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.akool.provider import UPLOAD_STATES, AkoolProvider
from bot.domain.sessions import ElevenLabs, Mode, SessionSpec, TurnDetection, VoiceParams
from bot.ports.provider import Upload
from bot.ports.room import RoomConnection, RoomCredentials
from tests.unit.akool.scripted import (
    AVATAR,
    AVATARS,
    CLOSE,
    CREATE,
    CREDIT,
    DETAIL,
    KEY,
    LANGUAGES,
    SESSIONS,
    UPLOAD,
    UPLOADED,
    Call,
    ScriptedAkool,
    ok,
)

ROOT = Path(__file__).parents[2]
SPECS = Path(os.environ.get("SPECS_DIR", ROOT.parent / "shared" / "data")) / "akool"
FILES = ("live-avatar.yaml", "video-translation.yaml", "faceswap.yaml")

pytestmark = pytest.mark.skipif(not SPECS.exists(), reason=f"no AKOOL specifications in {SPECS}")

SEAT = {"agora_uid": 1, "agora_app_id": "app", "agora_channel": "room", "agora_token": "t"}
ANSWERS = {
    CREATE: ok({"_id": "s1", "credentials": SEAT}),
    CLOSE: ok(),
    DETAIL: ok({"_id": "s1", "status": 2}),
    SESSIONS: ok({"count": 1, "result": [{"_id": "s1", "status": 2}]}),
    AVATARS: ok({"count": 1, "result": [{"avatar_id": "a"}]}),
    AVATAR: ok({"avatar_id": "a", "available": True}),
    UPLOAD: ok({"_id": "r1", "status": 1}),
    UPLOADED: ok([{"_id": "r1"}]),
    LANGUAGES: ok({"lang_list": []}),
    CREDIT: ok({"credit": 1}),
}


class OurRooms:
    def credentials(self, tag: str) -> tuple[RoomCredentials, RoomCredentials]:
        return RoomCredentials("ours", tag, "1001", "avatar-token"), RoomCredentials("ours", tag, "1002", "bot-token")


def no_connection(_: RoomCredentials) -> RoomConnection:
    raise AssertionError("nobody joins in these tests")


def provider(akool: ScriptedAkool, own_room: OurRooms | None = None) -> AkoolProvider:
    return AkoolProvider(akool.api(), no_connection, own_room)


# ---------------------------------------------------------------- AKOOL's files


def closed(schema: Any) -> Any:
    """`schema` with every object's fields counted: AKOOL's files would let a misspelt one pass."""
    if isinstance(schema, dict):
        fields = {name: closed(value) for name, value in schema.items()}
        return fields if "properties" not in schema else {"additionalProperties": False} | fields
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


def documents() -> list[dict[str, Any]]:
    return [yaml.safe_load((SPECS / name).read_text()) for name in FILES] if SPECS.exists() else []


def operations() -> Iterator[tuple[tuple[str, str], dict[str, Any], dict[str, Any]]]:
    for document in documents():
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                yield (method.upper(), path), operation, closed(document["components"])


DOCUMENTED = {where: (operation, components) for where, operation, components in operations()}


def validate(schema: Mapping[str, Any], components: Mapping[str, Any], instance: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": components}).validate(instance)


def conforms(call: Call) -> None:
    operation, components = DOCUMENTED[call.method, call.path]
    parameters = {parameter["name"]: parameter for parameter in operation.get("parameters", ())}
    required = {name for name, parameter in parameters.items() if parameter.get("required")}
    assert required <= set(call.query) <= set(parameters)
    for name, text in call.query.items():
        schema = parameters[name]["schema"]
        validate(schema, components, int(text) if schema["type"] == "integer" else text)
    assert ("requestBody" in operation) == (call.body is not None)
    if call.body is not None:
        validate(closed(operation["requestBody"]["content"]["application/json"]["schema"]), components, call.body)
    assert call.headers["x-api-key"] == KEY


# ---------------------------------------------------------------- our requests


async def test_every_call_conforms_and_every_live_avatar_endpoint_is_used() -> None:
    akool = ScriptedAkool(ANSWERS)
    akools, ours = provider(akool), provider(akool, OurRooms())
    await akools.create(SessionSpec("tristan"), 600, "tag")
    await ours.create(SessionSpec("tristan"), 3600, "tag")
    await akools.close("s1")
    await akools.state("s1")
    await akools.sessions()
    await akools.avatars()
    await akools.avatar_info("a")
    upload = await akools.upload("https://youtu.be/1", "mine1", "Me")
    await akools.upload_state(upload)
    await akools.languages()
    await akools.credit()
    for call in akool.calls:
        if call.path != UPLOADED:  # v3's detail is described in words only
            conforms(call)
    documented = {(method.upper(), path) for path, methods in documents()[0]["paths"].items() for method in methods}
    assert documented <= {(call.method, call.path) for call in akool.calls}


shares = st.floats(0, 1)
voices = st.builds(
    VoiceParams,
    speed=st.none() | st.floats(0.8, 1.2),
    pronunciation=st.dictionaries(st.text(), st.text(), max_size=3),
    stt_language=st.none() | st.text(),
    stt_type=st.sampled_from([None, "openai_realtime"]),
    turn_detection=st.none()
    | st.builds(
        TurnDetection,
        st.sampled_from(["server_vad", "semantic_vad"]),
        st.none() | shares,
        st.none() | st.integers(0, 5000),
        st.none() | st.integers(0, 5000),
    ),
    elevenlabs=st.none()
    | st.builds(
        ElevenLabs,
        st.text(),
        st.none() | st.text(),
        *([st.none() | shares] * 3),
        use_speaker_boost=st.none() | st.booleans(),
    ),
)
specs = st.builds(
    SessionSpec,
    st.text(),
    voice_id=st.none() | st.text(),
    language=st.none() | st.text(),
    mode=st.sampled_from(Mode),
    knowledge_id=st.none() | st.text(),
    background_url=st.none() | st.text(),
    voice=voices,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spec=specs, duration_s=st.integers(1, 3600), own_room=st.sampled_from([None, OurRooms()]))
async def test_whatever_is_asked_for_the_create_conforms(
    spec: SessionSpec, duration_s: int, own_room: OurRooms | None
) -> None:
    akool = ScriptedAkool(ANSWERS)
    await provider(akool, own_room).create(spec, duration_s, "tag")
    (call,) = akool.calls
    conforms(call)
    assert call.body["mode_type"] == spec.mode


@pytest.mark.parametrize(
    "wrong", [{"mode_type": 3}, {"duration": 3601}, {"avatarId": "x"}, {"voice_params": {"vid": "x"}}]
)
def test_these_checks_would_refuse_a_wrong_body(wrong: dict[str, Any]) -> None:
    body = {"avatar_id": "a"} | wrong
    with pytest.raises(jsonschema.ValidationError):
        conforms(Call("POST", CREATE, {}, {"x-api-key": KEY}, body))


# ---------------------------------------------------------------- their examples


async def test_the_example_of_an_upload_is_read() -> None:
    operation, _ = DOCUMENTED["POST", UPLOAD]
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    akool = ScriptedAkool({UPLOAD: ok(example["data"])})
    upload = await provider(akool).upload("https://x/v.mp4", "mine1", "Me")
    data = example["data"]
    assert upload == Upload(data["avatar_id"], data["_id"], "Me", UPLOAD_STATES[data["status"]])
