"""Every verb of the catalogue, used in the true demo as a person uses it, and what they then see."""

import re

import pytest
from playwright.async_api import Locator, expect

from bot.commands.verbs import CATALOGUE, TOPICS
from tests.browser.conftest import LONG, Opens, Screenshots, Window
from tests.browser.service_fixture import DemoService

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Hand:
    """Types commands, remembers which, and photographs the answers."""

    def __init__(self, window: Window, screenshots: Screenshots) -> None:
        self.window = window
        self.page = window.page
        self.used: set[str] = set()
        self._screenshots = screenshots

    async def run(self, verb: str, options: str = "", *, where: str = "channel") -> Locator:
        """The newest answer to this verb that only this person sees, once there is one more than before."""
        header = self.page.locator("header code", has_text=f"/avatar {verb}")
        answers = self.page.locator(f"#{where}-messages .told", has=header)
        before = await answers.count()
        await self.act(verb, options, where=where)
        await expect(answers).to_have_count(before + 1)
        return answers.last

    async def act(self, verb: str, options: str = "", *, where: str = "channel") -> None:
        """A command whose effect is seen elsewhere."""
        self.used.add(verb)
        await self.window.type_in(where, f"/avatar {verb} {options}".strip())

    async def answer(self, verb: str, options: str, words: str | re.Pattern[str], *, where: str = "channel") -> Locator:
        told = await self.run(verb, options, where=where)
        await expect(told.locator(".words")).to_contain_text(words)
        return told

    async def keep(self, name: str) -> None:
        await self.page.mouse.move(0, 0)
        await self._screenshots.take(self.page, f"command-{name}")


async def look_around(hand: Hand) -> None:
    told = await hand.answer("help", "", "More about a command")
    await expect(told.locator("h4")).to_have_text(list(TOPICS))
    await expect(told.locator(".lines code").first).to_have_text("/avatar start")
    await hand.keep("help")
    told = await hand.answer("avatars", "", "9 avatars")
    await expect(told.locator(".items li")).to_have_count(9)
    await expect(told.locator(".items img")).to_have_count(9)
    await hand.keep("avatars")
    told = await hand.answer("voices", "language:en gender:female", "voice")
    await expect(told.locator(".items .preview").first).to_be_visible()
    await hand.keep("voices")
    told = await hand.answer("languages", "", "languages")
    await expect(told.locator(".items li").filter(has_text="English").first).to_be_visible()


async def teach(hand: Hand) -> None:
    await hand.answer("knowledge create", 'FAQ prompt:"You know our products."', "FAQ")
    told = await hand.answer("knowledge list", "", "knowledge base")
    await expect(told.locator(".items li").filter(has_text="FAQ")).to_be_visible()
    await hand.answer("knowledge update", 'FAQ prologue:"Ask me anything."', "FAQ")
    await hand.answer("knowledge show", "FAQ", re.compile("Ask me anything"))
    await hand.keep("knowledge")
    await hand.answer("knowledge use", "FAQ", "FAQ")


async def settle_in(hand: Hand) -> None:
    await hand.answer("defaults set", "avatar:Alma minutes:10 mode:dialogue", "Alma")
    await hand.answer("defaults voice", "speed:1.1", "1.1")
    told = await hand.answer("defaults elevenlabs", "api_key:secret-of-ours", re.compile("ElevenLabs", re.IGNORECASE))
    await expect(told.locator("header code")).to_have_text("/avatar defaults elevenlabs …")
    await expect(hand.page.locator("body")).not_to_contain_text("secret-of-ours")
    await hand.answer("defaults access", "everybody", re.compile("everybody", re.IGNORECASE))
    await hand.answer("defaults words", "add:heck", "1 word or phrase is blocked")
    told = await hand.answer("defaults show", "", "Alma")
    await expect(told.locator(".words")).not_to_contain_text("secret-of-ours")
    await hand.keep("defaults")
    await hand.answer("defaults reset", "elevenlabs", re.compile(r"\w"))


async def talk(hand: Hand) -> None:
    page, context = hand.page, hand.page.locator("#stage")
    await hand.act("start")
    await expect(context.locator(".pill")).to_have_text("Live")
    told = await hand.run("watch", where="thread")
    await expect(told.locator("a.open")).to_have_attribute("href", re.compile("/v/"))
    await hand.act("say", f"Repeat after me: {LONG}", where="thread")
    await expect(context).to_have_attribute("data-speaking", "true")
    await hand.act("interrupt", where="thread")
    await expect(context).to_have_attribute("data-speaking", "false")
    await hand.run("set", "language:fr", where="thread")
    await hand.act("act", "nod", where="thread")
    await expect(page.locator("#thread-messages .told", has_text="Sent. Only “ultra” avatars")).to_be_visible()
    await hand.act("extend", where="thread")
    await expect(page.locator("#thread-messages .told", has_text="stays awake for")).to_be_visible()
    await hand.answer("status", "", "Alma", where="thread")
    told = await hand.answer("sessions", "", re.compile("session"), where="thread")
    await hand.keep("session")
    told = await hand.run("transcript", "srt", where="thread")
    await expect(told.locator("a.file")).to_contain_text("srt")
    await hand.act("stop", where="thread")
    await expect(context.locator(".pill")).to_have_text("Ended")


async def test_every_verb_of_the_catalogue(demo: DemoService, window: Opens, screenshots: Screenshots) -> None:
    ann = await (await window()).enter(demo.address)
    hand = Hand(ann, screenshots)
    await hand.answer("upload", "https://example.com/ann.mp4 Annie", "Has the person in the video agreed")
    await hand.answer("upload", "https://example.com/ann.mp4 Annie confirm:yes", "7 days")
    await look_around(hand)
    await teach(hand)
    await settle_in(hand)
    progress = ann.page.locator("#channel-messages .message", has_text="Annie")
    await expect(progress.last).to_contain_text("is ready")
    await hand.keep("upload")
    await talk(hand)
    told = await hand.answer("forget session", "", "Forget the session with Alma", where="thread")
    await expect(told.get_by_role("button", name="Forget")).to_be_visible()
    await hand.answer("forget me", "", re.compile("Forget your [0-9]+ message"))
    await hand.keep("forget")
    told = await hand.answer("usage", "7", "Credit left")
    plot = told.locator("a.file img")
    await expect(plot).to_be_visible()
    await expect(plot).to_have_attribute("alt", re.compile("minute", re.IGNORECASE))
    await expect(plot).to_be_in_viewport(ratio=0.9)
    assert await plot.evaluate("picture => picture.decode().then(() => picture.naturalWidth)") > 500
    await hand.keep("usage")
    await hand.answer("account show", "", "the account of whoever runs Avatarbot")
    await hand.answer("account key", "", "needs account_key")  # the page has no form for it
    await hand.answer("account remove", "", "no key of its own")
    await hand.act("knowledge delete", "FAQ")
    await expect(ann.page.locator("#channel-messages .told").last).to_contain_text("FAQ")
    assert hand.used == set(CATALOGUE.on_platform(()).names)
