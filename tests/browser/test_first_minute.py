"""What somebody meets who has just opened the page and tries the first thing that comes to mind."""

import asyncio

import pytest
from playwright.async_api import Locator, expect

from bot.commands.buttons import confirmed
from bot.domain.conversations import Command, Inbound, MessagePosted
from bot.domain.posts import CardAction
from bot.domain.sessions import SessionStatus
from tests.browser.conftest import Opens
from tests.browser.session_fixture import ScriptedCore
from tests.patience import HANG_S, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG_NAME = "Maximiliane Wilhelmina Sommersdt"
PHONE_ON_ITS_SIDE = {"width": 844, "height": 390}


def commands(came: list[Inbound]) -> list[Command]:
    return [inbound.body for inbound in came if isinstance(inbound.body, Command)]


async def test_a_whole_command_needs_one_enter(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    box = ann.page.locator("#channel-composer textarea")
    await expect(box).to_be_focused()
    await ann.page.keyboard.type("/avatar help")
    await expect(ann.page.get_by_role("option").first).to_contain_text("/avatar help")
    await ann.page.keyboard.press("Enter")
    await expect(box).to_have_value("")
    await expect(ann.page.locator(".told .words")).to_contain_text("Line 1 of the help.")


async def test_on_a_touch_screen_no_keyboard_opens_by_itself(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window(has_touch=True, is_mobile=True)).enter(core.address)
    await expect(ann.page.locator("#welcome .who")).to_have_count(3)
    await expect(ann.page.locator("#channel-composer textarea")).not_to_be_focused()


async def test_an_outdated_suggestion_is_not_taken(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    box = ann.page.locator("#channel-composer textarea")
    await box.fill("/avatar status ")
    await box.fill("/avatar start avatar:Me")
    await expect(ann.page.locator(".offer[aria-selected=true]")).to_contain_text("Mei")
    await box.evaluate(
        """(box) => {
          box.setRangeText("lina", box.value.length, box.value.length, "end");
          box.dispatchEvent(new InputEvent("input", { bubbles: true }));
          box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
        }"""
    )
    await expect(box).to_have_value("")
    assert commands(core.came)[-1] == Command("start", {"avatar": "Melina"})


async def test_a_question_mark_shows_what_can_be_set(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "/avatar start ?")
    await expect(ann.page.locator("#channel-composer textarea")).to_have_value("/avatar start ")
    await expect(ann.page.get_by_role("option").filter(has_text="Mei")).to_be_visible()
    await expect(ann.page.get_by_role("option").filter(has_text="language:")).to_be_visible()
    assert commands(core.came) == []


async def test_tab_waits_for_the_suggestion_that_fits_what_was_typed(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    box = ann.page.locator("#channel-composer textarea")
    await box.fill("/avatar start avatar:M")
    await expect(ann.page.locator(".offer[aria-selected=true]")).to_contain_text("Mei")
    await box.evaluate(
        """(box) => {
          box.setRangeText("Th", box.value.length - 1, box.value.length, "end");
          box.dispatchEvent(new InputEvent("input", { bubbles: true }));
          box.dispatchEvent(new KeyboardEvent("keydown", { key: "Tab", bubbles: true, cancelable: true }));
        }"""
    )
    await expect(box).to_have_value('/avatar start avatar:"Theo Glass" ')


async def test_a_long_answer_is_read_from_its_head(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window(viewport={"width": 1100, "height": 560})).enter(core.address)
    await ann.type_in("channel", "/avatar avatars")
    short = ann.page.locator(".told", has_text="Three avatars can come.")
    await expect(short).to_be_in_viewport(ratio=1)
    await ann.type_in("channel", "/avatar help")
    long = ann.page.locator(".told", has_text="Line 60 of the help.")
    await expect(long.locator("header")).to_be_in_viewport(ratio=1)
    await ann.type_in("channel", "/avatar avatars")
    await expect(ann.page.locator(".told", has_text="Three avatars can come.").last).to_be_in_viewport(ratio=1)


async def test_a_list_goes_on_with_next(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "/avatar avatars")
    await ann.page.get_by_role("button", name="Next").click()
    await expect(ann.page.locator(".told")).to_have_count(2)
    assert commands(core.came)[-1] == Command("avatars", {"page": "2"})


async def test_a_start_from_a_list_opens_the_thread(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "/avatar avatars")
    await ann.page.get_by_role("button", name="Start Alma").click()
    await expect(ann.page.locator("#thread")).to_be_visible()
    await expect(ann.page.locator("#thread-composer textarea")).to_be_focused()


async def test_what_cannot_be_undone_is_asked_back(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "/avatar sessions")
    row = ann.page.locator(".items li")
    await expect(row.locator(".pill")).to_have_text("Live")
    await expect(row).to_contain_text("started by Ben")
    await row.get_by_role("button", name="Stop Alma").click()
    asking = ann.page.get_by_role("dialog")
    await expect(asking).to_contain_text("Stop Alma? The session ends for everybody there.")
    await expect(asking.get_by_role("button", name="Cancel")).to_be_focused()
    await ann.page.keyboard.press("Escape")
    await expect(asking).to_be_hidden()
    assert commands(core.came)[-1].verb == "sessions"

    await row.get_by_role("button", name="Stop Alma").click()
    await asking.get_by_role("button", name="Stop").click()
    await expect(asking).to_be_hidden()
    await until(lambda: commands(core.came)[-1].verb != "sessions")
    assert commands(core.came)[-1] == confirmed(Command("stop", {"session": "s1"}))


async def test_what_a_guest_may_not_do_is_not_offered(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "/avatar start avatar:Mei")
    await expect(ann.page.locator("#stage [data-action=interrupt]")).to_be_visible()
    await ann.page.wait_for_url("**/playground#/lobby/*")
    guest = await window()
    await guest.enter(core.address.replace("#key=", "#as=guest&key="))
    await guest.page.goto(f"{core.base}/playground#/standup")
    await expect(guest.page.locator("#welcome")).to_contain_text("A member starts an avatar")
    await expect(guest.page.get_by_role("button", name="Start an avatar")).to_have_count(0)
    await guest.page.goto(ann.page.url)
    await expect(guest.page.locator("#stage [data-action=watch]")).to_be_visible()
    await expect(guest.page.locator("[data-action=stop], [data-action=interrupt]")).to_have_count(0)
    await guest.page.locator("#thread-composer textarea").fill("/avatar s")
    offers = guest.page.get_by_role("option")
    await expect(offers.filter(has_text="/avatar say")).to_be_visible()
    await expect(offers.filter(has_text="/avatar start")).to_have_count(0)


async def test_picking_a_face_brings_who_it_shows(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.page.locator("#welcome .who", has_text="Theo Glass").click()
    await expect(ann.page.locator("#thread")).to_be_visible()
    assert commands(core.came)[0] == Command("start", {"avatar": "theo"})


async def test_an_ended_card_offers_what_still_can_be_done(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "/avatar start avatar:Mei")
    await expect(ann.page.locator("#stage .pill")).to_have_text("Live")
    await core.show(
        status=SessionStatus.ENDED,
        note="Stopped by Ann.",
        ends_at=None,
        actions=(CardAction.TRANSCRIPT, CardAction.START_AGAIN),
        facts=("live for 12 min", "8 messages"),
    )
    card = ann.page.locator("#stage")
    await expect(card.get_by_role("button")).to_have_text(["Transcript", "Start again"])
    await expect(card).to_contain_text("live for 12 min · 8 messages")
    await card.get_by_role("button", name="Start again").click()
    await until(lambda: len(commands(core.came)) > 1)
    assert commands(core.came)[-1].options["again"] == core.card.session_id


# ---------------------------------------------------------------- layout


async def size(element: Locator) -> tuple[float, float]:
    async with asyncio.timeout(HANG_S):
        while not (box := await element.bounding_box()):  # the page is being written anew
            await asyncio.sleep(0.02)
    return round(box["width"]), round(box["height"])


UNSQUEEZED = """() => {
  const row = [...document.querySelectorAll("#people li")].find((each) => each.textContent.includes("Maximiliane"));
  return row && getComputedStyle(row, "::after").width === "8px" && row.scrollWidth <= row.clientWidth;
}"""
"""Asked of whatever row stands there: the list is written anew whenever somebody comes or is renamed."""


async def test_a_long_name_squeezes_nothing(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.page.locator("#my-name").fill(LONG_NAME)
    await ann.page.locator("#my-name").press("Enter")
    row = ann.page.locator("#people li", has_text="Maximiliane")
    await expect(row).to_be_visible()
    assert await size(row.locator(".chip")) == (22, 22)
    await ann.page.wait_for_function(UNSQUEEZED, timeout=HANG_S * 1_000)


async def test_spoken_stands_below_what_was_said(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    for text in ("One", "Two"):
        await ann.type_in("channel", text)
        await ann.says("channel", text)
    message = ann.page.locator("#channel-messages .message.follows", has_text="Two")
    await expect(message).to_be_visible()
    said = core.came[-1].body
    assert isinstance(said, MessagePosted)
    assert said.message
    await core.platform.mark_spoken(said.message)
    await expect(message.locator(".heard")).to_be_visible()
    body, heard = await message.locator(".body").bounding_box(), await message.locator(".heard").bounding_box()
    assert body
    assert heard
    assert heard["x"] == body["x"]
    assert heard["y"] >= body["y"] + body["height"]


async def test_every_button_can_be_pressed_on_a_landscape_phone(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window(viewport=PHONE_ON_ITS_SIDE, has_touch=True, is_mobile=True)).enter(core.address)
    await ann.type_in("channel", "/avatar start avatar:Mei")
    await ann.says("thread", "tell me what to say.")
    buttons = ann.page.locator("#stage .actions button, #thread-composer button.send")
    await expect(buttons).to_have_count(5)
    for button in await buttons.all():
        await expect(button).to_be_in_viewport(ratio=1)
    assert await ann.page.locator("#thread-scroll").evaluate("scroll => scroll.clientHeight") > 120
