"""Every state at four sizes: looked at by axe, measured for overflow, and photographed where somebody wants to look.

The pictures in the papers are made with `AVATARBOT_SCREENSHOTS=docs/screenshots`. With `AVATARBOT_BROWSER=firefox` Firefox looks instead.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import Page, expect

from bot.domain.conversations import Membership, Person
from bot.domain.sessions import SessionStatus
from bot.ports.grants import Scope
from tests.browser.conftest import Opens, Screenshots, Window
from tests.browser.session_fixture import SESSION, ScriptedCore

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS = {"wide": (1440, 900), "middle": (820, 1000), "narrow": (360, 720), "low": (740, 360)}
SCHEMES = ("light", "dark")
ANN = Person("a1", "Ann", Membership.MEMBER)
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}

ENDS = "Renews by itself while people talk; falls asleep after 10 quiet minutes."

Scene = Callable[[ScriptedCore, Window], Awaitable[None]]


# ---------------------------------------------------------------- scenes of the playground


async def welcome(core: ScriptedCore, window: Window) -> None:
    await window.enter(core.address)
    await expect(window.page.locator("#welcome")).to_be_visible()


async def commands(core: ScriptedCore, window: Window) -> None:
    await welcome(core, window)
    await window.page.locator("#channel-composer textarea").fill("/avatar s")
    await expect(window.page.get_by_role("option").first).to_be_visible()


async def values(core: ScriptedCore, window: Window) -> None:
    await welcome(core, window)
    await window.page.locator("#channel-composer textarea").fill("/avatar start ")
    await expect(window.page.get_by_role("option").filter(has_text="Mei")).to_be_visible()


async def talk(core: ScriptedCore, window: Window) -> None:
    await welcome(core, window)
    await window.type_in("channel", "/avatar start avatar:Mei")
    await window.says("thread", "tell me what to say.")
    core.goes_on.clear()
    await window.type_in("thread", "What is new in the release?")
    await window.says("thread", "What is new in the release?")
    await expect(window.page.locator("#thread-messages .message.growing")).to_be_visible()


async def told(core: ScriptedCore, window: Window) -> None:
    await talk(core, window)
    await window.page.locator("#stage [data-action=watch]").click()
    await window.page.locator(".told a.open").wait_for()
    await window.type_in("thread", "/avatar avatars")
    await expect(window.page.locator(".items li")).to_have_count(3)
    await window.type_in("thread", "/avatar say too much")
    await expect(window.page.locator(".told", has_text="At most 10 may wait")).to_be_visible()


async def ended(core: ScriptedCore, window: Window) -> None:
    await talk(core, window)
    core.goes_on.set()
    await expect(window.page.locator("#thread-messages .message.growing")).to_have_count(0)
    await window.type_in("thread", "/avatar stop")
    await expect(window.page.locator("#stage .pill")).to_have_text("Ended")
    await window.type_in("thread", "/avatar transcript")
    await expect(window.page.locator(".file")).to_be_visible()


async def channel(core: ScriptedCore, window: Window) -> None:
    await talk(core, window)
    await window.page.get_by_role("button", name="Close the thread").click()
    await expect(window.page.locator(".card")).to_be_visible()


async def locked(core: ScriptedCore, window: Window) -> None:
    await window.page.goto(f"{core.base}/playground")
    await expect(window.page.locator("#locked")).to_be_visible()
    window.complaints.clear()


# ---------------------------------------------------------------- scenes of the viewer


async def staged(
    core: ScriptedCore, window: Window, status: SessionStatus, note: str, minutes: float | None = None
) -> None:
    ends_at = core.in_minutes(minutes) if minutes else None
    ends = ENDS if minutes else ""
    core.card = replace(core.card, status=status, note=note, ends=ends, ends_at=ends_at, waiting=2 if minutes else 0)
    core.context(speaking=False)
    secret = await core.grants.mint(SESSION, Scope.SPEAK, ANN, core.in_minutes(60))
    await window.page.goto(f"{core.base}/v/#{secret}")
    await expect(window.page.locator("#viewer")).to_have_attribute("data-status", status.value)


async def waiting(core: ScriptedCore, window: Window) -> None:
    await staged(core, window, SessionStatus.STARTING, "Mei is on her way.")


async def live(core: ScriptedCore, window: Window) -> None:
    core.pause = 0.02
    await core.say("Good morning! I am Mei. Ask me anything, or tell me what to say.")
    await staged(core, window, SessionStatus.LIVE, "Write, and Mei answers aloud.", 8.2)
    await expect(window.page.locator("#said li")).to_have_count(1)
    await window.page.locator("#words").fill("What is new in the release?")
    await window.page.keyboard.press("Enter")
    await core.say("Two things, mostly. The transcript now grows while I speak, and everybody can watch.", until=12)
    await expect(window.page.locator("#viewer")).to_have_attribute("data-speaking", "true")
    await expect(window.page.locator("#caption")).to_contain_text("grows while")


async def seen(core: ScriptedCore, window: Window) -> None:
    """The avatar itself, once its picture has come."""
    core.play(core.film("sim_Mei-studio_1080P"))
    await live(core, window)
    await expect(window.page.locator("#canvas")).to_be_visible()


async def sightless(core: ScriptedCore, window: Window) -> None:
    """Without https."""
    core.base = core.base.replace("127.0.0.1", "lan.test")
    await staged(core, window, SessionStatus.LIVE, "Mei is here.", 8.2)
    await expect(window.page.locator("#sightless")).to_contain_text("https")
    window.complaints.clear()
    window.requests.clear()


async def watch_only(core: ScriptedCore, window: Window) -> None:
    await live(core, window)
    secret = await core.grants.mint(SESSION, Scope.WATCH, None, core.in_minutes(60))
    await window.page.goto(f"{core.base}/v/#{secret}")
    await expect(window.page.locator("#watching")).to_be_visible()


async def reconnecting(core: ScriptedCore, window: Window) -> None:
    await staged(core, window, SessionStatus.RECONNECTING, "The line to Mei broke; coming back.")


async def asleep(core: ScriptedCore, window: Window) -> None:
    await staged(
        core, window, SessionStatus.SLEEPING, "Asleep, because nobody watched. Write in the thread to wake Mei."
    )


async def over(core: ScriptedCore, window: Window) -> None:
    await live(core, window)
    core.card = replace(core.card, status=SessionStatus.ENDED, note="Stopped by Ann after 4 minutes.", ends_at=None)
    core.context(speaking=False)
    await expect(window.page.get_by_role("button", name="Text")).to_be_visible()


async def unknown(core: ScriptedCore, window: Window) -> None:
    await window.page.goto(f"{core.base}/v/#{'x' * 22}")
    window.complaints.clear()


async def expired(core: ScriptedCore, window: Window) -> None:
    secret = await core.grants.mint(SESSION, Scope.WATCH, None, core.in_minutes(-1))
    await window.page.goto(f"{core.base}/v/#{secret}")
    window.complaints.clear()


PLAYGROUND: dict[str, Scene] = {
    f"playground-{scene.__name__}": scene for scene in (welcome, commands, values, talk, told, ended, channel, locked)
}
VIEWER: dict[str, Scene] = {
    f"viewer-{scene.__name__.replace('_', '-')}": scene
    for scene in (waiting, live, seen, sightless, watch_only, reconnecting, asleep, over, unknown, expired)
}
SCENES = PLAYGROUND | VIEWER


# ---------------------------------------------------------------- what is looked at


async def assert_accessible(page: Page, what: str) -> None:
    there = await page.evaluate("'axe' in globalThis")
    found = await Axe("" if there else AXE_SCRIPT).run(page, options=RULES)
    assert found.violations_count == 0, f"{what}: {found.generate_report()}"


async def assert_fits(page: Page, what: str) -> None:
    overflow = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{what}: {overflow} px wider than the window"


@pytest.mark.parametrize("scene", SCENES)
async def test_each_state_is_sound_at_every_width_in_both_lights(
    core: ScriptedCore, window: Opens, screenshots: Screenshots, scene: str
) -> None:
    core.pause = 0.05
    opened = await window(color_scheme="light", reduced_motion="reduce")
    await SCENES[scene](core, opened)
    for width, (across, down) in WIDTHS.items():
        await opened.page.set_viewport_size({"width": across, "height": down})
        for scheme in SCHEMES:
            await opened.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            what = f"{scene}, {width}, {scheme}"
            await assert_fits(opened.page, what)
            if scheme == "light" or width == "wide":  # colours are the same at every width
                await assert_accessible(opened.page, what)
            await screenshots.take(opened.page, f"{scene}-{width}-{scheme}")
