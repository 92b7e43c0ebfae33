"""When the demo opens a browser by itself."""

import pytest

from bot.app.demo import has_browser

SCREEN = {"DISPLAY": ":0"}


@pytest.mark.parametrize(
    ("environ", "platform", "terminal", "opens"),
    [
        (SCREEN, "linux", True, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True, True),
        ({}, "darwin", True, True),
        ({}, "win32", True, True),
        ({}, "linux", True, False),
        (SCREEN, "linux", False, False),
        ({}, "darwin", False, False),
        ({**SCREEN, "CI": "true"}, "linux", True, False),
        ({**SCREEN, "SSH_CONNECTION": "10.0.0.1 4711 10.0.0.2 22"}, "linux", True, False),
    ],
)
def test_only_where_somebody_sits_before_a_screen(
    environ: dict[str, str], platform: str, terminal: bool, opens: bool
) -> None:
    assert has_browser(environ, platform, terminal=terminal) is opens
