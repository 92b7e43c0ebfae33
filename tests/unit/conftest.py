"""Unit tests are pure: no process, no socket, no file that is written. What needs one is an integration test."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from adapters.discord import voice_support

REFUSED = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.posix_spawn",
        "os.system",
        "socket.bind",
        "socket.connect",
        "socket.sendto",
        "sqlite3.connect",
        "subprocess.Popen",
    }
)
WATCHED = REFUSED | {"open", "os.mkdir"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
HERE = Path(__file__).parent
CACHES = ("__pycache__", ".hypothesis", os.devnull)
"""What Python and hypothesis remember between two runs."""

_running = False


class Impure(AssertionError):
    """A unit test reached for the world."""


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if (
        event in WATCHED
        and _running
        and (event in REFUSED or _writes(event, *arguments[:3]))
        and not _keeps_a_failure()
    ):
        raise Impure(f"{event}{arguments}: a test that needs this belongs to tests/integration")


def _writes(event: str, path: object = "", _mode: object = None, flags: object = 0) -> bool:
    if isinstance(path, int):
        return False  # a descriptor: it was looked at when it was opened by its path
    makes = event == "os.mkdir" or (event == "open" and isinstance(flags, int) and flags & WRITING)
    return bool(makes) and not any(cache in str(path) for cache in CACHES)


def _keeps_a_failure() -> bool:
    """Whether hypothesis writes down an example that failed, which it does by way of a temporary file."""
    frame: FrameType | None = sys._getframe()
    while frame and not frame.f_code.co_filename.endswith("hypothesis/database.py"):
        frame = frame.f_back
    return frame is not None


sys.addaudithook(_watch)
voice_support.missing()  # looks once for all tests of this run, by a process of its own


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Called for every test of a run, whatever folder it is in."""
    global _running  # noqa: PLW0603 - an audit hook is there for as long as the process
    _running = item.path.is_relative_to(HERE)
    try:
        return (yield)
    finally:
        _running = False
