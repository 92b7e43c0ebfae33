"""Speaking aloud on the viewer page: said in one browser, heard in the room, recognised, answered, and heard by everybody."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Playwright, expect

from bot.domain.conversations import Membership, Person
from bot.domain.sessions import SessionStatus
from bot.media.events import Hears
from bot.ports.grants import Scope
from tests.browser.conftest import Opens, Window, becomes
from tests.browser.microphone import listening, speaking, speaking_browser
from tests.browser.service_fixture import DemoService
from tests.browser.session_fixture import SESSION, ScriptedCore
from tests.patience import HANG_S, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN = Person("ann", "Ann", Membership.MEMBER)
BEN = Person("ben", "Ben", Membership.MEMBER)
ROOT = Person("root", "Root", Membership.ADMIN)


async def go_live(core: ScriptedCore, hears: Hears = Hears.SOUND) -> None:
    await core.show(status=SessionStatus.LIVE)
    assert core.archive.last
    core.archive.last = replace(core.archive.last, hears=hears)
    core.events.publish(SESSION, core.archive.last)


KEEP_SOCKETS = """
  globalThis.sockets = [];
  const Plain = WebSocket;
  globalThis.WebSocket = class extends Plain {
    constructor(...where) {
      super(...where);
      sockets.push(this);
    }
  };
"""


async def open_page(core: ScriptedCore, browser: Browser, person: Person, script: str = "") -> Page:
    secret = await core.grants.mint(SESSION, Scope.SPEAK, person, core.in_minutes(60))
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await page.add_init_script(script)
    await page.goto(f"{core.base}/v/#{secret}")
    await page.locator("#aloud").wait_for()
    return page


async def press(page: Page) -> None:
    box = await page.locator("#mic").bounding_box()
    assert box
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()


def state(page: Page, name: str) -> Locator:
    return page.locator(f"#aloud[data-state={name}]")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tells(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """A browser whose microphone says “Tell me”, for all who need no other: its start costs as much as a test."""
    async with speaking(playwright, tmp_path_factory.mktemp("microphone")) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def aloud(tells: Browser) -> AsyncIterator[Browser]:
    """The same, whose pages are closed after the test."""
    yield tells
    for context in tells.contexts:
        await context.close()


# ---------------------------------------------------------------- the whole way


async def test_said_recognised_answered_and_heard_by_another(
    demo: DemoService, window: Opens, playwright: Playwright, tmp_path: Path
) -> None:
    starter: Window = await (await window()).enter(demo.address)
    await starter.go_live()
    link = await starter.watch_link()
    async with speaking(playwright, tmp_path, "joke") as browser:
        page = await browser.new_page()
        await page.goto(link)
        asked, answer = page.locator("#said p", has_text=re.compile("^joke$")), page.locator("#said li:has(.to) p")
        await keep_talking_until(page, asked)
        await answer.first.wait_for()
        await becomes(page, "document.querySelectorAll('#said .growing').length === 0")
        words = await answer.first.inner_text()
    await starter.says("thread", "joke")
    await starter.says("thread", words)


async def keep_talking_until(page: Page, there: Locator) -> None:
    """Hands-free, until something is there: nobody has the floor for longer than a minute."""
    await page.locator("#aloud").wait_for()

    async def shown() -> bool:
        if await state(page, "off").is_visible():
            await page.locator("#hands").click()
        return await there.count() > 0

    await until(shown, 2 * HANG_S)
    await page.locator("#hands").click()


async def press_when_ready(page: Page) -> None:
    await page.locator("#aloud").wait_for()
    await press(page)
    await state(page, "on").wait_for()


# ---------------------------------------------------------------- the button


@pytest.mark.parametrize("rate", [44_100, 16_000])
async def test_what_is_said_is_heard_while_it_is_held(
    core: ScriptedCore, playwright: Playwright, tmp_path: Path, rate: int
) -> None:
    await go_live(core)
    async with speaking(playwright, tmp_path, rate=rate) as browser:
        with listening(core) as listener:
            page = await open_page(core, browser, ANN)
            assert not listener.frames
            await press(page)
            await until(lambda: {"Tell", "me"} <= listener.words)
            await expect(page.locator("#speaker")).to_have_attribute("data-yours", "true")
            await page.mouse.up()
            await state(page, "off").wait_for()
            await until(lambda: not listener.speaker)
            heard = len(listener.frames)
            await asyncio.sleep(0.3)
            assert len(listener.frames) == heard


async def test_the_space_key_talks_except_where_one_writes(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        page = await open_page(core, aloud, ANN)
        await page.keyboard.down("Space")
        await state(page, "on").wait_for()
        await page.keyboard.up("Space")
        await state(page, "off").wait_for()
        await until(lambda: not listener.speaker)
        await page.locator("#words").press("Space")
        assert await page.locator("#words").input_value() == " "
        await expect(state(page, "off")).to_be_visible()


async def test_hands_free_stays_on_until_it_is_pressed(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        page = await open_page(core, aloud, ANN)
        await page.locator("#hands").click()
        await until(lambda: {"Tell", "me"} <= listener.words)
        await expect(page.locator("#hands")).to_have_attribute("aria-pressed", "true")
        await page.locator("#hands").click()
        await until(lambda: not listener.speaker)


async def test_a_screen_reader_locks_where_it_cannot_hold(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        page = await open_page(core, aloud, ANN)
        await page.locator("#mic").dispatch_event("click")
        await until(lambda: {"Tell", "me"} <= listener.words)
        await page.locator("#mic").dispatch_event("click")
        await until(lambda: not listener.speaker)


# ---------------------------------------------------------------- the floor


async def test_two_people_and_one_floor(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        ann, ben = await open_page(core, aloud, ANN), await open_page(core, aloud, BEN)
        await press(ann)
        await state(ann, "on").wait_for()
        await expect(ben.locator("#speaker-name")).to_have_text("Ann is speaking")
        await press(ben)
        await expect(ben.locator("#mic-label")).to_have_text("You are 1st in line after Ann")
        await expect(ben.locator("#take")).to_be_hidden()
        await ann.mouse.up()
        await state(ben, "on").wait_for()
        assert listener.speaker == "Ben"
        await expect(ann.locator("#speaker-name")).to_have_text("Ben is speaking")
        await ben.mouse.up()


async def test_an_admin_need_not_wait(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        ann, root = await open_page(core, aloud, ANN), await open_page(core, aloud, ROOT)
        await press(ann)
        await state(ann, "on").wait_for()
        await root.locator("#hands").click()
        await root.locator("#take").click()
        await state(root, "on").wait_for()
        assert listener.speaker == "Root"
        await state(ann, "off").wait_for()
        await expect(ann.locator("#mic-note")).to_have_text("Root speaks now.")


# ---------------------------------------------------------------- what goes wrong


async def test_a_refused_microphone_says_what_to_do(core: ScriptedCore, playwright: Playwright) -> None:
    await go_live(core)
    async with speaking_browser(playwright, None, refuses=True) as browser:
        with listening(core) as listener:
            page = await open_page(core, browser, ANN)
            await press(page)
            await expect(page.locator("#mic-note")).to_contain_text("microphone")
            await state(page, "off").wait_for()
            assert not listener.speaker


async def test_a_hidden_page_is_silent_and_gives_the_floor_back(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        page = await open_page(core, aloud, ANN, KEEP_TRACKS)
        await page.locator("#hands").click()
        await state(page, "on").wait_for()
        await hide(page)
        assert await page.evaluate("() => stream.getTracks()[0].readyState") == "ended"
        await until(lambda: not listener.speaker)
        await state(page, "off").wait_for()


async def hide(page: Page) -> None:
    await page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )


async def test_a_microphone_allowed_too_late_stays_off(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        page = await open_page(core, aloud, ANN, ALLOWED_LATE)
        await page.locator("#hands").click()
        await state(page, "waiting").wait_for()
        await hide(page)
        await page.evaluate("() => allow()")
        await page.wait_for_function("() => globalThis.stream")
        assert await page.evaluate("() => stream.getTracks()[0].readyState") == "ended"
        assert not listener.handed


async def test_who_still_holds_it_goes_on_after_a_reconnect(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        page = await open_page(core, aloud, ANN, KEEP_SOCKETS)
        await press(page)
        await state(page, "on").wait_for()
        await page.evaluate("() => sockets[0].close()")
        await until(lambda: listener.handed == ["Ann", "", "Ann"])
        heard = len(listener.frames)
        await until(lambda: len(listener.frames) > heard + 20)
        await page.mouse.up()


ALLOWED_LATE = """
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  const allowed = new Promise((resolve) => (globalThis.allow = resolve));
  navigator.mediaDevices.getUserMedia = async (wanted) => (await allowed, (globalThis.stream = await ask(wanted)));
"""
KEEP_TRACKS = """
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => (globalThis.stream = await ask(wanted));
"""


async def test_a_microphone_that_is_switched_off_frees_the_floor(core: ScriptedCore, aloud: Browser) -> None:
    await go_live(core)
    with listening(core) as listener:
        page = await open_page(core, aloud, ANN, KEEP_TRACKS)
        await page.locator("#hands").click()
        await state(page, "on").wait_for()
        await page.evaluate("() => void stream.getTracks()[0].dispatchEvent(new Event('ended'))")
        await until(lambda: not listener.speaker)
        await expect(page.locator("#mic-note")).to_contain_text("switched off")
        assert await page.evaluate("() => stream.getTracks()[0].readyState") == "ended"


# ---------------------------------------------------------------- words instead of sound


RECOGNITION = """
  globalThis.SpeechRecognition = class {
    start() { globalThis.recognition = this; }
    stop() { this.stopped = true; setTimeout(() => this.onend()); }
    say(text) { this.onresult({ results: [[{ transcript: text }]] }); }
  };
"""
NO_RECOGNITION = "delete globalThis.SpeechRecognition; delete globalThis.webkitSpeechRecognition;"


async def test_in_retelling_the_browser_recognises_and_sends_words(core: ScriptedCore, browser: Browser) -> None:
    await go_live(core, Hears.WORDS)
    with listening(core) as listener:
        page = await open_page(core, browser, ANN, RECOGNITION)
        await press_when_ready(page)
        await page.wait_for_function("() => globalThis.recognition")
        await page.evaluate("() => recognition.onspeechstart()")
        await until(lambda: listener.begun == 1)
        await page.evaluate("() => recognition.say('Good morning')")
        await expect(page.locator("#mic-note")).to_have_text("Good morning")
        await page.mouse.up()
        await until(lambda: bool(core.came))
        await until(lambda: not listener.speaker)
        assert not listener.frames
        await page.close()
    body = core.came[-1].body
    assert (body.text, body.via) == ("Good morning", "the microphone")  # type: ignore[union-attr]


async def test_recognition_stops_when_the_avatar_hears_sound(core: ScriptedCore, browser: Browser) -> None:
    await go_live(core, Hears.WORDS)
    with listening(core) as listener:
        page = await open_page(core, browser, ANN, RECOGNITION)
        await page.locator("#hands").click()
        await page.wait_for_function("() => globalThis.recognition")
        await page.evaluate("() => recognition.say('Good morning')")
        await go_live(core, Hears.SOUND)
        await page.wait_for_function("() => recognition.stopped")
        await until(lambda: bool(core.came))
        await until(lambda: not listener.speaker)
        await page.close()


async def test_recognition_that_cannot_go_on_is_stopped(core: ScriptedCore, browser: Browser) -> None:
    await go_live(core, Hears.WORDS)
    with listening(core) as listener:
        page = await open_page(core, browser, ANN, RECOGNITION)
        await page.locator("#hands").click()
        await page.wait_for_function("() => globalThis.recognition")
        await page.evaluate("() => recognition.onerror({ error: 'network' })")
        await page.wait_for_function("() => recognition.stopped")
        await expect(page.locator("#mic-note")).to_contain_text("cannot be reached")
        await until(lambda: not listener.speaker)
        await page.close()


async def test_a_browser_that_recognises_nothing_says_so(core: ScriptedCore, browser: Browser) -> None:
    await go_live(core, Hears.WORDS)
    page = await open_page(core, browser, ANN, NO_RECOGNITION)
    await expect(page.locator("#mic-note")).to_contain_text("recognises no speech")
    await expect(page.locator("#mic")).to_be_disabled()
    await page.close()
