"""Draw `docs/icon.png`, the app's icon for Slack and Discord, from the page's own: python -m scripts.icon

Slack takes a square PNG of 512 to 2,000 pixels. Drawn by Chromium, which the browser tests install.
"""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "bot" / "viewer" / "static" / "icon.svg"
ICON = ROOT / "docs" / "icon.png"
PIXELS = 1_024

PAGE = """<style>
  body { margin: 0; display: grid; place-items: center; height: 100vh; background: linear-gradient(#0f8a6a, #084a3a) }
  svg { width: 72%; height: 72% }
  svg path:first-child { fill: #fff }
  svg path:last-child { stroke: #0b6a52 }
</style>"""


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": PIXELS, "height": PIXELS})
        page.set_content(PAGE + SOURCE.read_text())
        page.screenshot(path=ICON)
        browser.close()


if __name__ == "__main__":
    main()
