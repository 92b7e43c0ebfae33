"""The core names no vendor: neither a provider nor a chat platform is more at home in it than another."""

import re
from pathlib import Path

BOT = Path(__file__).parents[2] / "bot"
VENDORS = re.compile(r"akool|agora|slack|discord", re.IGNORECASE)
KNOWN_NAME = "AVATARBOT_AKOOL_KEY_IS_OURS"
"""A setting that people have in their `.env`."""

EXAMPLE = re.compile(r"^\s+avatarbot \w+ ")
"""A line of help, with what is typed."""

PLACE = re.compile(r"(?:slack|discord)/[\w*]+/[\w*]+")
"""A place as an example: its name begins with that of its platform."""


def test_the_core_names_no_vendor() -> None:
    sources = [path for ending in ("py", "js", "html") for path in BOT.rglob(f"*.{ending}")]
    assert len(sources) > 100
    named = [
        f"{path.relative_to(BOT)}: {line.strip()}"
        for path in sources
        for line in path.read_text().splitlines()
        if VENDORS.search(
            PLACE.sub("", line).replace(KNOWN_NAME, "").replace(KNOWN_NAME.removeprefix("AVATARBOT_").lower(), "")
        )
        and not EXAMPLE.match(line)
    ]
    assert named == []
