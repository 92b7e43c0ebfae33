"""The calls of AKOOL's API: signed, timed, and tried again where that cannot do harm."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from adapters.akool.client import ATTEMPTS, LONGEST_BYTES, AkoolApi, ApiKey, ClientToken
from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.provider import Knowledge
from bot.testing.virtual_time import virtual
from tests.unit.akool.scripted import (
    CLOSE,
    CREATE,
    CREDIT,
    KEY,
    KNOWLEDGE,
    LANGUAGES,
    TOKEN,
    UPLOAD,
    URL,
    BrokenNetwork,
    Call,
    ScriptedAkool,
    ok,
    refused,
)

SPEC = SessionSpec("tristan")
PAID = ok({"credit": 5})
DOWN = Response("<h1>Bad Gateway</h1>", 502)

ONCE: dict[str, Callable[[AkoolApi], Awaitable[object]]] = {
    CREATE: lambda api: api.create_session(SPEC, 600),
    UPLOAD: lambda api: api.upload_avatar("https://x/v.mp4", "mine", "Me"),
    CLOSE: lambda api: api.close_session("s1"),
    f"{KNOWLEDGE}/create": lambda api: api.create_knowledge(Knowledge("FAQ")),
    f"{KNOWLEDGE}/update": lambda api: api.update_knowledge(Knowledge("FAQ", "k1")),
    f"{KNOWLEDGE}/delete": lambda api: api.delete_knowledge("k1"),
}

CREDIT_OK = ok({"credit": 5})


class SilentNetwork(httpx.AsyncBaseTransport):
    """A server that takes everything and never finishes its answer."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


# ---------------------------------------------------------------- tried again


@virtual
@pytest.mark.parametrize(
    "trouble", [DOWN, refused(1005), refused(2001), refused(1005, 429), Response("slow down", 429)]
)
async def test_a_read_is_tried_again_while_trouble_passes(trouble: Response) -> None:
    akool = ScriptedAkool({CREDIT: [trouble, trouble, PAID]})
    assert await akool.api().credit() == 5
    assert len(akool.calls) == 3


@virtual
@pytest.mark.parametrize("trouble", [DOWN, refused(1005)])
async def test_a_read_gives_up_within_ten_seconds(trouble: Response) -> None:
    akool = ScriptedAkool({CREDIT: trouble})
    with pytest.raises(ProviderError):
        await akool.api().credit()
    assert len(akool.calls) == ATTEMPTS
    assert 0 < asyncio.get_running_loop().time() < 10


@virtual
@pytest.mark.parametrize("failure", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout])
async def test_a_read_is_tried_again_when_the_network_breaks(failure: type[httpx.TransportError]) -> None:
    network = BrokenNetwork(failure)
    with pytest.raises(ProviderError) as caught:
        await network.api().credit()
    assert network.tries == ATTEMPTS
    assert caught.value.certain
    assert caught.value.verdict is Verdict.RETRY_LATER


@pytest.mark.parametrize("code", [1003, 1009, 1101, 1104, 1215])
async def test_a_read_that_is_refused_is_not_tried_again(code: int) -> None:
    akool = ScriptedAkool({CREDIT: refused(code)})
    with pytest.raises(ProviderError):
        await akool.api().credit()
    assert len(akool.calls) == 1


# ---------------------------------------------------------------- never tried again


@pytest.mark.parametrize("path", ONCE)
@pytest.mark.parametrize("trouble", [DOWN, refused(1005), refused(2001), Response("nonsense")])
async def test_what_has_an_effect_is_never_tried_again(path: str, trouble: Response) -> None:
    akool = ScriptedAkool({path: trouble})
    with pytest.raises(ProviderError):
        await ONCE[path](akool.api())
    assert len(akool.calls) == 1


@pytest.mark.parametrize("path", ONCE)
async def test_an_effect_is_not_repeated_over_a_broken_network(path: str) -> None:
    network = BrokenNetwork(httpx.ReadError)
    with pytest.raises(ProviderError):
        await ONCE[path](network.api())
    assert network.tries == 1


@pytest.mark.parametrize(
    ("answer", "certain"),
    [
        (refused(1215), True),
        (refused(1003, 400), True),
        (Response("who are you", 401), True),
        (Response("no such page", 404), True),
        (Response("elsewhere", 302), False),
        (refused(1215, 500), False),
        (DOWN, False),
        (Response("nonsense"), False),
    ],
)
async def test_a_create_knows_whether_it_may_have_worked(answer: Response, certain: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        await ScriptedAkool({CREATE: answer}).api().create_session(SPEC, 600)
    assert caught.value.certain is certain


@pytest.mark.parametrize(
    ("failure", "certain"),
    [
        (httpx.ConnectError, True),
        (httpx.ConnectTimeout, True),
        (httpx.PoolTimeout, True),
        (httpx.ReadTimeout, False),
        (httpx.WriteTimeout, False),
        (httpx.WriteError, False),
        (httpx.ReadError, False),
        (httpx.RemoteProtocolError, False),
    ],
)
async def test_a_create_cut_off_after_sending_is_uncertain(failure: type[httpx.TransportError], certain: bool) -> None:
    with pytest.raises(ProviderError) as caught:
        await BrokenNetwork(failure).api().create_session(SPEC, 600)
    assert caught.value.certain is certain


@pytest.mark.parametrize(
    "call", [lambda api: api.avatar("\ud83d"), lambda api: api.create_knowledge(Knowledge("\ud83d"))]
)
async def test_half_an_emoji_is_not_sent(call: Callable[[AkoolApi], Awaitable[object]]) -> None:
    akool = ScriptedAkool({})
    with pytest.raises(ProviderError) as caught:
        await call(akool.api())
    assert caught.value.verdict is Verdict.FIX_INPUT
    assert not akool.calls


# ---------------------------------------------------------------- time


@virtual
@pytest.mark.parametrize(("call", "seconds"), [(ONCE[CREATE], 35), (ONCE[UPLOAD], 20), (ONCE[CLOSE], 20)])
async def test_no_call_waits_for_ever(call: Callable[[AkoolApi], Awaitable[object]], seconds: int) -> None:
    api = AkoolApi.at(URL, ApiKey(SecretStr("key")), SilentNetwork())
    with pytest.raises(ProviderError, match="in time"):
        await call(api)
    assert asyncio.get_running_loop().time() <= seconds


@virtual
async def test_a_create_that_times_out_is_uncertain() -> None:
    api = AkoolApi.at(URL, ApiKey(SecretStr("key")), SilentNetwork())
    with pytest.raises(ProviderError) as caught:
        await api.create_session(SPEC, 600)
    assert not caught.value.certain


# ---------------------------------------------------------------- how much is read


class Pouring(httpx.AsyncByteStream):
    """A body without an end."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += len(self.piece)
            yield self.piece


@pytest.mark.parametrize("auth", [ApiKey(SecretStr("k")), ClientToken(SecretStr("i"), SecretStr("s"), URL)])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_what_is_larger_than_any_answer_is_not_read(auth: httpx.Auth, encoding: str) -> None:
    pouring = Pouring(b" " * 1_000_000)
    answer = httpx.Response(200, headers={"content-encoding": encoding}, stream=pouring)
    api = AkoolApi.at(URL, auth, httpx.MockTransport(lambda _: answer))
    with pytest.raises(ProviderError, match="nonsense"):
        await api.credit()
    await api.aclose()
    assert pouring.sent <= LONGEST_BYTES + 1_000_000


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
