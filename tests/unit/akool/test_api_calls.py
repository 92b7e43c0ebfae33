"""What is tried again and what never is, how long it may take, and whether a failed write may have had its effect."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import Response

from adapters.akool.api import AkoolApi, ApiKey, ClientToken
from adapters.akool.api.calls import ATTEMPTS
from adapters.akool.api.client import LONGEST_BYTES
from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.provider import Knowledge
from bot.testing.virtual_time import virtual
from tests.unit.akool.scripted import (
    CLOSE,
    CREATE,
    CREDIT,
    KNOWLEDGE,
    UPLOAD,
    URL,
    BrokenNetwork,
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
    f"{KNOWLEDGE}/create": lambda api: api.create_knowledge(Knowledge("FAQ")),
    f"{KNOWLEDGE}/update": lambda api: api.update_knowledge(Knowledge("FAQ", "k1")),
    f"{KNOWLEDGE}/delete": lambda api: api.delete_knowledge("k1"),
}


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


@virtual
async def test_closing_is_tried_again() -> None:
    akool = ScriptedAkool({CLOSE: [DOWN, refused(1005), ok()]})
    await akool.api().close_session("s1")
    assert len(akool.calls) == 3


@virtual
async def test_closing_that_worked_without_our_hearing_of_it_succeeds() -> None:
    akool = ScriptedAkool({CLOSE: [DOWN, refused(1219)]})
    await akool.api().close_session("s1")
    assert len(akool.calls) == 2


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
@pytest.mark.parametrize(
    ("call", "seconds"), [(ONCE[CREATE], 35), (ONCE[UPLOAD], 20), (lambda api: api.close_session("s1"), ATTEMPTS * 22)]
)
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
