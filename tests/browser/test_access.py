"""Who is let in, and who is not: origins, hosts, keys, forged and expired links."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from bot.domain.conversations import Membership, Person
from bot.domain.errors import SettingsError
from bot.domain.posts import CardAction
from bot.domain.sessions import SessionStatus
from bot.ports.grants import Scope
from tests.browser.conftest import Opens
from tests.browser.session_fixture import SECRET, SESSION, ScriptedCore
from tests.patience import HANG_S

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN = Person("a1", "Ann", Membership.MEMBER)


@pytest_asyncio.fixture(loop_scope="session")
async def http(core: ScriptedCore) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=core.base, timeout=HANG_S) as client:
        yield client


async def link(core: ScriptedCore, scope: Scope = Scope.SPEAK, minutes: float = 60) -> str:
    await core.show(status=SessionStatus.LIVE, note="Mei is here.", actions=(CardAction.STOP,))
    return await core.grants.mint(SESSION, scope, ANN if scope is Scope.SPEAK else None, core.in_minutes(minutes))


# ---------------------------------------------------------------- the playground


async def test_the_key_is_exchanged_once_and_leaves_the_address(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)

    assert SECRET not in ann.page.url
    assert not [url for url in ann.requests if SECRET in url.partition("#")[0]]
    cookies = await ann.page.context.cookies()
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies] == [(True, "Strict")]
    assert SECRET not in str(cookies)


async def test_without_the_key_the_page_says_what_to_do(core: ScriptedCore, window: Opens) -> None:
    stranger = await window()
    await stranger.page.goto(f"{core.base}/playground")

    await expect(stranger.page.get_by_role("heading", name="Open the printed link")).to_be_visible()
    stranger.complaints.clear()  # the refusal, as the browser notes it


async def test_a_foreign_page_gets_neither_ticket_nor_socket(core: ScriptedCore, http: httpx.AsyncClient) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert (await http.post("/playground/enter", json={"key": SECRET}, headers=foreign)).status_code == 403
    assert (await http.post("/playground/enter", json={"key": SECRET})).status_code == 403

    entered = await http.post("/playground/enter", json={"key": SECRET}, headers={"Origin": core.base})
    ticket = entered.headers["set-cookie"].partition(";")[0]
    url = core.base.replace("http", "ws") + "/playground/socket"
    for origin in ("https://evil.example", "null", None):
        with pytest.raises(InvalidStatus, match="403"):
            await connect(url, origin=origin, additional_headers={"Cookie": ticket})  # type: ignore[arg-type]


async def test_a_socket_without_a_ticket_is_refused(core: ScriptedCore) -> None:
    url = core.base.replace("http", "ws") + "/playground/socket"
    with pytest.raises(InvalidStatus, match="403"):
        await connect(url, origin=core.base)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", ["/", "/playground", "/playground/files/x/y", "/playground/pictures/x/y"])
async def test_a_name_rebound_to_our_address_gets_nothing(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path, headers={"Host": "rebound.example"})).status_code == 421


async def test_a_wrong_key_opens_nothing(core: ScriptedCore, http: httpx.AsyncClient) -> None:
    headers = {"Origin": core.base}
    assert (await http.post("/playground/enter", json={"key": "guess"}, headers=headers)).status_code == 403
    assert (await http.post("/playground/enter", content=b"nonsense", headers=headers)).status_code == 400
    assert (await http.post("/playground/enter", content=b"x" * 5_000, headers=headers)).status_code == 413


async def test_a_forged_identity_makes_somebody_new(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    you = await ann.page.evaluate("JSON.parse(sessionStorage.me)")
    thief = await window()
    await thief.page.add_init_script(
        f"sessionStorage.me = JSON.stringify({{person: '{you['person']}', proof: 'forged'}})"
    )

    await thief.enter(core.address)

    await expect(thief.page.locator("#my-name")).to_have_value("Ben")


async def test_a_picture_that_we_did_not_sign_is_not_fetched(core: ScriptedCore, http: httpx.AsyncClient) -> None:
    entered = await http.post("/playground/enter", json={"key": SECRET}, headers={"Origin": core.base})
    assert entered.status_code == 204
    assert (await http.get("/playground/pictures/0/aHR0cDovLzE2OS4yNTQuMTY5LjI1NC8=")).status_code == 404


@pytest.mark.parametrize(
    ("host", "fine"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("10.0.0.5", False)]
)
async def test_it_listens_beyond_this_machine_only_when_told(core: ScriptedCore, host: str, fine: bool) -> None:
    settings = PlaygroundSettings().at(host)
    if not fine:
        with pytest.raises(SettingsError, match="AVATARBOT_PLAYGROUND_PUBLIC"):
            PlaygroundPlatform(core, core.clock, settings)
        settings = settings.model_copy(update={"public": True})
    PlaygroundPlatform(core, core.clock, settings)
