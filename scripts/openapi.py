"""Writes docs/openapi.json anew: `python -m scripts.openapi`."""

import json
from pathlib import Path

from bot.web.api.openapi import document

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


def written() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written())
