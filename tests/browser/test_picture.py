"""The avatar itself on the viewer page: real Chromium decodes, draws and plays what the simulated avatar sends."""

import asyncio
import base64

import pytest
from playwright.async_api import Page, expect

from adapters.simulator.media_source import HEIGHT, WIDTH, clips_of
from bot.domain.conversations import Membership, Person
from bot.domain.posts import CardAction
from bot.domain.sessions import SessionStatus
from bot.media.events import MediaFanout
from bot.ports.grants import Scope
from bot.ports.room import Codec, VideoFrame
from tests.browser.conftest import LONG, Opens, Window, becomes
from tests.browser.service_fixture import DemoService
from tests.browser.session_fixture import SESSION, ScriptedCore
from tests.patience import HANG_S, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALMA = "sim_Alma_cardigan_1080P"

WALL = "() => [...canvas.getContext('2d').getImageData(4, 4, 1, 1).data].slice(0, 3)"
DRAWN = """
  globalThis.drawn = 0;
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function () {
    draw.apply(this, arguments);
    if (this.canvas.id !== "canvas") return;
    globalThis.drawn += 1;
    globalThis.look?.(this);
  };
"""
"""Counts the pictures that are drawn, and shows each of them to `look`."""
MOUTHS = """() => {
  const mouths = (globalThis.mouths = new Set());
  globalThis.look = (context) => {
    const { data } = context.getImageData(280, 200, 80, 60);
    let dark = 0;
    for (let at = 0; at < data.length; at += 4) dark += data[at] < 100 && data[at + 1] < 40;
    mouths.add(dark);
  };
}"""
"""Of every picture drawn from now on, the pixels of an open mouth: its inside is darker than anything around it."""
SHUT, OPEN = 20, 40
"""At most and at least, whether it speaks in words or, on a machine too slow for them, babbles."""
OPENS_AND_SHUTS = f"Math.min(...mouths) < {SHUT} && Math.max(...mouths) > {OPEN} && mouths.size > 4"
CHANGES = """() => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const print = data.reduce((sum, value) => (31 * sum + value) | 0, 7);
  return (globalThis.before ??= print) !== print;
}"""
LISTEN = """
  const Context = AudioContext;
  globalThis.AudioContext = class extends Context {
    constructor(...how) {
      super(...how);
      this.suspend(); // as without a gesture; whatever a test evaluates counts as one
    }
  };
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target) {
    if (target === this.context.destination) {
      globalThis.ear = new AnalyserNode(this.context, { fftSize: 2048 });
      connect.call(this, globalThis.ear);
    }
    return connect.apply(this, arguments);
  };
"""
LOUDNESS = """() => {
  const samples = new Float32Array(2048);
  globalThis.ear?.getFloatTimeDomainData(samples);
  return Math.max(...samples.map(Math.abs));
}"""
SLOW = """
  const send = WebSocket.prototype.send;
  const held = [];
  WebSocket.prototype.send = function (text) {
    if (globalThis.slow && text.includes('"ack"')) held.push(() => send.call(this, text));
    else send.call(this, text);
  };
  globalThis.hurry = () => (globalThis.slow = false) || held.splice(0).forEach((each) => each());
"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


async def drawn(page: Page) -> int:
    """How many pictures so far."""
    return int(await page.evaluate("drawn"))


async def draws(page: Page, more: int = 10) -> None:
    """Wait until so many more pictures have come."""
    await page.wait_for_function("(count) => drawn >= count", arg=await drawn(page) + more)


async def stands(page: Page, other: Page) -> None:
    """Wait until nothing is drawn on a page while many pictures are on the other."""
    async with asyncio.timeout(HANG_S):
        before = -1
        while before != (before := await drawn(page)):
            await draws(other, 20)


async def open_viewer(demo: DemoService, window: Opens, *scripts: str, mode: str = "dialogue") -> tuple[Window, Page]:
    """Somebody in the channel with a live avatar, and the same person's viewer page with the avatar on it."""
    ann = await (await window()).enter(demo.address)
    await ann.go_live(mode)
    viewer = (await window()).page
    for script in (DRAWN, *scripts):
        await viewer.add_init_script(script)
    await viewer.goto(await ann.watch_link())
    await expect(viewer.locator("#canvas")).to_be_visible()
    return ann, viewer


async def second_viewer(window: Opens, viewer: Page) -> Page:
    """The same link in another window."""
    page = (await window()).page
    await page.add_init_script(DRAWN)
    await page.goto(viewer.url)
    await expect(page.locator("#canvas")).to_be_visible()
    return page


def media(demo: DemoService) -> MediaFanout:
    assert demo.service is not None
    (media,) = demo.service.services.events.media._media.values()
    return media


async def test_the_avatar_itself_is_seen_idle_and_then_speaking(demo: DemoService, window: Opens) -> None:
    ann, viewer = await open_viewer(demo, window, mode="retelling")
    await expect(viewer.locator("#portrait")).to_be_hidden()
    assert await viewer.evaluate("[canvas.width, canvas.height]") == [WIDTH, HEIGHT]
    wall = await viewer.evaluate(WALL)
    assert all(abs(seen - painted) < 14 for seen, painted in zip(wall, (0xF7, 0xD9, 0xC4), strict=True)), wall
    await viewer.wait_for_function(CHANGES)  # it breathes and blinks
    await viewer.evaluate(MOUTHS)
    await draws(viewer, 20)
    assert await viewer.evaluate("Math.max(...mouths)") < SHUT

    await ann.type_in("thread", LONG)

    await expect(viewer.locator("#viewer")).to_have_attribute("data-speaking", "true")
    await becomes(viewer, OPENS_AND_SHUTS)


async def test_sound_comes_after_a_tap_and_only_with_speech(demo: DemoService, window: Opens) -> None:
    ann, viewer = await open_viewer(demo, window, LISTEN, mode="retelling")
    tap = viewer.get_by_role("button", name="Tap for sound")
    await expect(tap).to_be_visible()
    await ann.type_in("thread", LONG)
    await expect(viewer.locator("#viewer")).to_have_attribute("data-speaking", "true")
    assert await viewer.evaluate(LOUDNESS) == 0

    await tap.click()

    await expect(tap).to_be_hidden()
    await becomes(viewer, f"({LOUDNESS})() > 0.05")
    await viewer.get_by_role("button", name="Interrupt").click()
    await expect(viewer.locator("#viewer")).to_have_attribute("data-speaking", "false")
    await becomes(viewer, f"({LOUDNESS})() < 0.001")
    await draws(viewer)  # the picture follows the sound, silent or not


async def test_a_tap_without_a_device_for_sound_is_answered(demo: DemoService, window: Opens) -> None:
    """As in Firefox, which begins nothing and says nothing."""
    _, viewer = await open_viewer(demo, window, LISTEN, "AudioContext.prototype.resume = () => new Promise(() => {})")
    await viewer.get_by_role("button", name="Tap for sound").click()
    await expect(viewer.get_by_role("button", name="has found no device")).to_be_visible()


async def test_two_watch_at_once_and_a_hidden_page_takes_nothing(demo: DemoService, window: Opens) -> None:
    ann, viewer = await open_viewer(demo, window)
    second = await second_viewer(window, viewer)
    await expect(second.locator("#audience")).to_have_text("1 watching")  # in two windows
    await draws(viewer)
    await draws(second)

    await viewer.evaluate(HIDE, True)
    await stands(viewer, second)
    await second.evaluate(HIDE, True)
    await until(lambda: not media(demo).watched)

    await viewer.evaluate(HIDE, False)
    await draws(viewer)
    await ann.page.locator("#stage [data-action=stop]").click()
    await expect(viewer.locator("#status")).to_have_text("Ended")
    await expect(viewer.locator("#canvas")).to_be_visible()  # as it was last seen


async def test_who_falls_behind_stands_still_and_catches_up_alone(demo: DemoService, window: Opens) -> None:
    _, slow = await open_viewer(demo, window, SLOW)
    quick = await second_viewer(window, slow)

    await slow.evaluate("globalThis.slow = true")
    await stands(slow, quick)

    await slow.evaluate("hurry()")
    await draws(slow)


# ---------------------------------------------------------------- without the rest of the demo


async def link(core: ScriptedCore, base: str = "") -> str:
    await core.show(status=SessionStatus.LIVE, note="Mei is here.", actions=(CardAction.STOP,))
    secret = await core.grants.mint(SESSION, Scope.SPEAK, Person("a1", "Ann", Membership.MEMBER), core.in_minutes(60))
    return f"{base or core.base}/v/#{secret}"


async def before_the_media(core: ScriptedCore, window: Opens) -> tuple[Window, MediaFanout]:
    """Somebody who watches, and what they look at: it shows what the test puts on it."""
    ann = await window()
    await ann.page.goto(await link(core))
    media = core.events.media.of(SESSION)
    await until(lambda: media.watched)
    return ann, media


async def test_without_https_the_page_says_so(core: ScriptedCore, window: Opens) -> None:
    ann = await window()
    await ann.page.goto(await link(core, core.base.replace("127.0.0.1", "lan.test")))

    await expect(ann.page.locator("#sightless")).to_contain_text("need https")
    await expect(ann.page.locator("#portrait img")).to_be_visible()
    await expect(ann.page.locator("#canvas")).to_be_hidden()
    assert not core.events.media.of(SESSION).watched
    await ann.page.get_by_label("Say something as Ann").fill("Good morning")
    await ann.page.keyboard.press("Enter")
    await expect(ann.page.locator("#said")).to_contain_text("Good morning")
    await until(lambda: len(core.came) == 1)
    ann.complaints.clear()  # a browser remarks that a header of ours means nothing without https
    ann.requests.clear()  # our own host, by a name that stands for another machine


@pytest.mark.parametrize("missing", ["VideoDecoder", "AudioWorkletNode"])
async def test_a_browser_without_it_shows_portrait_and_words(core: ScriptedCore, window: Opens, missing: str) -> None:
    ann = await window()
    await ann.page.add_init_script(f"delete globalThis.{missing}")
    await ann.page.goto(await link(core))

    await expect(ann.page.locator("#sightless")).to_contain_text("cannot show the picture")
    await expect(ann.page.locator("#portrait img")).to_be_visible()
    await expect(ann.page.locator("#canvas")).to_be_hidden()
    await core.say("Good morning! I am Mei.")
    await expect(ann.page.locator("#caption")).to_contain_text("I am Mei.")
    await expect(ann.page.locator("#said")).to_contain_text("Good morning! I am Mei.")
    assert not core.events.media.of(SESSION).watched


@pytest.mark.parametrize("missing", ["AudioDecoder", "OffscreenCanvas", "MediaSource", "RTCPeerConnection"])
async def test_a_browser_without_it_shows_the_avatar_all_the_same(
    core: ScriptedCore, window: Opens, missing: str
) -> None:
    ann = await window()
    await ann.page.add_init_script(f"delete globalThis.{missing}")
    await ann.page.goto(await link(core))
    media = core.events.media.of(SESSION)
    await until(lambda: media.watched)
    media.show(VideoFrame("1", Codec.VP8, True, WIDTH, HEIGHT, 0, clips_of(ALMA).key))
    await expect(ann.page.locator("#canvas")).to_be_visible()
    await expect(ann.page.locator("#sightless")).to_be_empty()


async def test_a_broken_picture_brings_a_new_decoder_and_key_frame(core: ScriptedCore, window: Opens) -> None:
    ann, media = await before_the_media(core, window)
    media.take_keyframe_request()
    await expect(ann.page.locator("#canvas")).to_be_hidden()

    media.show(VideoFrame("1", Codec.VP8, True, WIDTH, HEIGHT, 0, b"no picture at all"))
    await until(media.take_keyframe_request)
    for number, frame in enumerate(clips_of(ALMA).frames[:5]):
        media.show(VideoFrame("1", Codec.VP8, number == 0, WIDTH, HEIGHT, 50_000 * number, frame))

    await expect(ann.page.locator("#canvas")).to_be_visible()
    await becomes(ann.page, "canvas.width === 640")


async def test_a_browser_that_cannot_decode_says_so(core: ScriptedCore, window: Opens) -> None:
    ann, media = await before_the_media(core, window)
    for _ in range(2):
        media.take_keyframe_request()
        media.show(VideoFrame("1", Codec.VP8, True, WIDTH, HEIGHT, 0, b"no picture at all"))
        await until(media.take_keyframe_request)
    media.show(VideoFrame("1", Codec.VP8, True, WIDTH, HEIGHT, 0, b"no picture at all"))

    await expect(ann.page.locator("#sightless")).to_contain_text("cannot show the picture")
    await expect(ann.page.locator("#portrait")).to_be_visible()
    assert not media.take_keyframe_request()


HEARD = """async ({ chunks, seconds }) => {
  const core = new OfflineAudioContext(1, 16000 * seconds, 16000);
  await core.audioWorklet.addModule("/v/static/worklet.js");
  const voice = new AudioWorkletNode(core, "voice", { numberOfInputs: 0, outputChannelCount: [1] });
  voice.connect(core.destination);
  for (const { at, first, count } of chunks) core.suspend(at).then(async () => {
    const samples = Float32Array.from({ length: count }, (_, i) => (first + i) / 100000);
    voice.port.postMessage({ pts: first * 62.5, samples });
    await new Promise((done) => setTimeout(done, 5)); // the audio thread takes its messages while it stands still
    core.resume();
  });
  const rendered = await core.startRendering();
  return Array.from(rendered.getChannelData(0), (sample) => Math.round(sample * 100000));
}"""
"""What is heard, sample by sample, of chunks that come at certain times: sample 7 of the voice sounds as 7."""


async def heard(core: ScriptedCore, window: Opens, chunks: list[tuple[float, int, int]], seconds: float) -> list[int]:
    page = (await window()).page
    await page.goto(await link(core))
    if not await page.evaluate("'suspend' in OfflineAudioContext.prototype"):
        pytest.skip("this browser cannot halt an offline rendering")
    told = [{"at": at, "first": first, "count": count} for at, first, count in chunks]
    return [int(sample) for sample in await page.evaluate(HEARD, {"chunks": told, "seconds": seconds})]


async def test_sound_begins_with_60_ms_and_loses_nothing(core: ScriptedCore, window: Opens) -> None:
    chunks = [(0.128 + 0.02 * n, 1 + 320 * n, 320) for n in range(20)]
    samples = await heard(core, window, chunks, 1)
    begin = next(at for at, sample in enumerate(samples) if sample)
    assert 0.16 <= begin / 16_000 <= 0.19  # the third chunk has come
    assert samples[begin : begin + 6_400] == list(range(1, 6_401))


async def test_what_an_underrun_leaves_in_hand_is_cut_away(core: ScriptedCore, window: Opens) -> None:
    early = [(0.128, 1, 8_000)]  # half a second at once, as after a stall of the network
    steady = [(0.15 + 0.02 * n, 8_001 + 320 * n, 320) for n in range(190)]
    samples = await heard(core, window, early + steady, 4)
    lag = [at - sample for at, sample in enumerate(samples) if sample]
    assert lag[0] - lag[-1] == pytest.approx(0.44 * 16_000, abs=800)  # of 500 ms in hand 60 are left


FILM = """async (codec) => {
  const format = codec.startsWith("avc1") ? { avc: { format: "annexb" } } : {};
  const config = { codec, width: 320, height: 240, ...format };
  if (!(await VideoEncoder.isConfigSupported(config)).supported) return null;
  const chunks = [];
  const encoder = new VideoEncoder({
    error: (error) => { throw error; },
    output: (chunk) => {
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      chunks.push(btoa(String.fromCharCode(...bytes)));
    },
  });
  encoder.configure(config);
  const painted = new OffscreenCanvas(320, 240);
  painted.getContext("2d").fillStyle = "#2a9d8f";
  painted.getContext("2d").fillRect(0, 0, 320, 240);
  const frame = new VideoFrame(painted, { timestamp: 0 });
  encoder.encode(frame, { keyFrame: true });
  await encoder.flush();
  return chunks[0];
}"""
"""One key frame of a green wall, by the browser's own encoder."""


@pytest.mark.parametrize(
    ("codec", "name"),
    [(Codec.VP8, "vp8"), (Codec.H264, "avc1.4d0028"), (Codec.VP9, "vp09.00.30.08"), (Codec.AV1, "av01.0.04M.08")],
)
async def test_each_codec_is_shown_and_another_may_follow(
    core: ScriptedCore, window: Opens, codec: Codec, name: str
) -> None:
    ann, media = await before_the_media(core, window)
    media.show(VideoFrame("1", Codec.VP8, True, WIDTH, HEIGHT, 0, clips_of(ALMA).key))
    await expect(ann.page.locator("#canvas")).to_be_visible()

    filmed = await ann.page.evaluate(FILM, name)
    if filmed is None:
        pytest.skip(f"this browser cannot encode {name}")
    for number in range(1, 4):  # Firefox holds back two pictures of H.264
        media.show(VideoFrame("1", codec, True, 320, 240, number * 50_000, base64.b64decode(filmed)))

    await becomes(ann.page, f"(([red, , blue]) => red < 80 && blue > 100)(({WALL})())")
    assert await ann.page.evaluate("[canvas.width, canvas.height]") == [320, 240]
