"""Avatars, uploads, knowledge bases, voices, languages and the account, over HTTP."""

import asyncio
import io
import wave
from typing import Any

import httpx
import pytest

from adapters.simulator import application
from adapters.simulator.fixtures import CHARACTERS
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import ALMA, SESSION, Customer, customer

AVATAR = "/api/open/v4/liveAvatar/avatar"
KNOWLEDGE = "/api/open/v4/knowledge"
UPLOAD = {"url": "https://x.test/me.mp4", "avatar_id": "me1", "name": "Me", "type": 2, "url_from": 1}


@virtual
async def test_every_avatar_has_a_face_that_is_served_here() -> None:
    async with customer() as akool:
        listing = (await akool.ask("GET", f"{AVATAR}/list"))["data"]
        assert listing["count"] == len(CHARACTERS)
        faces = {(await akool.http.get(row["thumbnailUrl"])).raise_for_status().text for row in listing["result"]}
        assert len(faces) == len(CHARACTERS)
        assert all(face.startswith("<svg") for face in faces)


@virtual
async def test_web_app_avatars_have_their_own_usable_list() -> None:
    async with customer() as akool:
        (web,) = (await akool.ask("GET", f"{AVATAR}/list", params={"platform": "aigc"}))["data"]["result"]
        listed = (await akool.ask("GET", f"{AVATAR}/list"))["data"]["result"]
        assert web["avatar_id"] not in {row["avatar_id"] for row in listed}
        detail = await akool.ask("GET", f"{AVATAR}/detail", params={"avatar_id": web["avatar_id"]})
        assert detail["data"]["platform"] == "aigc"
        await akool.create(avatar_id=web["avatar_id"])
        assert (await akool.ask("GET", f"{AVATAR}/list", params={"platform": "web"}))["code"] == 1003


@virtual
async def test_every_language_has_a_picture_of_its_own() -> None:
    async with customer() as akool:
        rows = (await akool.ask("GET", "/api/open/v3/language/list"))["data"]["lang_list"]
        pictures = {(await akool.http.get(row["url"])).raise_for_status().text for row in rows}
        assert len(pictures) > len(rows) / 2
        assert all(picture.startswith("<svg") for picture in pictures)
        assert (await akool.http.get("/static/languages/%3Cx%3E.svg")).status_code == 404


@virtual
async def test_an_avatar_in_use_is_shown_and_answered_as_busy() -> None:
    async with customer() as akool:
        akool.simulator.catalog.busy.add(ALMA)
        rows = (await akool.ask("GET", f"{AVATAR}/list"))["data"]["result"]
        assert [row["avatar_id"] for row in rows if not row["available"]] == [ALMA]
        assert (await akool.ask("POST", f"{SESSION}/create", json={"avatar_id": ALMA}))["code"] == 1215


@virtual
async def test_v3_lists_another_shape_with_an_unusable_avatar() -> None:
    async with customer() as akool:
        rows: Any = (await akool.ask("GET", "/api/open/v3/avatar/list"))["data"]
        assert (await akool.ask("POST", f"{SESSION}/create", json={"avatar_id": rows[0]["avatar_id"]}))["code"] == 1014


@virtual
async def test_an_upload_takes_a_while_and_can_then_be_used() -> None:
    async with customer() as akool:
        made = (await akool.ask("POST", "/api/open/v3/avatar/create", json=UPLOAD))["data"]
        states = [made["status"]]
        assert (await akool.ask("POST", f"{SESSION}/create", json={"avatar_id": "me1"}))["code"] == 1214
        for _ in range(2):
            await asyncio.sleep(3)
            states.append((await akool.ask("GET", f"{AVATAR}/detail", params={"avatar_id": "me1"}))["data"]["status"])
        assert states == [1, 2, 3]
        by_record: Any = await akool.ask("GET", "/api/open/v3/avatar/detail", params={"id": made["_id"]})
        assert by_record["data"][0]["status"] == 3
        await akool.create(avatar_id="me1")


@virtual
async def test_an_upload_can_fail() -> None:
    async with customer() as akool:
        akool.simulator.catalog.failing.add("me1")
        await akool.ask("POST", "/api/open/v3/avatar/create", json=UPLOAD)
        await asyncio.sleep(7)
        assert (await akool.ask("GET", f"{AVATAR}/detail", params={"avatar_id": "me1"}))["data"]["status"] == 4


@pytest.mark.parametrize(
    ("change", "code"),
    [({"avatar_id": "no-dash"}, 1003), ({"type": 1}, 1003), ({"url": "me.mp4"}, 1003), ({"name": ""}, 1003)],
)
@virtual
async def test_a_bad_upload_is_refused(change: dict[str, object], code: int) -> None:
    async with customer() as akool:
        assert (await akool.ask("POST", "/api/open/v3/avatar/create", json=UPLOAD | change))["code"] == code


@virtual
async def test_an_avatar_id_is_taken_once() -> None:
    async with customer() as akool:
        answers = [await akool.ask("POST", "/api/open/v3/avatar/create", json=UPLOAD) for _ in range(2)]
        assert [answer["code"] for answer in answers] == [1000, 1222]


async def write(akool: Customer, **contents: Any) -> dict[str, Any]:
    return await akool.ask("POST", f"{KNOWLEDGE}/create", json=contents)


@virtual
async def test_a_knowledge_base_is_made_changed_listed_first_and_deleted() -> None:
    async with customer() as akool:
        made = (await write(akool, name="Menu", prologue="Soup!", urls=["https://x.test"]))["data"]
        change = {"id": made["_id"], "prologue": ""}
        changed = (await akool.ask("POST", f"{KNOWLEDGE}/update", json=change))["data"]
        assert (changed["name"], changed["prologue"], changed["urls"]) == ("Menu", "", ["https://x.test"])
        listed: Any = (await akool.ask("GET", f"{KNOWLEDGE}/list"))["data"]
        assert [row["name"] for row in listed] == ["Menu", "Front desk", "Release party"]
        deleted = await akool.ask("DELETE", f"{KNOWLEDGE}/delete", json={"id": made["_id"]})
        assert deleted == {"code": 1000, "msg": "OK"}
        assert (await akool.ask("GET", f"{KNOWLEDGE}/detail", params={"id": made["_id"]}))["code"] == 1232


@pytest.mark.parametrize(
    ("contents", "code"),
    [
        ({"name": "n" * 100, "prologue": "p" * 2000, "prompt": "q" * 10_000}, 1000),
        ({"name": "n" * 101}, 1003),
        ({"prologue": "p" * 2001}, 1003),
        ({"prompt": "q" * 10_001}, 1003),
        ({"name": "Front desk"}, 1233),
        ({"docs": [{"name": "a", "url": "https://x.test/a.PDF?sig=1", "size": 104_857_600}]}, 1000),
        ({"docs": [{"name": "a", "url": "https://x.test/a.pdf", "size": 104_857_601}]}, 1003),
        ({"docs": [{"name": "a", "url": "https://x.test/a.pdf", "size": 100_000_000}] * 6}, 1003),
        ({"docs": [{"name": "a", "url": "https://x.test/a.exe", "size": 1}]}, 1003),
    ],
)
@virtual
async def test_a_knowledge_base_has_limits(contents: dict[str, object], code: int) -> None:
    async with customer() as akool:
        assert (await write(akool, **contents))["code"] == code


@virtual
async def test_voices_need_a_type_and_come_ten_at_a_time() -> None:
    async with customer() as akool:
        path = "/api/open/v4/voice/list"
        assert (await akool.ask("GET", path))["code"] == 1003
        streaming = (await akool.ask("GET", path, params={"type": 2, "support_stream": 1}))["data"]
        assert len(streaming["result"]) == streaming["count"] == 10
        assert all(row["support_stream"] for row in streaming["result"])
        every = (await akool.ask("GET", path, params={"type": 2, "page": 2}))["data"]
        assert (every["count"], len(every["result"])) == (11, 1)
        assert (await akool.ask("GET", path, params={"type": 1}))["data"]["result"] == []
        named = (await akool.ask("GET", path, params={"type": 2, "name": "otto"}))["data"]["result"]
        assert [row["name"] for row in named] == ["Otto, beep"]


@virtual
async def test_every_voice_can_be_told_by_its_preview() -> None:
    async with customer() as akool:
        voices = (await akool.ask("GET", "/api/open/v4/voice/list", params={"type": 2, "size": 100}))["data"]["result"]
        previews = [(await akool.http.get(row["preview"])).raise_for_status().content for row in voices]
    assert len(set(previews)) == len(voices)
    with wave.open(io.BytesIO(previews[0])) as wav:
        assert wav.getnframes() / wav.getframerate() == pytest.approx(0.7)


@virtual
async def test_every_official_avatar_speaks_with_a_voice_that_exists() -> None:
    async with customer() as akool:
        avatars = (await akool.ask("GET", f"{AVATAR}/list"))["data"]["result"]
        voices = (await akool.ask("GET", "/api/open/v4/voice/list", params={"type": 2, "size": 100}))["data"]["result"]
        streaming = {row["voice_id"] for row in voices if row["support_stream"]}
        assert {row["voice_id"] for row in avatars} <= streaming


@virtual
async def test_missing_key_wrong_key_and_token_differ() -> None:
    async with (
        customer() as akool,
        httpx.AsyncClient(transport=httpx.ASGITransport(application(akool.simulator)), base_url="http://a") as http,
    ):
        secret = {"clientId": "simulator-client", "clientSecret": "simulator"}
        token = (await http.post("/api/open/v3/getToken", json=secret)).json()["token"]
        codes = []
        for headers in (
            {},
            {"x-api-key": "wrong"},
            {"authorization": f"Bearer {token}"},
            {"authorization": "Bearer stale", "x-api-key": "simulator"},
        ):
            answer = await http.get("/api/open/v3/faceswap/quota/info", headers=headers)
            codes.append(answer.json()["code"])
        wrong = await http.post("/api/open/v3/getToken", json=secret | {"clientSecret": "x"})
        empty = await http.post("/api/open/v3/getToken", json={})
    assert codes == [1102, 1101, 1000, 1101]
    assert (wrong.json()["code"], empty.json()["code"]) == (1101, 1102)
