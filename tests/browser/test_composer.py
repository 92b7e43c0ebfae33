"""Without a mouse, without motion, without sight, without a connection."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Opens, becomes
from tests.browser.session_fixture import ScriptedCore

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_everything_can_be_done_with_the_keyboard(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    page, keyboard = ann.page, ann.page.keyboard
    core.pause = 0.02

    await page.get_by_role("button", name="Start an avatar").focus()
    await keyboard.press("Enter")
    box = page.get_by_role("textbox", name="Write in #lobby, or type / for commands")
    await expect(box).to_be_focused()
    await expect(page.get_by_role("status").filter(has_text="suggestions")).to_be_attached()
    await expect(page.get_by_role("option").filter(has_text="Theo Glass")).to_be_visible()
    await keyboard.press("ArrowDown")
    await keyboard.press("ArrowDown")
    await expect(page.locator("#" + str(await box.get_attribute("aria-activedescendant")))).to_contain_text("Alma")
    await keyboard.press("Enter")
    await expect(box).to_have_value("/avatar start avatar:Alma ")
    await keyboard.press("Escape")
    await keyboard.press("Enter")

    thread = page.locator("#thread-composer textarea")
    await expect(thread).to_be_focused()
    await ann.says("thread", "tell me what to say.")
    await keyboard.type("/int")
    await keyboard.press("Enter")
    await expect(thread).to_have_value("/avatar interrupt ")
    await keyboard.press("Enter")
    await expect(thread).to_have_value("")
    await keyboard.press("Escape")
    await expect(page.locator("#thread")).to_be_hidden()
    await expect(box).to_be_focused()
    start, interrupt = [inbound.body for inbound in core.came]
    assert dict(getattr(start, "options", {})) == {"avatar": "alma"}  # the value behind the label
    assert getattr(interrupt, "verb", "") == "interrupt"


async def test_a_value_with_a_space_is_put_in_quotes(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.page.locator("#channel-composer textarea").fill("/avatar start th")
    await expect(ann.page.get_by_role("option").first).to_contain_text("Theo Glass")
    await ann.page.keyboard.press("Tab")

    await expect(ann.page.locator("#channel-composer textarea")).to_have_value('/avatar start avatar:"Theo Glass" ')


async def test_what_was_dismissed_before_it_came_does_not_come(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    box = ann.page.locator("#channel-composer textarea")
    await box.fill("/avatar start avatar:Mei")
    await box.press("Escape")

    await ann.page.wait_for_timeout(600)  # longer than it waits for more to be typed, and for the answer
    await expect(ann.page.get_by_role("option")).to_have_count(0)
    await box.press("Enter")
    await expect(box).to_have_value("")


async def test_a_screen_reader_hears_each_utterance_once_and_whole(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.page.evaluate(
        "window.heard = []; new MutationObserver(() => heard.push(announcer.textContent))"
        ".observe(document.getElementById('announcer'), { childList: true, characterData: true, subtree: true })"
    )
    core.pause = 0.03
    await ann.type_in("channel", "/avatar start avatar:Mei")
    await ann.says("thread", "tell me what to say.")
    await becomes(ann.page, "heard.length > 0")

    (heard,) = await ann.page.evaluate("heard")
    assert heard.startswith("Mei: Good morning! I am Mei. Ask me anything, or tell me what to say.")


async def test_nothing_moves_for_those_who_want_no_motion(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window(reduced_motion="reduce")).enter(core.address)
    core.goes_on.clear()  # it speaks until the end
    await ann.type_in("channel", "/avatar start avatar:Mei")
    await expect(ann.page.locator("#stage")).to_have_attribute("data-speaking", "true")

    assert await ann.page.evaluate("document.getAnimations().length") == 0


async def test_what_is_sent_without_a_connection_arrives_once(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "Before")
    await ann.says("channel", "Before")

    core.away = True
    await core.drop_windows()
    await expect(ann.page.locator("#link-state")).to_contain_text("Reconnecting")
    await ann.type_in("channel", "Meanwhile")
    core.away = False

    await expect(ann.page.locator("#link-state")).to_be_hidden()
    await expect(ann.page.locator(".message.pending")).to_have_count(0)
    assert await ann.lines("channel") == ["Before", "Meanwhile"]
    assert len({inbound.event_id for inbound in core.came}) == 2
    ann.complaints.clear()  # a browser says of itself that a server was away


async def test_own_words_can_be_edited_and_deleted(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "Helo")
    await ann.says("channel", "Helo")

    await ann.page.get_by_role("button", name="Edit this message").focus()
    await ann.page.keyboard.press("Enter")
    await ann.type_in("channel", "Hello")
    await expect(ann.page.locator("#channel-messages .body")).to_have_text("Hello (edited)")
    await ann.page.get_by_role("button", name="Delete this message").focus()
    await ann.page.keyboard.press("Enter")

    await expect(ann.page.locator("#channel-messages .message")).to_have_count(0)
    assert [type(inbound.body).__name__ for inbound in core.came] == [
        "MessagePosted",
        "MessageEdited",
        "MessageDeleted",
    ]


async def test_a_new_name_and_a_new_channel_reach_everybody(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    ben = await (await window()).enter(core.address)

    await ben.page.get_by_label("You are").fill("Benedikt")
    await ben.page.keyboard.press("Enter")
    await ben.page.get_by_role("button", name="Add a channel").click()
    await ben.page.get_by_label("Name of the new channel").fill("release")
    await ben.page.keyboard.press("Enter")

    await expect(ann.page.locator("#people")).to_contain_text("Benedikt")
    await expect(ann.page.get_by_role("link", name="release")).to_be_visible()
    await expect(ben.page.locator("#channel-title")).to_have_text("release")


async def test_a_hostile_text_is_only_text(core: ScriptedCore, window: Opens, tmp_path: Path) -> None:
    ann = await (await window()).enter(core.address)
    hostile = "<img src=x onerror=alert(1)> <script>alert(1)</script> @Ann javascript:alert(1)"
    await ann.type_in("channel", hostile)
    await ann.says("channel", hostile)

    assert await ann.page.locator("#channel-messages .body img, #channel-messages .body script, .mention").count() == 0
    assert await ann.page.locator("#channel-messages .body a").count() == 0
