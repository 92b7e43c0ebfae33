"""The operators' page in a real browser."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect
from pydantic import SecretStr

from bot.app.demo import demo_parts
from bot.app.run import status_page
from bot.app.service import Service
from bot.settings import Settings, load
from bot.telemetry import RECENT
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.web.app import create_app, serve
from tests.browser.conftest import Opens, Screenshots
from tests.patience import until

TOKEN = "a-token-for-100%-of-operators"


pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """Of a service in which an avatar talks."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(demo_parts(tmp_path))
        service, chat = Service(parts), FakeChat()
        service.add(FakeChatPlatform(chat, service.core))
        settings = load(Settings, None).model_copy(update={"status_token": SecretStr(TOKEN)})
        mounts = [*service.mounts(), *status_page(service, settings)]
        app = create_app(service.services.metrics, service.readiness(), mounts)
        port = await stack.enter_async_context(serve(app, "127.0.0.1", 0))
        await stack.enter_async_context(service.running())
        await chat.command("start", avatar="Alma")
        await until(lambda: chat.cards and chat.card.status == "live")
        RECENT.note("warning", "platform not connected", parts.clock.now())
        yield f"http://127.0.0.1:{port}/status/"


async def test_the_token_shows_it_and_leaves_the_address(window: Opens, address: str, screenshots: Screenshots) -> None:
    page = (await window(viewport={"width": 1280, "height": 900})).page
    await page.goto(f"{address}#{TOKEN}")
    await expect(page.locator("#state")).to_have_text("Ready")
    assert page.url == address
    await expect(page.locator("#figures")).to_contain_text("1live")
    await expect(page.locator("#paid")).to_contain_text("Running, paid in advance")
    await expect(page.locator("#connections")).to_contain_text("database")
    await expect(page.locator("#waits")).to_contain_text("From a start to live")
    await expect(page.locator("#problems")).to_contain_text("platform not connected")
    await screenshots.take(page, "status")
    await page.emulate_media(color_scheme="dark")
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    await screenshots.take(page, "status-phone-dark")


async def test_without_the_token_it_asks_for_it(window: Opens, address: str, screenshots: Screenshots) -> None:
    opened = await window()
    page = opened.page
    await page.goto(f"{address}#wrong-token-wrong-token")
    await expect(page.locator("#why")).to_contain_text("does not take this token")
    await expect(page.locator("#board")).to_be_hidden()
    await screenshots.take(page, "status-gate")
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator("#state")).to_have_text("Ready")
    await page.reload()
    await expect(page.locator("#state")).to_have_text("Ready")
    assert opened.complaints == ["Failed to load resource: the server responded with a status of 404 (Not Found)"]
    opened.complaints.clear()
