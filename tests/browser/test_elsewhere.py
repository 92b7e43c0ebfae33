"""Pages of two web processes watch an avatar that a worker runs, and go on watching when that is killed."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from bot.clock import SystemClock
from bot.domain.conversations import Membership, Person
from bot.queries.watch_links import Links
from bot.storage.connections import PoolSize
from bot.storage.encryption import Cipher
from bot.storage.sql import sql_storage
from tests.browser.conftest import Opens
from tests.browser.test_picture import DRAWN, draws
from tests.cluster.processes import ServiceProcess
from tests.cluster.world import Towns, World, installed

pytestmark = [pytest.mark.soak, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

WEBS_AND_WORKERS: Mapping[str, Sequence[str]] = {
    "front": ("web", "gateway"),
    "web": ("web",),
    "a": ("worker",),
    "b": ("worker",),
}
ANN, BEN = (Person(name.lower(), name, Membership.MEMBER) for name in ("Ann", "Ben"))


@dataclass
class Installation:
    """One session on Slack."""

    world: World

    @property
    def session_id(self) -> str:
        (session_id,) = self.world.watch.sessions
        return session_id

    def web(self, name: str) -> ServiceProcess:
        return next(each for each in self.world.cluster.living if each.name.startswith(f"{name}-"))

    async def link(self, web: str, person: Person) -> str:
        url = self.world.sources.url.render_as_string(hide_password=False)
        key = self.world.cluster.settings["AVATARBOT_SECRET_KEYS"]
        async with sql_storage(url, Cipher((key,)), SystemClock(), PoolSize(1, 1)) as storage:
            return await Links(storage.grants, SystemClock(), lambda: self.web(web).url).speaking(
                self.session_id, person
            )


@pytest_asyncio.fixture(loop_scope="session")
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, Towns(1, 1, 1), WEBS_AND_WORKERS, LOG_LEVEL="info") as world:
        await world.begin(1, 0)
        yield Installation(world)
        await world.stop_all()


async def seen(window: Opens, link: str) -> Page:
    page = (await window()).page
    await page.add_init_script(DRAWN)
    await page.goto(link)
    await expect(page.locator("#canvas")).to_be_visible()
    await page.evaluate("globalThis.loadedOnce = true")
    return page


async def test_pages_of_two_processes_outlive_the_worker(installation: Installation, window: Opens) -> None:
    ann = await seen(window, await installation.link("front", ANN))
    ben = await seen(window, await installation.link("web", BEN))
    for page in (ann, ben):
        await expect(page.locator("#audience")).to_have_text("2 watching")
        await draws(page)
    await ann.fill("#words", "Repeat after me: the picture stays.")
    await ann.press("#words", "Enter")
    for page in (ann, ben):
        await expect(page.locator("#said")).to_contain_text("the picture stays.")
    await installation.world.kill(installation.world.busiest())
    for page in (ann, ben):
        await draws(page)
        await expect(page.locator("#status")).to_have_text("Live")
        await expect(page.locator("#audience")).to_have_text("2 watching")
        assert await page.evaluate("globalThis.loadedOnce")
