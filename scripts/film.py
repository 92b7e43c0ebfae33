"""Draws and films the simulated cast: a portrait in SVG and a reel of VP8 poses for each.

    uv run --with imageio-ffmpeg python -m scripts.film [--only Alma]

Chromium renders, FFmpeg's libvpx encodes. Needed again only when a drawing changes. Writes `portraits/*.svg` and `reels/*.ivf`
of `adapters/simulator`; what a reel holds is said in `adapters/simulator/media_source.py`.
"""

import argparse
import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright

from adapters.simulator.http.avatars import PORTRAITS
from adapters.simulator.media_source import (
    FOLDER,
    FRAME_RATE,
    HEIGHT,
    LIDS,
    MOUTHS,
    SWAYS,
    WIDTH,
    Pose,
    packed,
    poses,
    unpacked,
)
from scripts.portraits.cast import CAST
from scripts.portraits.face import Pose as FacePose
from scripts.portraits.figure import WIDE, Figure, drawn

ALONE = (1 << 18) | (1 << 20) | (1 << 22) | (1 << 23)
"""libvpx's flags for a frame that updates neither a reference picture nor the entropy: `vpx/vp8cx.h`."""

COLOURS = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
"""As every decoder takes a small picture to be when it is told nothing else."""

ENCODER = (
    *(
        "-c:v",
        "libvpx",
        "-deadline",
        "best",
        "-cpu-used",
        "0",
        "-auto-alt-ref",
        "0",
        "-lag-in-frames",
        "0",
        "-g",
        "9999",
    ),
    *(
        "-b:v",
        "4M",
        "-minrate",
        "0",
        "-maxrate",
        "20M",
        "-crf",
        "10",
        "-qmin",
        "4",
        "-qmax",
        "14",
        "-static-thresh",
        "0",
    ),
    *("-error-resilient", "default"),
)


def posed(pose: Pose) -> FacePose:
    mouth = MOUTHS[pose.mouth]
    shut = 0.0 if pose.lid is None else LIDS[pose.lid]
    return FacePose(2 * pose.sway / (SWAYS - 1) - 1, *mouth, shut)


async def _photographed(page: Page, figure: Figure, folder: Path) -> None:
    """Every picture of a reel as a numbered PNG; the key frame is that of rest."""
    for number, pose in enumerate((FacePose(), *map(posed, poses()))):
        await page.set_content(
            f"<style>*{{margin:0}}svg{{display:block}}</style>{drawn(figure, pose, WIDE, width=WIDTH, height=HEIGHT)}"
        )
        await page.screenshot(path=folder / f"{number:03}.png")


def _encoded(ffmpeg: str, folder: Path) -> bytes:
    alone = f"{COLOURS},metadata=mode=add:key=vp8-flags:value={ALONE}"
    source = ("-framerate", str(FRAME_RATE), "-i", str(folder / "%03d.png"), "-vf", alone)
    reel = folder / "reel.ivf"
    subprocess.run([ffmpeg, "-v", "error", *source, *ENCODER, str(reel)], check=True)
    return packed(unpacked(reel.read_bytes()))


async def film(page: Page, figure: Figure, ffmpeg: str) -> None:
    (PORTRAITS / f"{figure.portrait}.svg").write_text(drawn(figure, FacePose()))
    with tempfile.TemporaryDirectory() as folder:
        await _photographed(page, figure, Path(folder))
        reel = _encoded(ffmpeg, Path(folder))
    (FOLDER / f"{figure.portrait}.ivf").write_bytes(reel)
    print(f"{figure.portrait}: {len(reel) / 1000:.0f} kB")


def _ffmpeg() -> str:
    import imageio_ffmpeg  # type: ignore[import-not-found]  # noqa: PLC0415 - brought along by whoever films

    return str(imageio_ffmpeg.get_ffmpeg_exe())


async def main(only: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for figure in CAST:
            if only in figure.portrait:
                await film(page, figure, _ffmpeg())
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a part of the name of a portrait")
    asyncio.run(main(parser.parse_args().only))
