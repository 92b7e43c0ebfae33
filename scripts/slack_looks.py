"""Draw what people see of Avatarbot in Slack, as `docs/screenshots/slack.png`: python -m scripts.slack_looks

The blocks are the adapter's own; how Slack shows each of them is drawn after its Block Kit pages, so this is a likeness to look at,
not a test. Drawn by Chromium.
"""

import asyncio
import html
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from adapters.slack.answers import answer
from adapters.slack.cards import card
from bot.commands.help import help_on
from bot.domain.cards import Card, CardAction
from bot.domain.messages import Command
from bot.domain.replies import Item, Reply
from bot.domain.sessions import Mode, SessionStatus

PICTURE = Path(__file__).parents[1] / "docs" / "screenshots" / "slack.png"
FACE = "https://avatars.example/alma.png"
NOON = datetime(2026, 11, 28, 12, 40, tzinfo=UTC)

COLOURS = {"🟢": "#2eb67d", "🟡": "#ecb22e", "🌙": "#5b6cad", "⚪": "#c8c8c8"}

Block = Mapping[str, Any]

STYLE = """
body { margin: 0; padding: 24px; font: 15px/1.46 Lato, 'Helvetica Neue', Arial, sans-serif; color: #1d1c1d; background: #fff;
  display: grid; grid-template-columns: repeat(2, 620px); gap: 28px; align-items: start }
section.message { border: 1px solid #ddd; border-radius: 8px; padding: 14px 16px }
h2 { font-size: 12px; color: #888; font-weight: 600; margin: 0 0 8px; text-transform: uppercase; letter-spacing: .04em }
.header { font-size: 18px; font-weight: 900; margin: 4px 0 }
.dot { display: inline-block; width: 12px; height: 12px; border-radius: 50%; margin-right: 4px }
.section { display: flex; gap: 16px; justify-content: space-between; margin: 6px 0; white-space: pre-line }
.face { background: linear-gradient(160deg, #f5c9a9, #7fb3a4); border-radius: 8px; flex: none }
.section > .face { width: 88px; height: 88px }
.context { display: flex; flex-wrap: wrap; gap: 4px 10px; font-size: 13px; color: #616061; margin: 2px 0 8px; align-items: center }
.context .face { width: 20px; height: 20px; border-radius: 4px }
.actions { display: flex; gap: 8px; flex-wrap: wrap; margin: 10px 0 4px }
.button { border: 1px solid #bbb; border-radius: 8px; padding: 4px 12px; font-weight: 700; font-size: 14px; height: 22px; flex: none; white-space: nowrap }
.primary { background: #007a5a; color: #fff; border-color: #007a5a } .danger { color: #e01e5a; border-color: #e01e5a }
.rich { white-space: pre-wrap } code { color: #c01343; background: #f8f8f8; border: 1px solid #ddd; border-radius: 3px; padding: 1px 3px; font-size: 12px }
a { color: #1264a3; text-decoration: none }
"""


def drawn(blocks: Iterable[Block]) -> str:
    return "".join(_BLOCKS[block["type"]](block) for block in blocks)


def _text(found: Block) -> str:
    if found["type"] == "plain_text":
        return html.escape(found["text"])
    links = re.sub(r"<!date\^\d+\^[^|]*\|([^>]*)>", r"\1", found["text"])
    links = re.sub(r"<(https?:[^|>]*)\|([^>]*)>", r'<a href="\1">\2</a>', links)
    return re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", links)


def _element(found: Block) -> str:
    match found["type"]:
        case "image":
            return '<div class="face"></div>'
        case "button":
            return f'<div class="button {found.get("style", "")}">{_text(found["text"])}</div>'
        case _:
            return f"<span>{_text(found)}</span>"


def _rich(block: Block) -> str:
    words = [element for part in block["elements"] for element in part["elements"]]
    return f'<div class="rich">{"".join(map(_word, words))}</div>'


def _word(element: Block) -> str:
    said, style = html.escape(element.get("text", "")), element.get("style", {})
    said = f"<b>{said}</b>" if style.get("bold") else said
    return f"<code>{said}</code>" if style.get("code") else said


_BLOCKS: Mapping[str, Callable[[Block], str]] = {
    "header": lambda block: f'<div class="header">{_signed(_text(block["text"]))}</div>',
    "section": lambda block: (
        f'<div class="section"><div>{_text(block["text"])}</div>{_element(block["accessory"]) if "accessory" in block else ""}</div>'
    ),
    "context": lambda block: f'<div class="context">{"".join(map(_element, block["elements"]))}</div>',
    "actions": lambda block: f'<div class="actions">{"".join(map(_element, block["elements"]))}</div>',
    "rich_text": _rich,
}


def _signed(title: str) -> str:
    """A dot for the sign, since not every machine has a font of emoji."""
    return f'<i class="dot" style="background: {COLOURS.get(title[0], "#ccc")}"></i>{title[1:]}'


def shown(status: SessionStatus, note: str, actions: Sequence[CardAction] = (), **more: Any) -> list[Block]:
    made = Card("s1", "Alma", FACE, status, Mode.DIALOGUE, "Ann", note, actions=tuple(actions), **more)
    return list(card(made).blocks)


def scenes() -> dict[str, list[Block]]:
    live = (CardAction.WATCH, CardAction.INTERRUPT, CardAction.EXTEND, CardAction.STOP)
    renews = "Renews by itself while people talk; falls asleep after 10 quiet minutes."
    rows = tuple(
        Item(name, detail, FACE, "https://avatars.example/film.mp4", Command("start", {"avatar": name}))
        for name, detail in (("Alma", "official, female"), ("Noa", "official, male"), ("Kim", "your own, busy now"))
    )
    bases = (Item("FAQ", "2 documents", command=Command("knowledge delete", {"knowledge": "k1"})),)
    return {
        "live": shown(
            SessionStatus.LIVE, "Write in the thread to talk with it.", live, traits=("French",), waiting=2, ends=renews
        ),
        "asleep": shown(
            SessionStatus.SLEEPING, "Asleep, and costs nothing. Write in the thread to wake it.", (CardAction.STOP,)
        ),
        "ends": shown(
            SessionStatus.LIVE,
            "Write here to talk with it.",
            live,
            ends="Ends when the minutes for today are used up.",
            ends_at=NOON,
        ),
        "ended": shown(
            SessionStatus.ENDED,
            "Stopped by Ben.",
            (CardAction.TRANSCRIPT, CardAction.START_AGAIN),
            facts=("live for 12 min", "34 messages"),
        ),
        "avatars": _answered(
            Reply(
                "24 avatars, page 1 of 3. Start one with /avatar start NAME.",
                rows,
                next=Command("avatars", {"page": "2"}),
            )
        ),
        "knowledge": _answered(Reply("1 knowledge base.", bases)),
        "help": _answered(help_on()),
    }


def _answered(reply: Reply) -> list[Block]:
    return [block for content in answer(reply) for block in content.blocks]


async def main() -> None:
    messages = "".join(
        f'<section class="message"><h2>{name}</h2>{drawn(blocks)}</section>' for name, blocks in scenes().items()
    )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1320, "height": 400})
        await page.set_content(f"<style>{STYLE}</style>{messages}")
        await page.screenshot(path=PICTURE, full_page=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
