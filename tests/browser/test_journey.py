"""The whole story, on the true demo: from `/avatar start` to the transcript in hand."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import LONG, Opens, Screenshots, becomes
from tests.browser.service_fixture import DemoService

pytestmark = pytest.mark.asyncio(loop_scope="session")

GROWING = "#thread-messages .message.growing"
SPEAKING = "#stage[data-speaking=true]"
WORDS = r"/\w+ \w+ \w+ \w+/"


async def test_from_start_to_the_downloaded_transcript(
    demo: DemoService, window: Opens, screenshots: Screenshots
) -> None:
    ann = await (await window()).enter(demo.address)
    page = ann.page
    assert "key" not in page.url  # the secret does not stay in the address
    await expect(page.get_by_role("heading", name="Bring a talking avatar into your channel")).to_be_visible()

    await page.get_by_role("button", name="Start an avatar").click()
    offers = page.get_by_role("listbox").get_by_role("option")
    await expect(offers.filter(has_text="Alma").locator("img")).to_be_visible()
    await page.keyboard.type("alm")
    await expect(offers.first).to_contain_text("Alma")
    await page.keyboard.press("Tab")
    await expect(page.locator("#channel-composer textarea")).to_have_value("/avatar start avatar:Alma ")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")

    await expect(page.locator("#stage .pill")).to_have_text("Live")
    await expect(page.locator("#stage .meters")).to_contain_text("Live for")
    await ann.look_out(GROWING, SPEAKING)
    await ann.type_in("thread", "Good morning! Who are you?")
    await ann.says("thread", "Good morning! Who are you?")
    await ann.saw(GROWING, SPEAKING)
    await expect(page.locator(GROWING)).to_have_count(0)
    await ann.type_in("thread", "Tell us a joke, please.")
    await becomes(page, f"{WORDS}.test(document.querySelector('{GROWING}')?.textContent)")
    await page.mouse.move(0, 0)
    await screenshots.take(page, "readme")

    viewer = await window()
    await viewer.page.goto(await ann.watch_link())
    await expect(viewer.page.locator("#status")).to_have_text("Live")
    await expect(viewer.page.locator("#audience")).to_contain_text("1 watching")
    await expect(viewer.page.locator("#said li").first).to_be_visible()
    await expect(viewer.page.locator("#canvas")).to_be_visible()
    await ann.type_in("thread", "What does it cost?")
    await becomes(viewer.page, f"{WORDS}.test(caption.textContent)")
    await screenshots.take(viewer.page, "viewer")

    await expect(page.locator(GROWING)).to_have_count(0)
    await page.locator("#stage [data-action=stop]").click()
    await expect(page.locator("#stage .pill")).to_have_text("Ended")
    await expect(viewer.page.locator("#status")).to_have_text("Ended")
    async with viewer.page.expect_download() as download:
        await viewer.page.get_by_role("button", name="Text").click()
    transcript = Path(str(await (await download.value).path())).read_text()
    assert "Good morning! Who are you?" in transcript.replace("\\!", "!")
    assert "Alma" in transcript


async def test_two_people_see_the_same_talk_under_their_own_names(demo: DemoService, window: Opens) -> None:
    ann = await (await window()).enter(demo.address)
    await ann.go_live()
    ben = await (await window()).enter(f"{demo.base}/playground#key=a-secret-for-tests")

    await ben.page.locator(".open-thread").click()
    await ben.type_in("thread", "Hello from Ben")

    await ann.says("thread", "Hello from Ben")
    authors = ann.page.locator("#thread-messages .message:has-text('Hello from Ben') .byline strong")
    await expect(authors).to_have_text("Ben")
    await expect(ann.page.locator("#people li", has_text="Ben")).to_have_attribute("data-online", "true")
    await expect(ben.page.locator("#people")).to_contain_text("Ben (you)")


async def test_an_interrupt_from_the_viewer_stops_the_voice(demo: DemoService, window: Opens) -> None:
    ann = await (await window()).enter(demo.address)
    await ann.go_live("retelling")
    viewer = (await window()).page
    await viewer.goto(await ann.watch_link())
    await ann.type_in("thread", LONG)
    await expect(viewer.locator("#viewer")).to_have_attribute("data-speaking", "true")

    await viewer.get_by_role("button", name="Interrupt").click()

    await expect(viewer.locator("#viewer")).to_have_attribute("data-speaking", "false")
    await expect(viewer.locator("#sentence")).to_be_empty()


async def test_a_refresh_in_mid_sentence_loses_and_doubles_nothing(demo: DemoService, window: Opens) -> None:
    ann = await (await window()).enter(demo.address)
    await ann.go_live()
    await ann.look_out(GROWING)
    await ann.type_in("thread", "What can you do?")
    await ann.saw(GROWING)

    await ann.page.reload()

    await ann.says("thread", "What can you do?")
    await expect(ann.page.locator("#my-name")).to_have_value("Ann")
    await expect(ann.page.locator(GROWING)).to_have_count(0)
    lines = await ann.lines("thread")
    assert len(lines) == len(set(lines)) == 2, lines


async def test_a_restart_of_the_server_in_mid_sentence_ends_well(demo: DemoService, window: Opens) -> None:
    ann = await (await window()).enter(demo.address)
    await ann.go_live()
    await ann.look_out(GROWING)
    await ann.type_in("thread", "What can you do?")
    await ann.saw(GROWING)

    await demo.stop()
    await expect(ann.page.locator("#link-state")).to_contain_text("Reconnecting")
    await demo.start()

    await expect(ann.page.locator("#link-state")).to_be_hidden()
    await expect(ann.page.locator(GROWING)).to_have_count(0)
    await expect(ann.page.locator("#stage .pill")).to_have_text("Live")
    assert (await ann.lines("thread")).count("What can you do?") == 1
    await ann.type_in("thread", "Are you still there?")
    await expect(ann.page.locator("#thread-messages .message[data-kind=avatar]")).to_have_count(2)
    ann.complaints.clear()  # a browser says of itself that a server was away
