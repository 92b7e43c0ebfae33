"""What people make at AKOOL, as values of the domain: uploaded avatars and knowledge bases."""

from typing import Any

import pytest

from bot.domain.errors import ProviderError, Verdict
from bot.ports.provider import (
    Document,
    Knowledge,
    Upload,
    UploadState,
)
from tests.unit.akool.scripted import (
    AVATAR,
    KNOWLEDGE,
    UPLOAD,
    UPLOADED,
    ScriptedAkool,
    ok,
    provider,
)

# ---------------------------------------------------------------- uploads

MINE = Upload("mine", "r1", "Me", UploadState.QUEUEING)


@pytest.mark.parametrize("record", [{"_id": "r1", "avatar_id": "mine", "status": 1}, [{"_id": "r1"}]])
async def test_an_upload(record: Any) -> None:
    akool = ScriptedAkool({UPLOAD: ok(record)})
    assert await provider(akool).upload("https://cdn.test/me.mp4", "mine", "Me") == MINE
    assert akool.calls[0].body == {
        "url": "https://cdn.test/me.mp4",
        "avatar_id": "mine",
        "name": "Me",
        "type": 2,
        "url_from": 1,
    }


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://cdn.test/youtube.com.mp4", 1),
        ("https://notyoutube.com/v.mp4", 1),
        ("https://www.YouTube.com/watch?v=1", 2),
        ("https://youtu.be/1", 2),
        ("https://m.tiktok.com/@a/video/1", 2),
        ("https://x.com/a/status/1", 2),
        ("https://twitter.com/a/status/1", 2),
        ("https://drive.google.com/file/d/1/view", 2),
        ("https://docs.google.com/1", 1),
    ],
)
async def test_a_page_showing_a_video_is_not_a_video(url: str, source: int) -> None:
    akool = ScriptedAkool({UPLOAD: ok({"_id": "r1"})})
    await provider(akool).upload(url, "mine", "Me")
    assert akool.calls[0].body["url_from"] == source


@pytest.mark.parametrize(
    ("url", "avatar_id"), [("https://x/v", "my_avatar"), ("https://x/v", ""), ("https://x:y/v", "mine")]
)
async def test_what_akool_could_not_take_is_not_sent(url: str, avatar_id: str) -> None:
    akool = ScriptedAkool({})
    with pytest.raises(ProviderError) as caught:
        await provider(akool).upload(url, avatar_id, "Me")
    assert caught.value.verdict is Verdict.FIX_INPUT
    assert not akool.calls


@pytest.mark.parametrize(
    ("status", "state"),
    [(1, UploadState.QUEUEING), (2, UploadState.PROCESSING), (3, UploadState.READY), (4, UploadState.FAILED)],
)
async def test_the_state_of_an_upload(status: int, state: UploadState) -> None:
    akool = ScriptedAkool({UPLOADED: ok([{"_id": "r1", "status": status}])})
    assert (await provider(akool).upload_state(MINE)).state is state
    assert akool.calls[0].query == {"id": "r1"}


@pytest.mark.parametrize(
    ("detail", "state"),
    [
        ({"status": 4}, UploadState.FAILED),
        ({"available": True}, UploadState.READY),
        ({"available": False}, UploadState.QUEUEING),
        ({}, UploadState.QUEUEING),
    ],
)
async def test_an_upload_without_state_is_looked_up_as_avatar(detail: Any, state: UploadState) -> None:
    akool = ScriptedAkool({UPLOADED: ok([{"_id": "r1"}]), AVATAR: ok(detail)})
    assert (await provider(akool).upload_state(MINE)).state is state
    assert akool.calls[1].query == {"avatar_id": "mine"}


# ---------------------------------------------------------------- knowledge

FAQ = Knowledge("FAQ", "k1", "Hi", "Be kind", (Document("a.pdf", "https://x/a.pdf", 12),), ("https://x",))
FAQ_RECORD = {
    "_id": "k1",
    "name": "FAQ",
    "prologue": "Hi",
    "prompt": "Be kind",
    "docs": [{"name": "a.pdf", "url": "https://x/a.pdf", "size": 12}],
    "urls": ["https://x"],
    "from": 2,
}
FAQ_BODY = {key: value for key, value in FAQ_RECORD.items() if key not in {"_id", "from"}}


async def test_knowledge_is_listed_and_shown() -> None:
    akool = ScriptedAkool({f"{KNOWLEDGE}/list": ok([FAQ_RECORD]), f"{KNOWLEDGE}/detail": ok(FAQ_RECORD)})
    assert await provider(akool).knowledge_bases() == [FAQ]
    assert await provider(akool).knowledge("k1") == FAQ


async def test_knowledge_is_created_without_an_id() -> None:
    akool = ScriptedAkool({f"{KNOWLEDGE}/create": ok({"_id": "k1"})})
    unsaved = Knowledge(FAQ.name, "", FAQ.prologue, FAQ.prompt, FAQ.documents, FAQ.links)
    assert await provider(akool).create_knowledge(unsaved) == FAQ
    assert akool.calls[0].body == FAQ_BODY


async def test_knowledge_is_created_of_what_there_is() -> None:
    akool = ScriptedAkool({f"{KNOWLEDGE}/create": ok({"_id": "k1"})})
    await provider(akool).create_knowledge(Knowledge("FAQ", prompt="Be kind"))
    assert akool.calls[0].body == {"name": "FAQ", "prompt": "Be kind"}


async def test_knowledge_is_updated_whole_and_deleted() -> None:
    akool = ScriptedAkool({f"{KNOWLEDGE}/update": ok(FAQ_RECORD), f"{KNOWLEDGE}/delete": ok()})
    assert await provider(akool).update_knowledge(FAQ) == FAQ
    await provider(akool).delete_knowledge("k1")
    assert [call.body for call in akool.calls] == [{"id": "k1", **FAQ_BODY}, {"id": "k1"}]
