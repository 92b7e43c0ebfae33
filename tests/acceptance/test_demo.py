"""`avatarbot demo --say`, as somebody runs it who has just cloned the project: on a terminal and into a pipe."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.acceptance.processes import AVATARBOT, surroundings
from tests.patience import HANG_S

WIDTH = 60
PLAIN = """
  Avatarbot demo: AKOOL and the video room are simulated, everything else is real.

            This avatar is an AI. Its picture and voice are artificially generated.
            Alma is live.

       You  What is 6 * 7?
      Alma  6 * 7 is 42. I counted on my fingers.

       You  What is 2 + 2?
      Alma  2 + 2 is 4. I counted on my fingers.

            Stopped, and closed at AKOOL.
"""


def demo(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [AVATARBOT, "demo", *words],
        env=surroundings({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_into_a_pipe_only_whole_lines_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with demo("--say", "What is 6 * 7?", "--say", "What is 2 + 2?") as process:
        assert process.communicate(timeout=HANG_S) == (PLAIN, "")
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_said_is_one_sentence() -> None:
    with demo("--say", "word " * 400) as process:
        _, complaint = process.communicate(timeout=HANG_S)
    assert process.returncode == 1
    assert "1500" in complaint.replace(",", "")
    assert complaint.count("\n") == 1


def test_a_reader_that_leaves_early_gets_no_traceback() -> None:
    with demo("--say", "What is 6 * 7?") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""


def test_on_a_terminal_the_line_grows_in_place_and_wraps() -> None:
    code, written = on_a_terminal("--say", "Tell me a joke, please, and let it be quite a long one if you can")
    assert code == 0
    media = shown(written)
    assert written.count("Alma\x1b[0m  ") > 1, "it grew"
    assert sum("Alma  " in line for line in media) == 1, "and stands there once"
    assert max(map(len, media)) < WIDTH
    you = next(number for number, line in enumerate(media) if line.startswith("       You  Tell me"))
    assert media[you + 1].startswith(" " * 12)
    assert media[-1] == "            Stopped, and closed at AKOOL."


def test_the_browser_opens_with_a_single_use_key(tmp_path: Path) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o700)
    media = {"DISPLAY": ":0", "BROWSER": f"{browser} %s", "CI": "", "SSH_CONNECTION": ""}
    with in_a_terminal(media) as terminal:
        terminal.until(opened.exists)
        address = opened.read_text().strip()
        printed = re.search(r"http\S+", terminal.written)
        assert printed
        assert address.partition("#")[0] == printed[0].partition("#")[0]
        assert address != printed[0], "the printed key is good for ever: it does not stand in a list of processes"
        assert [enters(address), enters(address), enters(printed[0])] == [204, 403, 204]


@pytest.mark.parametrize("words", [("--no-open",), ()])
def test_no_browser_opens_where_nobody_wants_or_sees_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    opened = tmp_path / "opened"
    media = {"DISPLAY": ":0" if words else "", "WAYLAND_DISPLAY": "", "BROWSER": f"touch {opened} %s", "CI": ""}
    with in_a_terminal(media, *words) as terminal:
        terminal.until(lambda: "Ctrl-C ends it." in terminal.written)
        assert terminal.written.index("Avatarbot demo") < terminal.written.index("Open http")
    assert not opened.exists()


def enters(address: str) -> int:
    """What a page is answered that was opened at this address by somebody new."""
    base, _, key = address.partition("#key=")
    site = base.removesuffix("/playground")
    answer = httpx.post(f"{base}/enter", json={"key": key}, headers={"origin": site}, trust_env=False, timeout=HANG_S)
    return answer.status_code


class Terminal:
    """What has been written to it so far."""

    def __init__(self, ours: int) -> None:
        self._ours = ours
        self.written = ""

    def until(self, met: Callable[[], bool]) -> None:
        deadline = time.monotonic() + HANG_S
        while not met():
            assert time.monotonic() < deadline, self.written
            if select.select([self._ours], [], [], 0.05)[0]:
                self.written += _read(self._ours).decode()


@contextmanager
def in_a_terminal(settings: dict[str, str], *words: str) -> Iterator[Terminal]:
    """The demo in the browser, ended with Ctrl-C."""
    ours, theirs = pty.openpty()
    environment = surroundings(settings)
    with subprocess.Popen(
        [AVATARBOT, "demo", *words], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        try:
            terminal = Terminal(ours)
            yield terminal
            process.send_signal(signal.SIGINT)
            terminal.until(lambda: process.poll() is not None)
            assert process.returncode == 0, terminal.written
        finally:
            process.kill()
            os.close(ours)


def on_a_terminal(*words: str) -> tuple[int, str]:
    """The exit code and everything written to a terminal of `WIDTH` columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    environment = surroundings({"TERM": "xterm"})
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environment.pop(name, None)
    with subprocess.Popen(
        [AVATARBOT, "demo", *words], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    return process.returncode, written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal says that nobody writes to it any more
        return b""


def shown(written: str) -> list[str]:
    """What stands on the screen after that."""
    lines = [""]
    for piece in re.split(r"(\r\n|\r|\x1b\[\d*[AJm])", written):
        if piece == "\r\n":
            lines.append("")
        elif match := re.fullmatch(r"\x1b\[(\d*)A", piece):
            del lines[len(lines) - int(match[1] or 1) :]
        elif piece == "\x1b[J":
            lines[-1] = ""
        elif not piece.startswith(("\r", "\x1b")):
            lines[-1] += piece
    return [line for line in lines if line]
