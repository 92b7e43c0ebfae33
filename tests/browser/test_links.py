"""Watch links: what opens, what does not, and what somebody with one may do."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.domain.conversations import Membership, Person
from bot.domain.posts import CardAction, Speaker
from bot.domain.sessions import SessionStatus
from bot.media.events import Caption
from bot.ports.grants import Scope
from bot.web.viewer.socket import AT_ONCE, JOIN_EVERY_S, SOCKETS_PER_LINK
from tests.browser.conftest import Opens
from tests.browser.session_fixture import SESSION, ScriptedCore
from tests.patience import HANG_S, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN = Person("a1", "Ann", Membership.MEMBER)
BEN = Person("b1", "Ben", Membership.MEMBER)
GUEST = Person("g1", "Gus", Membership.OUTSIDER)


@pytest_asyncio.fixture(loop_scope="session")
async def http(core: ScriptedCore) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=core.base, timeout=HANG_S) as client:
        yield client


async def link(core: ScriptedCore, scope: Scope = Scope.SPEAK, minutes: float = 60, person: Person = ANN) -> str:
    """A link's secret."""
    await core.show(status=SessionStatus.LIVE, note="Mei is here.", actions=(CardAction.STOP,))
    return await core.grants.mint(SESSION, scope, person if scope is Scope.SPEAK else None, core.in_minutes(minutes))


def reach(core: ScriptedCore) -> connect:
    """A page's socket, before it says anything."""
    return connect(core.base.replace("http", "ws") + "/v/socket", open_timeout=HANG_S)


async def present(socket: ClientConnection, secret: str) -> None:
    await socket.send(json.dumps({"type": "present", "grant": secret}))


async def opened(core: ScriptedCore, window: Opens, secret: str) -> Page:
    page = (await window()).page
    await page.goto(f"{core.base}/v/#{secret}")
    return page


# ---------------------------------------------------------------- what opens


async def test_the_secret_goes_into_no_path(core: ScriptedCore, window: Opens) -> None:
    ann = await window()
    secret = await link(core)
    await ann.page.goto(f"{core.base}/v/#{secret}")
    await expect(ann.page.locator("#status")).to_have_text("Live")
    await core.show(status=SessionStatus.ENDED, note="Stopped.")
    async with ann.page.expect_download():
        await ann.page.get_by_role("button", name="Text").click()
    assert not [url for url in ann.requests if secret in url.partition("#")[0]]


async def test_the_page_may_be_cached(http: httpx.AsyncClient) -> None:
    first = await http.get("/v/")
    again = await http.get("/v/", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    policy = first.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert first.headers["referrer-policy"] == "no-referrer"
    assert first.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/v/portrait", "/v/transcript.md"])
async def test_files_want_the_secret_in_a_header(core: ScriptedCore, http: httpx.AsyncClient, path: str) -> None:
    secret, expired = await link(core), await link(core, minutes=-1)
    for offered in ("", "Bearer", f"Bearer {'x' * 22}", f"Bearer {'x' * 5_000}", f"Bearer {expired}", secret):
        assert (await http.get(path, headers={"Authorization": offered})).status_code == 401
    assert (await http.get(path, headers={"Authorization": f"Bearer {secret}"})).status_code == 200


async def test_a_link_that_never_existed_says_what_to_do(core: ScriptedCore, window: Opens) -> None:
    for secret in ("x" * 22, ""):
        page = await opened(core, window, secret)
        await expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()
        await expect(page.get_by_text("Press Watch in your channel")).to_be_visible()


async def test_an_expired_link_says_so(core: ScriptedCore, window: Opens) -> None:
    page = await opened(core, window, await link(core, minutes=-1))
    await expect(page.get_by_role("heading", name="This link has expired")).to_be_visible()


async def test_an_open_link_that_expires_or_is_revoked_is_closed(core: ScriptedCore, window: Opens) -> None:
    expiring, revoked = await link(core), await link(core)
    pages = [await opened(core, window, secret) for secret in (expiring, revoked)]
    for page in pages:
        await expect(page.locator("#status")).to_have_text("Live")
    grants = core.grants.grants
    grants[expiring] = replace(grants[expiring], expires_at=core.in_minutes(0))
    del grants[revoked]
    await expect(pages[0].get_by_role("heading", name="This link has expired")).to_be_visible()
    await expect(pages[1].get_by_role("heading", name="This link does not work")).to_be_visible()


async def test_a_link_is_open_in_five_windows_at_most(core: ScriptedCore, window: Opens) -> None:
    secret = await link(core)
    sockets = [await reach(core) for _ in range(SOCKETS_PER_LINK)]
    for socket in sockets:
        await present(socket, secret)
        assert "hello" in str(await socket.recv())
    page = await opened(core, window, secret)
    await expect(page.get_by_role("heading", name="open in five windows")).to_be_visible()

    await sockets[0].close()
    await page.reload()
    await expect(page.locator("#status")).to_have_text("Live")
    for socket in sockets:
        await socket.close()


async def test_a_socket_must_show_its_grant_soon(core: ScriptedCore) -> None:
    async with reach(core) as socket, asyncio.timeout(HANG_S):
        await socket.wait_closed()


async def test_at_a_full_door_the_oldest_that_says_nothing_leaves(core: ScriptedCore) -> None:
    secret = await link(core)
    silent = [await reach(core) for _ in range(AT_ONCE)]
    async with reach(core) as newcomer:
        await present(newcomer, secret)
        assert "hello" in str(await newcomer.recv())
        with pytest.raises(ConnectionClosed):
            await silent[0].recv()
    for socket in silent:
        await socket.close()


async def test_only_a_visible_page_counts_as_a_viewer(core: ScriptedCore) -> None:
    secret = await link(core)
    async with reach(core) as socket:
        await present(socket, secret)
        await socket.send('{"type": "visible", "on": false}')
        assert "hello" in str(await socket.recv())
        assert core.events.watchers(SESSION) == 0
        await socket.send('{"type": "visible", "on": true}')
        assert "audience" in str(await socket.recv())
        assert core.events.watchers(SESSION) == 1
        await socket.send('{"type": "visible", "on": false}')
        await until(lambda: not core.events.watchers(SESSION))


async def test_coming_and_going_is_done_once_a_second(core: ScriptedCore) -> None:
    """Each time the whole transcript is read, and everybody is told."""
    reads = 0
    captions = core.archive.captions

    async def counted(session_id: str) -> object:
        nonlocal reads
        reads += 1
        return await captions(session_id)

    core.archive.captions = counted  # type: ignore[method-assign,assignment]
    secret = await link(core)
    began = asyncio.get_running_loop().time()
    async with reach(core) as socket:
        await present(socket, secret)
        for _ in range(100):
            await socket.send('{"type": "visible", "on": true}')
            await socket.send('{"type": "visible", "on": false}')
        await socket.send('{"type": "say", "nonce": "1", "text": "done"}')
        async with asyncio.timeout(HANG_S):
            while "outcome" not in str(await socket.recv()):
                pass
    assert reads <= 2 + (asyncio.get_running_loop().time() - began) / JOIN_EVERY_S


# ---------------------------------------------------------------- what somebody may do with it


async def test_a_watch_link_cannot_speak(core: ScriptedCore, window: Opens) -> None:
    secret = await link(core, Scope.WATCH)
    page = await opened(core, window, secret)
    await expect(page.get_by_text("You are watching.")).to_be_visible()
    await expect(page.locator("#write")).to_be_hidden()
    async with reach(core) as socket:
        await present(socket, secret)
        await socket.send('{"type": "say", "nonce": "1", "text": "let me in"}')
        answers = [await socket.recv(), await socket.recv()]
    assert "for watching only" in str(answers)
    assert core.came == []


@pytest.mark.parametrize("verb", ["stop", "start", "act", "forget", "defaults reset", "keep-going", ""])
async def test_only_the_commands_of_the_page_are_handed_in(core: ScriptedCore, verb: str) -> None:
    secret = await link(core)
    async with reach(core) as socket:
        await present(socket, secret)
        await socket.send(json.dumps({"type": "do", "nonce": "1", "verb": verb}))
        answers = [await socket.recv(), await socket.recv()]
    assert "cannot be done from here" in str(answers)
    assert core.came == []


@pytest.mark.parametrize("frame", [{"type": "say", "text": "x"}, {"type": "do", "verb": "interrupt"}])
async def test_a_nonce_has_at_most_64_characters(core: ScriptedCore, frame: dict[str, str]) -> None:
    secret = await link(core)
    async with reach(core) as socket:
        await present(socket, secret)
        await socket.send(json.dumps(frame | {"nonce": "n" * 64}))
        await socket.send(json.dumps(frame | {"nonce": "n" * 65}))
        await socket.wait_closed()
    assert len(core.came) == 1


async def test_a_speak_link_acts_as_its_person(core: ScriptedCore, window: Opens) -> None:
    page = await opened(core, window, await link(core))
    await page.get_by_label("Say something as Ann").fill("Good morning")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Interrupt").click()
    await page.get_by_role("button", name="Extend").click()
    await expect(page.locator("#said")).to_contain_text("Good morning")
    await until(lambda: len(core.came) == 3)
    assert {inbound.person for inbound in core.came} == {ANN}
    assert [getattr(i.body, "text", "") or getattr(i.body, "verb", "") for i in core.came] == [
        "Good morning",
        "interrupt",
        "extend",
    ]


async def test_a_guest_is_offered_what_a_guest_may_do(core: ScriptedCore, window: Opens) -> None:
    page = await opened(core, window, await link(core, person=GUEST))
    await expect(page.get_by_label("Say something as Gus")).to_be_visible()
    await expect(page.get_by_role("button", name="Interrupt")).to_be_hidden()
    await expect(page.get_by_role("button", name="Extend")).to_be_hidden()


# ---------------------------------------------------------------- what they see of each other


async def test_one_person_in_three_windows_is_one_who_watches(core: ScriptedCore, window: Opens) -> None:
    secret = await link(core)
    pages = [await opened(core, window, secret) for _ in range(3)]
    pages.append(await opened(core, window, await link(core, person=BEN)))
    pages.append(await opened(core, window, await link(core, Scope.WATCH)))
    for page in pages:
        await expect(page.locator("#audience")).to_have_text("3 watching")


async def test_everybody_sees_what_people_say_also_after_a_reload(core: ScriptedCore, window: Opens) -> None:
    page = await opened(core, window, await link(core))
    await expect(page.locator("#status")).to_have_text("Live")
    said = Caption("row-1", Speaker.USER, "What is new in the release?", True, "Ben")
    core.archive.said[said.id] = said
    core.events.publish(SESSION, said)
    for _ in range(2):
        await expect(page.locator("#said li")).to_have_count(1)
        await expect(page.locator("#said li")).to_contain_text("Ben")
        await expect(page.locator("#said li")).to_contain_text("What is new in the release?")
        await page.reload()


async def test_ones_own_words_stand_there_once(core: ScriptedCore, window: Opens) -> None:
    page = await opened(core, window, await link(core))
    await page.get_by_label("Say something as Ann").fill("Good morning")
    await page.keyboard.press("Enter")
    await expect(page.locator("#said li")).to_have_attribute("id", "said-row-1")
    core.events.publish(SESSION, Caption("row-1", Speaker.USER, "Good morning", True, "Ann"))
    core.events.publish(SESSION, Caption("row-2", Speaker.USER, "Good evening", True, "Ben"))
    await expect(page.locator("#said li")).to_have_count(2)


async def test_old_sentences_are_not_announced_to_latecomers(core: ScriptedCore, window: Opens) -> None:
    await link(core)
    core.archive.said["old"] = Caption("old", Speaker.BOT, "Long ago I said this.", True)
    page = (await window()).page
    await page.add_init_script(
        "window.heard = []; addEventListener('DOMContentLoaded', () => { for (const id of ['announcer', 'caption'])"
        "new MutationObserver(() => heard.push(document.getElementById(id).textContent))"
        ".observe(document.getElementById(id), { childList: true, characterData: true, subtree: true }) })"
    )
    core.archive.slow = 1.5
    await page.goto(f"{core.base}/v/#{await link(core)}")
    await expect(page.locator("#said")).to_contain_text("Long ago")
    assert await page.evaluate("heard") == []
    core.events.publish(SESSION, Caption("new", Speaker.BOT, "And now this.", True))
    await expect(page.locator("#caption")).to_have_text("And now this.")
    assert sorted(await page.evaluate("heard")) == ["And now this.", "Mei: And now this."]
