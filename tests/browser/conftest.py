"""Real Chromium, one for all tests, or Firefox with `AVATARBOT_BROWSER=firefox`.

A person is a browser context of their own, so nothing is shared but the service.
"""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Playwright, async_playwright, expect
from playwright.async_api import Error as PlaywrightError

from tests.browser.service_fixture import DemoService, demo_services
from tests.browser.session_fixture import ScriptedCore, scripted_core
from tests.patience import HANG_S

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP lan.test 127.0.0.1",  # a name for this machine that browsers hold to be another's
]

HANG_MS = 1_000 * HANG_S
expect.set_options(timeout=HANG_MS)  # a busy machine is no fault of the page
BROWSER = os.environ.get("AVATARBOT_BROWSER", "chromium")
PREFERENCES: dict[str, str | float | bool] = {"network.dns.localDomains": "lan.test"}  # the same in Firefox

PHOTOGRAPHERS_STYLE = "sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT+SmwNZWA="
"""Of `body {}`, which Playwright writes into a page of Firefox to photograph it, and which our policy blocks."""

LONG = " ".join(f"This is sentence number {number}." for number in range(1, 48))
"""At most 1,500 characters. An avatar takes more than a minute to say it, so that it still speaks however late somebody looks."""

LOOK_OUT = """(selector) => {
  const seen = (globalThis.seenOnce ??= new Set());
  const look = () => document.querySelector(selector) && seen.add(selector) && watcher.disconnect();
  const watcher = new MutationObserver(look);
  watcher.observe(document, { subtree: true, childList: true, attributes: true });
  look();
}"""

Opens = Callable[..., Awaitable["Window"]]


async def becomes(page: Page, expression: str) -> None:
    """Wait until this is true in the page, asked before every picture that it paints. A function, as our policy lets no page evaluate text."""
    await page.wait_for_function(f"() => {expression}")


async def chromium(playwright: Playwright) -> Browser:
    """A local one, Debian's, or Playwright's own."""
    named = os.environ.get("AVATARBOT_CHROMIUM")
    local = named or shutil.which("chromium") or shutil.which("chromium-browser")
    return await playwright.chromium.launch(executable_path=local, args=FLAGS)


async def firefox(playwright: Playwright) -> Browser:
    """The one named, as its makers built it, or Playwright's own. Without a sound device its sound never begins."""
    named = os.environ.get("AVATARBOT_FIREFOX")
    channel = "moz-firefox" if named else None
    return await playwright.firefox.launch(channel=channel, executable_path=named, firefox_user_prefs=PREFERENCES)


@dataclass(frozen=True)
class Screenshots:
    """Kept in a folder; without one, none is taken."""

    folder: Path | None

    async def take(self, page: Page, name: str) -> None:
        if self.folder:
            await page.screenshot(path=self.folder / f"{name}.png")


@pytest.fixture
def screenshots() -> Screenshots:
    """In the folder that AVATARBOT_SCREENSHOTS names."""
    named = os.environ.get("AVATARBOT_SCREENSHOTS")
    return Screenshots(Path(named) if named else None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as driver:
        yield driver


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(playwright: Playwright) -> AsyncIterator[Browser]:
    try:
        opened = await (firefox if BROWSER == "firefox" else chromium)(playwright)
    except PlaywrightError as error:
        pytest.skip(f"no {BROWSER} to drive: {error.message.splitlines()[0]}")
    yield opened
    await opened.close()


class Window:
    """One person's window, with a record of what a good page never does."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda said: self._complain(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self._complain(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def _complain(self, text: str) -> None:
        if PHOTOGRAPHERS_STYLE not in text:
            self.complaints.append(text)

    async def enter(self, address: str) -> "Window":
        """Open the playground and wait until it is there."""
        await self.page.goto(address)
        await self.page.wait_for_selector("#app:not([hidden])")
        return self

    async def type_in(self, where: str, text: str) -> None:
        """Write in the `channel` or the `thread`, and send it."""
        box = self.page.locator(f"#{where}-composer textarea")
        await box.fill(text)
        if text.startswith("/"):
            await box.press("Escape")  # whatever is offered
        await box.press("Enter")

    async def says(self, where: str, text: str) -> None:
        """Wait until a message with this text stands there."""
        await self.page.locator(f"#{where}-messages .message .body", has_text=text).first.wait_for()

    async def look_out(self, *selectors: str) -> None:
        """From now on, until the page is loaded again, `saw` knows what stood there, be it for a moment only."""
        for selector in selectors:
            await self.page.evaluate(LOOK_OUT, selector)

    async def saw(self, *selectors: str) -> None:
        """Wait until all of these have stood there, those that were looked out for."""
        await self.page.wait_for_function("(all) => all.every((each) => seenOnce.has(each))", arg=selectors)

    async def go_live(self, mode: str = "dialogue") -> None:
        """Start an avatar from the playground."""
        await self.type_in("channel", f"/avatar start avatar:Alma mode:{mode}")
        await expect(self.page.locator("#stage .pill")).to_have_text("Live")

    async def watch_link(self) -> str:
        """Press Watch."""
        await self.page.locator("#stage [data-action=watch]").click()
        link = self.page.locator("#thread-messages .told a.open")
        await link.wait_for()
        return str(await link.get_attribute("href"))

    async def lines(self, where: str) -> list[str]:
        return await self.page.locator(f"#{where}-messages .message .body").all_inner_texts()


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[Opens]:
    """Opens windows; at the end none of them may have complained or asked anybody but us."""
    opened: list[Window] = []

    async def open_window(**look: object) -> Window:
        context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **look})  # type: ignore[arg-type]
        context.set_default_timeout(HANG_MS)
        opened.append(Window(await context.new_page()))
        return opened[-1]

    yield open_window
    for each in opened:
        await each.page.context.close()
    assert [complaint for each in opened for complaint in each.complaints] == []
    strangers = [
        url for each in opened for url in each.requests if "//127.0.0.1:" not in url and "//localhost:" not in url
    ]
    assert [url for url in strangers if not url.startswith(("data:", "blob:"))] == []


@pytest_asyncio.fixture(loop_scope="session")
async def core(tmp_path: Path) -> AsyncIterator[ScriptedCore]:
    async with scripted_core(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def demo(tmp_path: Path) -> AsyncIterator[DemoService]:
    async with demo_services(tmp_path) as opened:
        yield opened
