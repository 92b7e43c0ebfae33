"""Discord's messages as HTML, after how its client shows embeds and Components V2: a likeness, not a test."""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scripts.slack_html import signed

Json = Mapping[str, Any]

STYLE = """
.discord { font: 15px/1.4 'gg sans', 'Noto Sans', 'Helvetica Neue', Arial, sans-serif; color: #dbdee1; background: #313338;
  .text { white-space: pre-line } small { font-size: 12.5px; color: #a3a6aa } b { color: #f2f3f5 }
  .dot { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: 4px }
  .face { background: radial-gradient(circle at 50% 38%, #f5c9a9 26%, transparent 27%),
    radial-gradient(ellipse at 50% 100%, #e0b08c 45%, #7fb3a4 46%); border-radius: 6px; flex: none; width: 76px; height: 76px }
  .embed { display: flex; gap: 16px; justify-content: space-between; background: #2b2d31; border-left: 4px solid; border-radius: 4px;
    padding: 10px 14px; max-width: 520px }
  .author { font-size: 13px; font-weight: 600; color: #f2f3f5 } .title { font-weight: 700; color: #f2f3f5; margin: 4px 0 }
  .fields { display: grid; grid-template-columns: repeat(3, auto); gap: 6px 18px; margin-top: 8px; font-size: 13px }
  .footer { font-size: 12px; color: #a3a6aa; margin-top: 8px }
  .section { display: flex; gap: 16px; justify-content: space-between; align-items: flex-start; margin: 8px 0 2px }
  .row { display: flex; gap: 8px; flex-wrap: wrap; margin: 8px 0 4px }
  .button { border-radius: 8px; padding: 5px 14px; font-size: 14px; font-weight: 500; flex: none; color: #fff; background: #4e5058 }
  .primary { background: #5865f2 } .danger { background: #da373c }
  .mention { color: #c9cdfb; background: #3c4270; border-radius: 3px; padding: 0 2px; font-weight: 500 }
  time { background: #3f4147; border-radius: 3px; padding: 0 2px } a { color: #00a8fc; text-decoration: none }
}
"""

_BUTTON_STYLES = {1: "primary", 4: "danger"}
_MARKUP: tuple[tuple[str, str], ...] = (
    (r"\*\*(.+?)\*\*", r"<b>\1</b>"),
    (r"^-# (.*)$", r"<small>\1</small>"),
    (r"\[([^\]]+)\]\((?:&lt;)?(https?:[^)]*?)(?:&gt;)?\)", r'<a href="\2">\1</a>'),
    (r"&lt;/([^:]+):\d+&gt;", r'<span class="mention">/\1</span>'),
    (r"&lt;t:\d+:R&gt;", "<time>in 10 minutes</time>"),
    (r"&lt;t:\d+:t&gt;", "<time>14:20</time>"),
)


def drawn(bodies: Iterable[Json]) -> str:
    return "".join(map(_message, bodies))


def _message(body: Json) -> str:
    said = f'<div class="text">{_marked(body["content"])}</div>' if body.get("content") else ""
    embeds = "".join(map(_embed, body.get("embeds", ())))
    return said + embeds + "".join(map(_component, body.get("components", ())))


def _marked(text: str) -> str:
    """Escaped signs stand as they are: they are set aside while the markup is read."""
    kept: list[str] = []

    def aside(found: re.Match[str]) -> str:
        kept.append(html.escape(found[1]))
        return f"\0{len(kept) - 1}\0"

    shown = html.escape(re.sub(r"\\(.)", aside, text), quote=False)
    for pattern, put in _MARKUP:
        shown = re.sub(pattern, put, shown, flags=re.MULTILINE)
    shown = re.sub("\0(\\d+)\0", lambda found: kept[int(found[1])], shown)
    return re.sub("^[🟢🟡🌙⚪].*?(?= · |$)", lambda found: signed(found[0]), shown)


def _embed(embed: Json) -> str:
    fields = "".join(
        f"<div><b>{field['name']}</b><br>{_marked(field['value'])}</div>" for field in embed.get("fields", ())
    )
    return (
        f'<div class="embed" style="border-color: #{embed["color"]:06x}"><div>'
        f'<div class="author">{_marked(embed["author"]["name"])}</div><div class="title">{_marked(embed["title"])}</div>'
        f'<div class="text">{_marked(embed["description"])}</div><div class="fields">{fields}</div>'
        f'<div class="footer">{html.escape(embed["footer"]["text"])}</div></div>'
        f"{_face() if 'thumbnail' in embed else ''}</div>"
    )


def _face() -> str:
    return '<div class="face"></div>'


def _button(part: Json) -> str:
    return f'<div class="button {_BUTTON_STYLES.get(part["style"], "")}">{html.escape(part["label"])}</div>'


def _children(part: Json) -> str:
    return "".join(map(_component, part["components"]))


def _component(part: Json) -> str:
    return _COMPONENTS[part["type"]](part)


_COMPONENTS: Mapping[int, Callable[[Json], str]] = {
    1: lambda part: f'<div class="row">{_children(part)}</div>',
    2: _button,
    9: lambda part: f'<div class="section"><div>{_children(part)}</div>{_component(part["accessory"])}</div>',
    10: lambda part: f'<div class="text">{_marked(part["content"])}</div>',
    11: lambda _: _face(),
}
