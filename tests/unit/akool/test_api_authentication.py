"""Who we are is told in one way at a time, and a token is fetched as rarely as can be."""

import asyncio
import itertools
import logging

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from adapters.akool.api import AkoolApi, ClientToken
from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import SessionSpec
from bot.testing.virtual_time import virtual
from tests.unit.akool.scripted import CREATE, CREDIT, KEY, LANGUAGES, TOKEN, URL, Call, ScriptedAkool, ok, refused

CREDIT_OK = ok({"credit": 5})


class Gate:
    """An AKOOL that gives out numbered tokens and takes only the newest of them."""

    def __init__(self) -> None:
        self.issued = 0

    def token(self, _: Call) -> Response:
        self.issued += 1
        return ok(token=f"token-{self.issued}")

    def credit(self, call: Call) -> Response:
        return CREDIT_OK if call.headers["authorization"] == f"Bearer token-{self.issued}" else refused(1101)

    def expire(self) -> None:
        """From now on only a token is taken that was not yet given out."""
        self.issued += 1

    def akool(self) -> ScriptedAkool:
        """Each call takes longer than the one before, but for a token."""
        seconds = itertools.count(0.1, 0.1)
        answers = {TOKEN: self.token, CREDIT: self.credit}
        return ScriptedAkool(answers, lambda call: 0.01 if call.path == TOKEN else next(seconds))


async def test_a_key_is_sent_alone() -> None:
    akool = ScriptedAkool({CREDIT: CREDIT_OK})
    await akool.api().credit()
    (call,) = akool.calls
    assert call.headers["x-api-key"] == KEY
    assert "authorization" not in call.headers


@virtual
async def test_a_token_is_fetched_once_and_sent_alone() -> None:
    akool = Gate().akool()
    api = akool.api_with_token()
    await api.credit()
    await api.credit()
    assert [call.path for call in akool.calls] == [TOKEN, CREDIT, CREDIT]
    assert akool.calls[0].body == {"clientId": "the-id", "clientSecret": KEY}
    assert all("x-api-key" not in call.headers for call in akool.calls)


async def test_a_token_under_data_is_taken_too() -> None:
    akool = ScriptedAkool({TOKEN: ok({"token": "t"}), CREDIT: CREDIT_OK})
    await akool.api_with_token().credit()
    assert akool.calls[1].headers["authorization"] == "Bearer t"


@virtual
async def test_an_expired_token_is_renewed_and_the_call_repeated() -> None:
    gate = Gate()
    akool = gate.akool()
    api = akool.api_with_token()
    await api.credit()
    gate.expire()
    assert await api.credit() == 5
    assert [call.path for call in akool.calls] == [TOKEN, CREDIT, CREDIT, TOKEN, CREDIT]


@pytest.mark.parametrize("refusal", [refused(1101), refused(1101, 401), Response("who are you", 401)])
async def test_a_renewed_token_that_is_refused_too_is_an_error(refusal: Response) -> None:
    akool = ScriptedAkool({TOKEN: ok(token="t"), CREDIT: refusal})
    with pytest.raises(ProviderError) as caught:
        await akool.api_with_token().credit()
    assert (caught.value.code, caught.value.verdict) == (1101, Verdict.FIX_SETTINGS)
    assert len(akool.to(CREDIT)) == len(akool.to(TOKEN)) == 2


@virtual
async def test_many_calls_share_one_token_and_one_renewal() -> None:
    gate = Gate()
    akool = gate.akool()  # some hear of the refusal when the others already have a new token
    api = akool.api_with_token()
    await asyncio.gather(*(api.credit() for _ in range(20)))
    assert len(akool.to(TOKEN)) == 1
    gate.expire()
    await asyncio.gather(*(api.credit() for _ in range(20)))
    assert len(akool.to(TOKEN)) == 2


async def test_a_create_refused_for_its_token_is_repeated() -> None:
    session = {"_id": "s1", "credentials": {}}
    akool = ScriptedAkool({TOKEN: ok(token="t"), CREATE: [refused(1101), ok(session)]})
    assert (await akool.api_with_token().create_session(SessionSpec("tristan"), 600)).id == "s1"
    first, second = akool.to(CREATE)
    assert first.body == second.body


@pytest.mark.parametrize("code", [1101, 1102, 1200])
async def test_a_refused_client_calls_nothing(code: int) -> None:
    akool = ScriptedAkool({TOKEN: refused(code), CREATE: ok({"_id": "s1"})})
    with pytest.raises(ProviderError) as caught:
        await akool.api_with_token().create_session(SessionSpec("tristan"), 600)
    assert (caught.value.code, caught.value.verdict, caught.value.certain) == (code, Verdict.FIX_SETTINGS, True)
    assert not akool.to(CREATE)


@pytest.mark.parametrize("answer", [ok(), ok(token=""), ok({"token": 5}), JSONResponse([]), Response("hello")])
async def test_a_reply_without_a_token_is_nonsense_and_forgotten(answer: Response) -> None:
    akool = ScriptedAkool({TOKEN: [answer, ok(token="t")], LANGUAGES: ok([])})
    api = akool.api_with_token()
    with pytest.raises(ProviderError, match="nonsense"):
        await api.languages()
    assert await api.languages() == []


async def test_fetching_a_token_has_a_time_out() -> None:
    timeouts: list[object] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        timeouts.append(request.extensions["timeout"])
        return httpx.Response(200, json={"code": 1000, "token": "t", "data": {"credit": 1}})

    auth = ClientToken(SecretStr("the-id"), SecretStr(KEY), URL)
    await AkoolApi.at(URL, auth, httpx.MockTransport(answer)).credit()
    assert timeouts == [{"connect": 5.0, "read": 15.0, "write": 15.0, "pool": 15.0}] * 2


@virtual
async def test_a_token_that_never_comes_holds_up_nobody_for_ever() -> None:
    fetched = 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal fetched
        if request.url.path == TOKEN and (fetched := fetched + 1) == 1:
            await asyncio.Event().wait()
        return httpx.Response(200, json={"code": 1000, "token": "t", "data": {"credit": 1}})

    api = AkoolApi.at(URL, ClientToken(SecretStr("the-id"), SecretStr(KEY), URL), httpx.MockTransport(answer))
    first, second = await asyncio.gather(api.credit(), api.credit())
    assert first == second == 1
    assert asyncio.get_running_loop().time() < 25


async def test_secret_and_token_are_in_no_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    akool = ScriptedAkool({TOKEN: ok(token="tok-secret"), CREDIT: refused(1104)})
    api = akool.api_with_token()
    with pytest.raises(ProviderError) as caught:
        await api.credit()
    auth = api._calls._http.auth
    seen = f"{caplog.text} {caught.value!r} {caught.value.detail} {vars(auth) if auth else ''}"
    assert "SecretStr" in seen
    assert KEY not in seen
    assert "tok-secret" not in seen
