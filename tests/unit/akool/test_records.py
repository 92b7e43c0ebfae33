"""What AKOOL may answer: the envelope, its failures, and every contradiction between its documents."""

import logging
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from adapters.akool.codes import Passing
from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.provider import Knowledge
from bot.testing.virtual_time import virtual
from tests.unit.akool.scripted import (
    AVATAR,
    AVATARS,
    CLOSE,
    CREATE,
    CREDIT,
    DETAIL,
    KEY,
    KNOWLEDGE,
    LANGUAGES,
    SESSIONS,
    UPLOAD,
    UPLOADED,
    VOICES,
    ScriptedAkool,
    ok,
    refused,
)

SPEC = SessionSpec("tristan")


async def credit_error(answer: Response) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await ScriptedAkool({CREDIT: answer}).api().credit()
    return caught.value


# ---------------------------------------------------------------- the envelope


@pytest.mark.parametrize("status", [200, 400, 401, 404])
async def test_a_code_counts_whatever_the_http_status(status: int) -> None:
    error = await credit_error(refused(1104, status))
    assert (error.code, error.verdict) == (1104, Verdict.PAY)
    assert CREDIT in error.detail


async def test_a_code_may_be_text() -> None:
    assert (await credit_error(JSONResponse({"code": "1103"}))).code == 1103


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>hello</html>",
        b"[]",
        b"null",
        b'{"data": {"credit": 3}}',
        b'{"code": null}',
        b'{"code": "many"}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"code":1000,"data":{"credit":"much"}}',
        b'{"code":1000,"data":{}}',
        b'{"code":1000}',
    ],
)
async def test_nonsense_is_called_nonsense(body: bytes) -> None:
    error = await credit_error(Response(body))
    assert "nonsense" in error.sentence
    assert error.verdict is Verdict.RETRY_LATER


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (401, 1101, Verdict.FIX_SETTINGS),
        (403, 1009, Verdict.FIX_SETTINGS),
        (404, None, Verdict.RETRY_LATER),
        (302, None, Verdict.RETRY_LATER),
    ],
)
async def test_a_gateway_that_knows_no_envelope(status: int, code: int | None, verdict: Verdict) -> None:
    error = await credit_error(Response("<h1>nginx</h1>", status, media_type="text/html"))
    assert (error.code, error.verdict) == (code, verdict)
    assert f"HTTP {status}" in error.detail


async def test_success_with_an_http_error_is_no_success() -> None:
    error = await credit_error(JSONResponse({"code": 1000, "data": {"credit": 5}}, 400))
    assert "nonsense" in error.sentence


@virtual
async def test_a_server_that_is_down_is_called_down() -> None:
    error = await credit_error(Response("Bad Gateway", 502))
    assert "down" in error.sentence
    assert isinstance(error, Passing)


# ---------------------------------------------------------------- sessions


@pytest.mark.parametrize(
    "content",
    [
        {"_id": "s1", "credentials": {"agora_uid": 7, "agora_channel": "c"}},  # no stream_type
        {"_id": "s1", "status": "1", "stream_type": None, "credentials": {"agora_uid": "7", "agora_channel": "c"}},
        [{"_id": "s1", "type": 1, "credentials": {"agora_uid": 7, "agora_channel": "c", "agora_token": None}}],
    ],
)
async def test_a_created_session_is_read_from_any_of_its_shapes(content: Any) -> None:
    session = await ScriptedAkool({CREATE: ok(content)}).api().create_session(SPEC, 600)
    assert session.id == "s1"
    assert str(session.credentials.agora_uid) == "7"
    assert session.credentials.agora_channel == "c"


@pytest.mark.parametrize("content", [None, {}, [], "s1", {"_id": 5}])
async def test_a_created_session_without_id_may_exist(content: Any) -> None:
    with pytest.raises(ProviderError) as caught:
        await ScriptedAkool({CREATE: ok(content)}).api().create_session(SPEC, 600)
    assert not caught.value.certain


async def test_credentials_are_in_no_repr() -> None:
    content = {"_id": "s1", "credentials": {"agora_token": "007-secret", "agora_channel": "c"}}
    session = await ScriptedAkool({CREATE: ok(content)}).api().create_session(SPEC, 600)
    assert session.credentials.agora_token == "007-secret"
    assert "007-secret" not in repr(session)


@pytest.mark.parametrize("answer", [ok(), ok({"session_id": "s1", "status": "closed", "closed_at": 1}), ok([])])
async def test_close_succeeds_with_and_without_data(answer: Response) -> None:
    akool = ScriptedAkool({CLOSE: answer})
    await akool.api().close_session("s1")
    assert akool.calls[0].body == {"id": "s1"}


@pytest.mark.parametrize("code", [1008, 1014, 1216, 1219])
async def test_closing_what_is_closed_or_unknown_succeeds(code: int) -> None:
    akool = ScriptedAkool({CLOSE: refused(code)})
    await akool.api().close_session("s1")
    assert len(akool.calls) == 1


async def test_a_close_that_is_refused_otherwise_fails() -> None:
    with pytest.raises(ProviderError) as caught:
        await ScriptedAkool({CLOSE: refused(1009)}).api().close_session("s1")
    assert caught.value.code == 1009


async def test_a_session_detail_without_token_is_read() -> None:
    content = {"_id": "s1", "status": 2, "credentials": {"agora_uid": 1, "agora_app_id": "a", "agora_channel": "c"}}
    session = await ScriptedAkool({DETAIL: ok(content)}).api().session("s1")
    assert (session.status, session.credentials.agora_token) == (2, "")


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize(
    "content",
    [
        {"count": 1, "result": [{"avatar_id": "a"}]},
        {"count": "1", "result": [{"avatar_id": "a"}]},
        {"result": [{"avatar_id": "a"}, None]},
        [{"avatar_id": "a"}],
        {"count": 2, "result": [{"avatar_id": "a"}, {"avatar_id": 5}]},  # the second cannot be read
        {"count": 2, "result": [{"avatar_id": "a"}, {"name": "nameless"}]},
    ],
)
async def test_a_list_is_read_from_any_of_its_shapes(content: Any) -> None:
    assert [row.avatar_id for row in await ScriptedAkool({AVATARS: ok(content)}).api().avatars()] == ["a"]


@pytest.mark.parametrize("content", [None, [], {"count": 0, "result": []}, {"count": 0}, {"result": None}])
async def test_an_empty_list_is_empty(content: Any) -> None:
    akool = ScriptedAkool({AVATARS: ok(content)})
    assert await akool.api().avatars() == []
    assert len(akool.calls) == 1


@pytest.mark.parametrize("content", ["none", {"result": "none"}, 7])
async def test_a_list_that_is_no_list_is_nonsense(content: Any) -> None:
    with pytest.raises(ProviderError, match="nonsense"):
        await ScriptedAkool({AVATARS: ok(content)}).api().avatars()


async def test_ids_that_break_akools_own_pattern_are_read() -> None:
    ids = ["dvp_Tristan_cloth2_1080P", "kWte7SV6zSTmF07UZF_lW", "HTuWYZWa-faUiqwRqKIZg"]
    rows = [{"avatar_id": avatar_id, "from": 4, "available": None} for avatar_id in ids]
    avatars = await ScriptedAkool({AVATARS: ok({"count": 3, "result": rows})}).api().avatars()
    assert [avatar.avatar_id for avatar in avatars] == ids


async def test_a_list_is_read_page_by_page_to_its_end() -> None:
    def pages(call: Any) -> Response:
        start = 100 * (int(call.query["page"]) - 1)
        rows = [{"_id": f"s{number}"} for number in range(start, min(start + 100, 230))]
        return ok({"count": 230, "result": rows})

    akool = ScriptedAkool({SESSIONS: pages})
    found = await akool.api().sessions(1)
    assert [session.id for session in found] == [f"s{number}" for number in range(230)]
    assert [(call.query["page"], call.query["size"]) for call in akool.calls] == [
        ("1", "100"),
        ("2", "100"),
        ("3", "100"),
    ]
    assert {call.query["status"] for call in akool.calls} == {"1"}


async def test_a_list_that_ignores_the_page_ends_and_repeats_nobody() -> None:
    akool = ScriptedAkool({KNOWLEDGE + "/list": ok([{"_id": "k1"}, {"_id": "k2"}])})
    assert [row.id for row in await akool.api().knowledge_bases()] == ["k1", "k2"]
    assert len(akool.calls) == 2


async def test_a_list_that_never_ends_is_left_after_fifty_pages() -> None:
    akool = ScriptedAkool({SESSIONS: lambda call: ok([{"_id": f"s{call.query['page']}"}])})
    assert len(await akool.api().sessions(2)) == len(akool.calls) == 50


async def test_an_emoji_cut_in_half_spoils_only_itself() -> None:
    body = b'{"code":1000,"data":[{"_id":"k1","name":"Half \\ud83d"},{"_id":"k2","name":"Whole","\\ude00":[]}]}'
    akool = ScriptedAkool({f"{KNOWLEDGE}/list": Response(body, media_type="application/json")})
    assert [row.name for row in await akool.api().knowledge_bases()] == ["Half \ufffd", "Whole"]


@pytest.mark.parametrize("name", ["knowledge_list", "result", "list"])
async def test_knowledge_bases_may_be_listed_under_a_name(name: str) -> None:
    row = {
        "_id": "k1",
        "name": "FAQ",
        "docs": [{"name": "a.pdf", "url": "https://x/a.pdf", "size": "12"}],
        "urls": ["https://x", None],
    }
    (found,) = await ScriptedAkool({KNOWLEDGE + "/list": ok({name: [row]})}).api().knowledge_bases()
    assert (found.name, found.docs[0].size, found.urls) == ("FAQ", 12, ("https://x",))


async def test_voices_are_asked_for_by_kind_and_streamable() -> None:
    akool = ScriptedAkool({VOICES: ok({"count": 1, "result": [{"voice_id": "v", "style": ["calm"], "duration": 8}]})})
    await akool.api().own_voices()
    await akool.api().akool_voices()
    assert [(call.query["type"], call.query["support_stream"]) for call in akool.calls] == [("1", "1"), ("2", "1")]


async def test_languages_are_read() -> None:
    rows = [{"lang_code": "zh-CN-shandong", "lang_name": "Shandong", "url": None}]
    (language,) = await ScriptedAkool({LANGUAGES: ok({"lang_list": rows})}).api().languages()
    assert (language.lang_code, language.url) == ("zh-CN-shandong", "")


@pytest.mark.parametrize("credit", [12.5, "12.5"])
async def test_credit_may_be_text(credit: Any) -> None:
    assert await ScriptedAkool({CREDIT: ok({"credit": credit})}).api().credit() == 12.5


# ---------------------------------------------------------------- single things


@pytest.mark.parametrize("wrap", [lambda record: record, lambda record: [record]])
async def test_an_avatar_may_come_alone_or_in_a_list(wrap: Any) -> None:
    record = {"_id": "r1", "avatar_id": "mine", "status": 1, "crop_arr": []}
    akool = ScriptedAkool({path: ok(wrap(record)) for path in (UPLOAD, UPLOADED, AVATAR)})
    api = akool.api()
    found = [
        await api.upload_avatar("https://x/v.mp4", "mine", "Me"),
        await api.uploaded_avatar("r1"),
        await api.avatar("mine"),
    ]
    assert [(avatar.id, avatar.status) for avatar in found] == [("r1", 1)] * 3
    assert [call.query for call in akool.calls] == [{}, {"id": "r1"}, {"avatar_id": "mine"}]


async def test_a_knowledge_base_is_deleted_with_a_body() -> None:
    akool = ScriptedAkool({KNOWLEDGE + "/delete": ok()})
    await akool.api().delete_knowledge("k1")
    assert [(call.method, call.body) for call in akool.calls] == [("DELETE", {"id": "k1"})]


async def test_an_update_without_data_clears_empty_fields() -> None:
    akool = ScriptedAkool({KNOWLEDGE + "/update": ok()})
    await akool.api().update_knowledge(Knowledge("FAQ", "k1"))
    assert akool.calls[0].body == {"id": "k1", "name": "FAQ", "prologue": "", "prompt": "", "docs": [], "urls": []}


# ---------------------------------------------------------------- secrets


@virtual
async def test_the_key_is_in_no_error_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for answer in (refused(1101), Response("<h1>down</h1>", 503), Response("nonsense")):
        akool = ScriptedAkool({CREDIT: answer})
        api = akool.api()
        with pytest.raises(ProviderError) as caught:
            await api.credit()
        assert akool.calls[0].headers["x-api-key"] == KEY
        assert KEY not in f"{caught.value!r} {caught.value.detail} {caught.value.__cause__!r} {api!r} {vars(api)}"
    assert "akool.test" in caplog.text
    assert KEY not in caplog.text
