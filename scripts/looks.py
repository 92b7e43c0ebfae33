"""Draw what people see of Avatarbot in Slack and in Discord, side by side, as `docs/screenshots/looks.png`: python -m scripts.looks

What is drawn is made by the adapters; how each client shows it is a likeness to look at, not a test. Drawn by Chromium.
"""

import asyncio
import io
import shutil
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import async_playwright

from adapters.discord import rendering as discord
from adapters.discord.commands import CommandMentions
from adapters.discord.text import escape
from adapters.slack import rendering as slack
from bot.commands.buttons import instead
from bot.commands.help import help_on
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, ConversationRef, Item, PlatformFeature, Reply, Suggestion
from bot.domain.disclosure import Disclosures
from bot.domain.posts import Card, CardAction
from bot.domain.sessions import Mode, SessionStatus
from scripts import discord_html, slack_html

PICTURE = Path(__file__).parents[1] / "docs" / "screenshots" / "looks.png"
FACE = "https://avatars.example/alma.png"
NOON = datetime(2026, 11, 28, 12, 40, tzinfo=UTC)
COLOURS = 96
"""Of the picture, so that it stays small."""

HERE = ConversationRef("discord", "1", "2")

STYLE = """
body { margin: 0; padding: 20px; background: #fff; display: grid; grid-template-columns: 90px 490px 490px; gap: 14px 20px; align-items: start }
h1, h2 { font: 600 13px Arial, sans-serif; color: #777; margin: 6px 0 }
section { border: 1px solid #ddd; border-radius: 8px; padding: 12px 16px }
"""


def card(status: SessionStatus, note: str, actions: Sequence[CardAction] = (), **more: Any) -> Card:
    return Card(
        "s1", "Alma", FACE, status, Mode.DIALOGUE, "Ann", note, Disclosures().of(None), actions=tuple(actions), **more
    )


def scenes(features: Collection[PlatformFeature]) -> dict[str, Card | Reply]:
    live = (CardAction.WATCH, CardAction.INTERRUPT, CardAction.EXTEND, CardAction.STOP)
    renews = "Renews by itself while people talk; falls asleep after 10 quiet minutes."
    rows = tuple(
        Item(name, detail, FACE, "https://avatars.example/film.mp4", Command("start", {"avatar": name}))
        for name, detail in (("Alma", "official, female"), ("Noa", "official, male"), ("Kim", "your own, busy now"))
    )
    bases = (Item("FAQ", "2 documents", command=Command("knowledge delete", {"knowledge": "k1"})),)
    meant = instead(Command("start", {"avatar": "Almo"}), [Suggestion("avatar", "Alma")])
    more = Command("avatars", {"page": "2"})
    return {
        "Live": card(
            SessionStatus.LIVE, "Write in the thread to talk with it.", live, traits=("French",), waiting=2, ends=renews
        ),
        "Live, and ends": card(
            SessionStatus.LIVE,
            "Write here to talk with it.",
            live,
            ends="Ends when the minutes for today are used up.",
            ends_at=NOON,
        ),
        "Asleep": card(
            SessionStatus.SLEEPING, "Asleep, and costs nothing. Write in the thread to wake it.", (CardAction.STOP,)
        ),
        "Ended": card(
            SessionStatus.ENDED,
            "Stopped by Ben.",
            (CardAction.TRANSCRIPT, CardAction.START_AGAIN),
            facts=("live for 12 min", "34 messages"),
        ),
        "Avatars": Reply("24 avatars, page 1 of 3. Start one with /avatar start NAME.", rows, next=more),
        "Knowledge": Reply("1 knowledge base.", bases),
        "A name that is not known": Reply("There is no avatar called “Almo”. Did you mean Alma?", meant),
        "Help": help_on(catalogue=CATALOGUE.on_platform(features)),
    }


def in_slack(scene: Card | Reply) -> str:
    if isinstance(scene, Card):
        return slack_html.drawn(slack.card(scene).blocks)
    return slack_html.drawn(block for content in slack.answer(scene) for block in content.blocks)


def in_discord(scene: Card | Reply) -> str:
    if isinstance(scene, Card):
        return discord_html.drawn([discord.card(scene, "3")])
    mentions = CommandMentions()
    mentions.ids[""] = "7"
    return discord_html.drawn(discord.answer(scene, lambda text: mentions.linked(escape(text), HERE)))


def drawing() -> str:
    """The page: what each platform shows of the same scenes."""
    here, there = scenes(()), scenes(tuple(PlatformFeature))
    rows = "".join(
        f'<h2>{name}</h2><section class="slack">{in_slack(here[name])}</section>'
        f'<section class="discord">{in_discord(there[name])}</section>'
        for name in here
    )
    style = STYLE + slack_html.STYLE + discord_html.STYLE
    return f"<style>{style}</style><h1></h1><h1>Slack</h1><h1>Discord</h1>{rows}"


async def main() -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1150, "height": 400})
        await page.set_content(drawing())
        drawn = await page.screenshot(full_page=True)
        await browser.close()
    Image.open(io.BytesIO(drawn)).convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    asyncio.run(main())
