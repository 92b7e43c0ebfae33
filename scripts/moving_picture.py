"""Records `docs/screenshots/speaking.webp`, an avatar that speaks in a channel: python -m scripts.moving_picture

The page is that of `avatarbot demo`, in Chromium, with the simulated avatar; nothing of it is drawn here.
"""

import asyncio
import base64
import io
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Page, async_playwright, expect

PICTURE = Path(__file__).parents[1] / "docs" / "screenshots" / "speaking.webp"
SIZE = (1120, 640)
SHOWN = (840, 480)
A_SECOND = 8
"""Pictures; between them the avatar's lips still move."""

LONGEST_S = 16
QUESTION = "What can you do?"


@dataclass
class Recording:
    """What a page looked like, and when, in the browser's seconds."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)

    def take(self, frame: dict[str, Any]) -> None:
        self.frames.append((frame["metadata"]["timestamp"], base64.b64decode(frame["data"])))

    def pictures(self) -> list[Image.Image]:
        """As many a second, each the newest there was."""
        first, last = self.frames[0][0], self.frames[-1][0]
        times = [first + number / A_SECOND for number in range(int(min(last - first, LONGEST_S) * A_SECOND))]
        newest = [max((frame for frame in self.frames if frame[0] <= at), key=lambda frame: frame[0]) for at in times]
        return [
            Image.open(io.BytesIO(jpeg)).convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS) for _, jpeg in newest
        ]


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
    await session.send("Page.stopScreencast")
    await asyncio.gather(*acks)


async def story(page: Page) -> None:
    """Somebody asks, and the avatar answers aloud."""
    box = page.locator("#thread-composer textarea")
    await box.press_sequentially(QUESTION, delay=60)
    await box.press("Enter")
    await expect(page.locator("#thread-messages .message.growing")).to_be_visible(timeout=30_000)
    await expect(page.locator("#thread-messages .message.growing")).to_have_count(0, timeout=60_000)


async def main() -> None:
    async with demo() as link, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, color_scheme="light")
        await page.goto(link)
        await page.locator("#channel-composer textarea").fill("/avatar start avatar:Alma")
        await page.locator("#channel-composer textarea").press("Escape")
        await page.locator("#channel-composer textarea").press("Enter")
        await expect(page.locator("#stage .pill")).to_have_text("Live", timeout=30_000)
        async with recorded(page) as recording:
            await story(page)
        await browser.close()
    first, *others = recording.pictures()
    first.save(PICTURE, save_all=True, append_images=others, duration=1000 // A_SECOND, loop=0, quality=60, method=6)
    print(f"{PICTURE.name}: {len(others) + 1} pictures, {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    asyncio.run(main())
