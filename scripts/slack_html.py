"""Slack's blocks as HTML, after how its Block Kit pages show them: a likeness, not a test."""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Block = Mapping[str, Any]

COLOURS = {"🟢": "#2eb67d", "🟡": "#ecb22e", "🌙": "#5b6cad", "⚪": "#c8c8c8"}
"""Of the signs, since not every machine has a font of emoji."""

STYLE = """
.slack { font: 15px/1.46 Lato, 'Helvetica Neue', Arial, sans-serif; color: #1d1c1d; background: #fff;
  .header { font-size: 18px; font-weight: 900; margin: 4px 0 }
  .dot { display: inline-block; width: 12px; height: 12px; border-radius: 50%; margin-right: 4px }
  .section { display: flex; gap: 16px; justify-content: space-between; margin: 6px 0; white-space: pre-line }
  .face { background: radial-gradient(circle at 50% 38%, #f5c9a9 26%, transparent 27%),
    radial-gradient(ellipse at 50% 100%, #e0b08c 45%, #7fb3a4 46%); border-radius: 8px; flex: none }
  .section > .face { width: 88px; height: 88px }
  .context { display: flex; flex-wrap: wrap; gap: 4px 10px; font-size: 13px; color: #616061; margin: 2px 0 8px; align-items: center }
  .context .face { width: 20px; height: 20px; border-radius: 4px }
  .actions { display: flex; gap: 8px; flex-wrap: wrap; margin: 10px 0 4px }
  .button { border: 1px solid #bbb; border-radius: 8px; padding: 4px 12px; font-weight: 700; font-size: 14px; height: 22px; flex: none; white-space: nowrap }
  .primary { background: #007a5a; color: #fff; border-color: #007a5a } .danger { color: #e01e5a; border-color: #e01e5a }
  .rich { white-space: pre-wrap; margin: 0 0 8px }
  code { color: #c01343; background: #f8f8f8; border: 1px solid #ddd; border-radius: 3px; padding: 1px 3px; font-size: 12px }
  a { color: #1264a3; text-decoration: none }
}
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
    "header": lambda block: f'<div class="header">{signed(_text(block["text"]))}</div>',
    "section": lambda block: (
        f'<div class="section"><div>{_text(block["text"])}</div>{_element(block["accessory"]) if "accessory" in block else ""}</div>'
    ),
    "context": lambda block: f'<div class="context">{"".join(map(_element, block["elements"]))}</div>',
    "actions": lambda block: f'<div class="actions">{"".join(map(_element, block["elements"]))}</div>',
    "rich_text": _rich,
}


def signed(title: str) -> str:
    return f'<i class="dot" style="background: {COLOURS.get(title[0], "#ccc")}"></i>{title[1:]}'
