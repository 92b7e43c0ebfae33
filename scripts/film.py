"""Films the portraits of the simulated cast: two VP8 loops each, idle and speaking, encoded by Chromium's own encoder.

    python -m scripts.film [--only sim_Alma_cardigan_1080P]

Writes `adapters/simulator/footage/<portrait>.<loop>.ivf`. Needed again only when a portrait or the voice changes. In a portrait
the element of class `figure` moves, `eyes` blink and `mouth` opens; what is behind the figure is mirrored to fill the width.
"""

import argparse
import asyncio
import base64
import math
import shutil
from pathlib import Path
from typing import Any

from playwright.async_api import Page, async_playwright

from adapters.simulator.footage import FOLDER, FRAME_RATE, HEIGHT, WIDTH, Loop, packed
from adapters.simulator.http.avatars import PORTRAITS
from adapters.simulator.voice import LENGTH_S, openness

IDLE_S = 4.0
BLINKS = (1.1, 2.9)
"""Seconds into the idle loop."""

KEY_BITRATE = 10_000_000
"""Of the first picture, which the others only change a little."""
BITRATE = {Loop.IDLE: 100_000, Loop.SPEAKING: 300_000}

SECURE = "https://film.localhost/"
"""Encoders exist in secure contexts only, and `about:blank` is none."""

RENDER = """async ({ svg, poses, width, height, rate, bitrate, keyBitrate }) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  const side = height;
  const left = (width - side) / 2;

  async function drawn(change) {
    const tree = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    tree.setAttribute("width", side);
    tree.setAttribute("height", side);
    document.body.replaceChildren(document.importNode(tree, true)); // getBBox wants it in a document
    change(document.body.firstChild);
    const image = new Image();
    image.src = "data:image/svg+xml;utf8," + encodeURIComponent(new XMLSerializer().serializeToString(document.body.firstChild));
    await image.decode();
    return image;
  }

  function pose(tree, { bob, turn, open, shut }) {
    for (const part of tree.querySelectorAll("svg > :not(.figure):not(defs)")) part.remove();
    tree.querySelector(".figure").setAttribute("transform", `translate(0 ${bob}) rotate(${turn} 120 240)`);
    for (const eyes of tree.querySelectorAll(".eyes")) {
      const { y, height } = eyes.getBBox();
      const middle = y + height / 2;
      eyes.setAttribute("transform", `translate(0 ${middle * (1 - shut)}) scale(1 ${shut})`);
    }
    const mouth = tree.querySelector(".mouth");
    const { x, y, width, height } = mouth.getBBox();
    if (open < 0.04) return;
    const lips = document.createElementNS("http://www.w3.org/2000/svg", "ellipse");
    const style = getComputedStyle(mouth);
    const line = style.stroke === "none" ? style.fill : style.stroke;
    for (const [name, value] of Object.entries({
      cx: x + width / 2, cy: y + height / 2 + open * 3, rx: width * (0.42 - 0.1 * open), ry: 2 + open * 10,
      fill: "#4a1719", stroke: line, "stroke-width": 3.5,
    })) lips.setAttribute(name, value);
    mouth.replaceWith(lips);
  }

  const wall = await drawn((tree) => tree.querySelector(".figure").remove());
  function paintWall() {
    for (const [middle, flip] of [[left - side / 2, -1], [left + side + side / 2, -1], [left + side / 2, 1]]) {
      context.save();
      context.translate(middle, 0);
      context.scale(flip, 1);
      context.drawImage(wall, -side / 2 - 0.5, 0, side + 1, side);
      context.restore();
    }
  }

  // BT.709 in limited range, as every decoder takes it to be; from a canvas Chromium makes full range.
  function limited(rgba) {
    const planes = new Uint8Array((width * height * 3) / 2);
    const [u, v] = [width * height, (width * height * 5) / 4];
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++, at += 4) {
        const [r, g, b] = [rgba[at], rgba[at + 1], rgba[at + 2]];
        planes[y * width + x] = 16.5 + 0.1826 * r + 0.6142 * g + 0.062 * b;
        if (x % 2 || y % 2) continue;
        const chroma = (y / 2) * (width / 2) + x / 2;
        planes[u + chroma] = 128.5 - 0.1006 * r - 0.3386 * g + 0.4392 * b;
        planes[v + chroma] = 128.5 + 0.4392 * r - 0.3989 * g - 0.0403 * b;
      }
    }
    return planes;
  }

  const chunks = [];
  const encoder = new VideoEncoder({
    error: (error) => { throw error; },
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      chunks.push(btoa(String.fromCharCode(...bytes)));
    },
  });
  const configure = (bitrate) => encoder.configure({ codec: "vp8", width, height, bitrate, framerate: rate, latencyMode: "quality" });

  configure(keyBitrate);
  for (const [index, each] of poses.entries()) {
    const figure = await drawn((tree) => pose(tree, each));
    paintWall();
    context.drawImage(figure, left, 0, side, side);
    const { data } = context.getImageData(0, 0, width, height);
    const frame = new VideoFrame(limited(data), { format: "I420", codedWidth: width, codedHeight: height, timestamp: (index * 1e6) / rate });
    encoder.encode(frame, { keyFrame: index === 0 });
    frame.close();
    if (index === 0) configure(bitrate);
  }
  await encoder.flush();
  return chunks;
}"""

Pose = dict[str, float]


def idle() -> list[Pose]:
    return [_pose(number / FRAME_RATE, IDLE_S, swing=1.0) for number in range(round(IDLE_S * FRAME_RATE))]


def speaking() -> list[Pose]:
    moments = (number / FRAME_RATE for number in range(round(LENGTH_S * FRAME_RATE)))
    return [_pose(moment, LENGTH_S, swing=1.4) | {"open": openness(moment + 0.5 / FRAME_RATE)} for moment in moments]


def _pose(moment: float, length: float, swing: float) -> Pose:
    """Loops begin and end upright, so that one can follow another."""
    turn = 2 * math.pi * moment / length
    blinking = any(0 <= moment - blink < 0.14 for blink in BLINKS)
    return {
        "bob": round(swing * (1 - math.cos(2 * turn)), 3),
        "turn": round(swing * math.sin(turn), 3),
        "open": 0.0,
        "shut": 0.12 if blinking else 1.0,
    }


async def film(page: Page, portrait: Path, loop: Loop) -> bytes:
    poses = idle() if loop is Loop.IDLE else speaking()
    order: dict[str, Any] = {
        "svg": portrait.read_text(),
        "poses": poses,
        "bitrate": BITRATE[loop],
        "keyBitrate": KEY_BITRATE,
    }
    chunks = await page.evaluate(RENDER, order | {"width": WIDTH, "height": HEIGHT, "rate": FRAME_RATE})
    return packed([base64.b64decode(chunk) for chunk in chunks])


async def main(only: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = await browser.new_page()
        await page.route(SECURE, lambda route: route.fulfill(body="<body>", content_type="text/html"))
        await page.goto(SECURE)
        for portrait in sorted(PORTRAITS.glob(f"{only or '*'}.svg")):
            if 'class="figure"' not in portrait.read_text():
                continue
            for loop in Loop:
                reel = await film(page, portrait, loop)
                (FOLDER / f"{portrait.stem}.{loop}.ivf").write_bytes(reel)
                print(f"{portrait.stem}.{loop}: {len(reel) / 1000:.0f} kB")
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="the name of one portrait")
    asyncio.run(main(parser.parse_args().only))
