"""The app's icon is one that Slack takes: a square PNG of 512 to 2,000 pixels."""

import struct
from pathlib import Path

ICON = Path(__file__).parents[3] / "docs" / "icon.png"


def test_the_icon_is_one_that_slack_takes() -> None:
    head = ICON.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    assert width == height
    assert 512 <= width <= 2_000
