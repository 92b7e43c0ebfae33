"""Whoever opens a page sees, hears read aloud, and finds in its source that the avatar is an AI."""

import json
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from bot.domain.conversations import Membership, Person
from bot.domain.disclosure import Disclosure, Disclosures
from bot.domain.sessions import SessionStatus
from bot.ports.grants import Scope
from tests.browser.conftest import Opens
from tests.browser.session_fixture import SESSION, ScriptedCore
from tests.disclosing import AI

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANN = Person("a1", "Ann", Membership.MEMBER)
WIDTHS = [(1440, 900), (820, 1000), (360, 720), (740, 360)]
LONGEST = Disclosure(
    "This avatar is software of Lantern House and no person, and " * 2 + "its picture and voice are made."
)

LEAST_CONTRAST = """(element) => {
  const parse = (colour) => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return { rgb: [r, g, b], a }; };
  const over = ({ rgb, a }, below) => rgb.map((value, at) => value * a + below[at] * (1 - a));
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ratio = (one, other) => { const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a); return (light + 0.05) / (dark + 0.05); };
  const layers = [];
  for (let each = element; each; each = each.parentElement) layers.unshift(parse(getComputedStyle(each).backgroundColor));
  const grounds = element.closest(".picture") ? [[0, 0, 0], [255, 255, 255], [128, 128, 128]] : [[255, 255, 255]];
  const own = layers.at(-1);
  return Math.min(...grounds.map((ground) => {
    const under = element.closest(".picture") ? over(own, ground) : layers.reduce((below, layer) => over(layer, below), ground);
    return ratio(over(parse(getComputedStyle(element).color), under), under);
  }));
}"""
"""Of an element's words to what is behind them; over a picture, whatever that shows."""

INSIDE = """() => {
  const [label, frame] = ["disclosure", "canvas"].map((id) => document.getElementById(id).getBoundingClientRect());
  return label.left >= frame.left && label.right <= frame.right && label.top >= frame.top && label.bottom <= frame.bottom;
}"""


async def opened(core: ScriptedCore, window: Opens, scope: Scope = Scope.SPEAK) -> Page:
    core.card = replace(core.card, status=SessionStatus.LIVE, note="Mei is here.")
    core.context(speaking=False)
    secret = await core.grants.mint(SESSION, scope, ANN if scope is Scope.SPEAK else None, core.in_minutes(60))
    page = (await window()).page
    await page.goto(f"{core.base}/v/#{secret}")
    await expect(page.locator("#viewer")).to_have_attribute("data-status", "live")
    return page


async def marks(page: Page) -> list[object]:
    texts = await page.locator('script[type="application/ld+json"]').all_text_contents()
    return [json.loads(text)["digitalSourceType"] for text in texts]


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("disclosure", [AI, Disclosures().of("ar"), LONGEST], ids=["english", "arabic", "longest"])
async def test_the_label_lies_in_the_picture_and_can_be_read(
    core: ScriptedCore, window: Opens, scope: Scope, disclosure: Disclosure
) -> None:
    core.archive.shown = disclosure
    core.play(core.film("sim_Mei-studio_1080P"))
    page = await opened(core, window, scope)
    label = page.get_by_role("note").filter(has_text=disclosure.sentence)
    await expect(page.locator("#canvas")).to_be_visible()
    for across, down in WIDTHS:
        await page.set_viewport_size({"width": across, "height": down})
        await expect(label).to_be_visible()
        assert await page.evaluate(INSIDE), f"{across} x {down}"
        assert await label.evaluate(LEAST_CONTRAST) >= 4.5
    assert await label.get_attribute("lang") == disclosure.language


async def test_a_screen_reader_hears_it_with_the_picture(core: ScriptedCore, window: Opens) -> None:
    core.play(core.film("sim_Mei-studio_1080P"))
    page = await opened(core, window)
    picture = page.get_by_role("img", name="The avatar")
    await expect(picture).to_be_visible()
    await expect(picture).to_have_accessible_description(AI.sentence)
    assert f"note: {AI.sentence}" in await page.locator("#picture").aria_snapshot()


async def test_it_stands_on_the_page_before_anything_has_come(core: ScriptedCore, window: Opens) -> None:
    core.away = True  # nothing is said over the socket
    opened = await window()
    await opened.page.goto(f"{core.base}/v/#{'x' * 22}")
    await expect(opened.page.locator("#disclosure")).to_be_visible()
    await expect(opened.page.locator("#disclosure")).to_have_text(AI.sentence)
    await opened.page.close()
    opened.complaints.clear()  # of the socket that does not open


async def test_it_is_gone_where_the_operator_switched_it_off(core: ScriptedCore, window: Opens) -> None:
    core.archive.shown = Disclosure("")
    page = await opened(core, window)
    await expect(page.locator("#disclosure")).to_be_hidden()


async def test_the_playground_discloses_on_card_stage_and_first_line(core: ScriptedCore, window: Opens) -> None:
    ann = await (await window()).enter(core.address)
    await ann.type_in("channel", "/avatar start avatar:Mei")
    await ann.says("thread", "tell me what to say.")
    for scheme in ("light", "dark"):
        await ann.page.emulate_media(color_scheme=scheme)
        for where in ("#channel-messages .card", "#stage", "#thread-messages .message"):
            label = ann.page.locator(where).get_by_role("note")
            await expect(label).to_have_text(AI.sentence)
            assert await label.evaluate(LEAST_CONTRAST) >= 4.5, f"{where}, {scheme}"
    await ann.type_in("thread", "And now?")
    await ann.says("thread", "You said “And now?”.")
    await expect(ann.page.locator("#thread-messages .message").get_by_role("note")).to_have_count(1)


async def test_machines_find_the_source_type_in_both_pages(core: ScriptedCore, window: Opens) -> None:
    made = ["https://schema.org/TrainedAlgorithmicMediaDigitalSource"]
    viewer = await opened(core, window)
    playground = await (await window()).enter(core.address)
    assert await marks(viewer) == await marks(playground.page) == made
