"""What one does with picture and sound on the viewer page, and what its microphone makes of a device's rate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, expect

from bot.domain.conversations import Command, Membership, Person
from bot.domain.sessions import SessionStatus
from bot.ports.grants import Scope
from tests.browser.conftest import BROWSER, Opens, becomes
from tests.browser.session_fixture import SESSION, ScriptedCore
from tests.patience import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

MEI = "sim_Mei-studio_1080P"

CAPTURED = """async ([rate, pitch]) => {
  const context = new OfflineAudioContext({ numberOfChannels: 1, length: rate, sampleRate: rate });
  await context.audioWorklet.addModule("/v/static/capture.js");
  const capture = new AudioWorkletNode(context, "capture");
  const pieces = [];
  capture.port.onmessage = ({ data }) => pieces.push(...new Int16Array(data));
  const tone = new OscillatorNode(context, { frequency: pitch });
  tone.connect(capture).connect(context.destination);
  tone.start();
  await context.startRendering();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const steady = pieces.slice(1600, 14400);
  const crossings = steady.filter((sample, at) => at && sample >= 0 !== steady[at - 1] >= 0).length;
  return [pieces.length, Math.max(...steady.map(Math.abs)), crossings / 2 / (steady.length / 16000)];
}"""
"""How many samples a second of a tone becomes, how loud they are, and how high."""

QUALITY = """async ([late, gap]) => {
  const { Quality } = await import("/v/static/quality.js");
  const quality = new Quality();
  for (let at = 0; at < 100; at++) quality.take({ pts: at * 20_000, number: at, picture: true }, at * 20);
  for (let at = 100; at < 200; at++) quality.take({ pts: at * 20_000, number: at + (gap && at >= 150), picture: true }, at * 20 + late);
  return quality.level(4000 + late);
}"""


NUMBERED = """async (numbers) => {
  const { Quality } = await import("/v/static/quality.js");
  const quality = new Quality();
  numbers.forEach((number, at) => quality.take({ pts: at * 20_000, number, picture: at === 2 }, at * 20));
  return quality.level(100);
}"""


@asynccontextmanager
async def watching(core: ScriptedCore, window: Opens) -> AsyncIterator[Page]:
    """A page on which the avatar is seen."""
    await core.show(status=SessionStatus.LIVE)
    secret = await core.grants.mint(SESSION, Scope.WATCH, None, core.in_minutes(60))
    page = (await window()).page
    await page.goto(f"{core.base}/v/#{secret}")
    filming = asyncio.create_task(core.film(MEI))
    await page.locator("#canvas").wait_for()
    yield page
    filming.cancel()


async def test_sound_is_muted_and_its_volume_remembered(core: ScriptedCore, window: Opens) -> None:
    async with watching(core, window) as page:
        await page.locator("#volume").fill("0.4")
        await page.locator("#mute").click()
        await expect(page.locator("#mute")).to_have_attribute("aria-label", "Unmute")
        await expect(page.locator("#volume")).to_have_value("0")
        await page.locator("#mute").click()
        await expect(page.locator("#volume")).to_have_value("0.4")
        await page.reload()
        await expect(page.locator("#volume")).to_have_value("0.4")


async def test_the_picture_fills_the_screen_with_its_disclosure(core: ScriptedCore, window: Opens) -> None:
    async with watching(core, window) as page:
        await page.locator("#full").click()
        await becomes(page, "document.fullscreenElement?.id === 'stage'")
        await expect(page.locator("#disclosure")).to_be_visible()
        await page.locator("#full").click()
        await becomes(page, "!document.fullscreenElement")


async def test_the_picture_goes_into_a_corner_and_comes_back(core: ScriptedCore, window: Opens) -> None:
    async with watching(core, window) as page:
        if BROWSER == "firefox":  # only its user may, by a button of its own
            await expect(page.locator("#inset")).to_be_hidden()
            return
        await page.locator("#inset").click()
        await becomes(page, "document.pictureInPictureElement?.videoWidth > 0")
        inset = await page.evaluate_handle("() => document.pictureInPictureElement")
        await page.wait_for_function("(video) => video.currentTime > 0.2", arg=inset)
        await page.locator("#inset").click()
        await becomes(page, "!document.pictureInPictureElement")
        await page.wait_for_function("(video) => video.srcObject === null", arg=inset)


async def test_a_quiet_sign_says_how_good_the_connection_is(core: ScriptedCore, window: Opens) -> None:
    async with watching(core, window) as page:
        await expect(page.locator("#quality")).to_be_visible()


@pytest.mark.parametrize(
    ("late", "gap", "level"), [(0, False, "good"), (150, False, "fair"), (400, False, "poor"), (0, True, "poor")]
)
async def test_late_or_missing_frames_are_a_worse_connection(
    core: ScriptedCore, window: Opens, late: int, gap: bool, level: str
) -> None:
    page = (await window()).page
    await page.goto(f"{core.base}/v/#none")
    assert await page.evaluate(QUALITY, [late, gap]) == level


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100, 48_000, 96_000])
async def test_a_device_of_any_rate_is_heard_as_it_sounds(core: ScriptedCore, window: Opens, rate: int) -> None:
    page = (await window()).page
    await page.goto(f"{core.base}/v/#none")
    samples, loudest, pitch = await page.evaluate(CAPTURED, [rate, 1_000])
    assert 15_500 < samples <= 16_000
    assert 30_000 < loudest < 32_768
    assert abs(pitch - 1_000) < 3


@pytest.mark.parametrize("rate", [44_100, 48_000])
async def test_what_16_khz_cannot_carry_is_left_out(core: ScriptedCore, window: Opens, rate: int) -> None:
    page = (await window()).page
    await page.goto(f"{core.base}/v/#none")
    _, loudest, _ = await page.evaluate(CAPTURED, [rate, 10_000])
    assert loudest < 100


async def test_who_may_sets_language_and_voice_here(core: ScriptedCore, window: Opens) -> None:
    await core.show(status=SessionStatus.LIVE)
    secret = await core.grants.mint(SESSION, Scope.SPEAK, Person("ann", "Ann", Membership.MEMBER), core.in_minutes(60))
    page = (await window()).page
    await page.goto(f"{core.base}/v/#{secret}")
    await page.locator("#set").click()
    await page.locator("#languages option[value=French]").wait_for(state="attached")
    await page.locator("#language").fill("French")
    await page.locator("#adjust-done").click()
    await until(lambda: bool(core.came))
    assert core.came[-1].body == Command("set", {"language": "fr"})
    await expect(page.locator("#adjusting")).to_be_hidden()


@pytest.mark.parametrize(
    ("numbers", "level"),
    [([5, 6, 7, 8, 9], "good"), ([5, 6, 7, 8, 10], "poor"), ([5, 9, 20, 21, 22], "good")],
    ids=["whole", "left out", "before the first picture"],
)
async def test_a_number_that_is_missing_was_left_out(
    core: ScriptedCore, window: Opens, numbers: list[int], level: str
) -> None:
    async with watching(core, window) as page:
        assert await page.evaluate(NUMBERED, numbers) == level
