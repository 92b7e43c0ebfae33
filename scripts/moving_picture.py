"""Records `docs/screenshots/speaking.webp`, an avatar that speaks in a channel: python -m scripts.moving_picture

Two windows, side by side: the channel of `avatarbot demo`, and the page behind a Watch link. Both are real, in Chromium, with the simulated avatar.
"""

import asyncio
import base64
import io
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect

PICTURE = Path(__file__).parents[1] / "docs" / "screenshots" / "speaking.webp"
CHANNEL, WATCHING = (480, 620), (960, 700)
HEIGHT = 460
"""Of both windows in the picture."""

A_SECOND = 8
"""Pictures; between them the avatar's lips still move."""

LONGEST_S = 14
HANG_MS = 60_000
QUESTION = "What can you do?"


@dataclass
class Recording:
    """What a page looked like, and when, in the browser's seconds."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)

    def take(self, frame: dict[str, Any]) -> None:
        self.frames.append((frame["metadata"]["timestamp"], base64.b64decode(frame["data"])))

    def at(self, moment: float) -> Image.Image:
        """The newest picture that there was."""
        jpeg = max((frame for frame in self.frames if frame[0] <= moment), key=lambda frame: frame[0])[1]
        picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
        return picture.resize((picture.width * HEIGHT // picture.height, HEIGHT), Image.Resampling.LANCZOS)


def side_by_side(windows: Sequence[Recording]) -> list[Image.Image]:
    """While all of them were recorded."""
    first = max(window.frames[0][0] for window in windows)
    last = min(max(window.frames[-1][0] for window in windows), first + LONGEST_S)
    return [
        joined([window.at(first + number / A_SECOND) for window in windows])
        for number in range(int((last - first) * A_SECOND))
    ]


def joined(pictures: Sequence[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (sum(picture.width for picture in pictures), pictures[0].height))
    across = 0
    for picture in pictures:
        whole.paste(picture, (across, 0))
        across += picture.width
    return whole


@asynccontextmanager
async def demo() -> AsyncIterator[str]:
    """`avatarbot demo`, and its link."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("avatarbot"), "demo", "--no-open", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        async for line in process.stdout:
            if found := re.search(rb"http://\S+", line):
                yield found[0].decode()
                return
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def recorded(page: Page) -> AsyncIterator[Recording]:
    recording, session = Recording(), await page.context.new_cdp_session(page)
    acks: set[asyncio.Task[Any]] = set()

    def taken(frame: dict[str, Any]) -> None:
        recording.take(frame)
        acks.add(asyncio.ensure_future(session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})))

    session.on("Page.screencastFrame", taken)
    await session.send("Page.startScreencast", {"format": "jpeg", "quality": 92})
    yield recording
    session.remove_listener("Page.screencastFrame", taken)
    await session.send("Page.stopScreencast")
    await asyncio.gather(*acks)


async def story(page: Page) -> None:
    """Somebody asks, and the avatar answers aloud."""
    box = page.locator("#thread-composer textarea")
    await box.press_sequentially(QUESTION, delay=60)
    await box.press("Enter")
    await expect(page.locator("#thread-messages .message.growing")).to_be_visible(timeout=HANG_MS)
    await expect(page.locator("#thread-messages .message.growing")).to_have_count(0, timeout=HANG_MS)


async def window(browser: Browser, size: tuple[int, int], url: str) -> Page:
    page = await browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="light")
    await page.goto(url)
    return page


async def started(page: Page) -> str:
    """Start an avatar; its Watch link."""
    box = page.locator("#channel-composer textarea")
    await box.fill("/avatar start avatar:Alma")
    await box.press("Escape")
    await box.press("Enter")
    await expect(page.locator("#stage .pill")).to_have_text("Live", timeout=HANG_MS)
    await page.locator("#stage [data-action=watch]").click()
    link = await page.locator("#thread-messages .told a.open").get_attribute("href", timeout=HANG_MS)
    await page.locator("#thread-messages .told button").first.click()
    return str(link)


async def main() -> None:
    async with demo() as link, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        channel = await window(browser, CHANNEL, link)
        watching = await window(browser, WATCHING, await started(channel))
        await expect(watching.locator("#canvas")).to_be_visible(timeout=HANG_MS)
        await watching.locator("#sound").click(timeout=HANG_MS)
        await watching.mouse.move(0, 0)
        await channel.mouse.move(0, 0)
        async with recorded(channel) as left, recorded(watching) as right:
            await story(channel)
        await browser.close()
    first, *others = side_by_side([left, right])
    first.save(PICTURE, save_all=True, append_images=others, duration=1000 // A_SECOND, loop=0, quality=60, method=6)
    print(f"{PICTURE.name}: {len(others) + 1} pictures, {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    asyncio.run(main())
