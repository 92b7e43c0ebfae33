"""Our programs as processes of their own, forked from one that has loaded them (`tests/fork_server.py`), which is started by whoever needs it first."""

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.patience import HANG_S

ROOT = Path(__file__).parents[1]
NUMBER = struct.Struct("i")
"""A process's id, and then its exit code; before a request, its size."""
LOADED_WITHIN_S = 300
"""The first answer comes once the program is loaded: five seconds of CPU, of which a busy machine has little to give."""

_kept = contextlib.ExitStack()
atexit.register(_kept.close)


class Forked:
    """One process, to be used as a `subprocess.Popen`."""

    def __init__(self, words: Sequence[str], answers: socket.socket) -> None:
        self._words = words
        self._answers = answers
        self.pid = self._answer(LOADED_WITHIN_S)
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; `-N` where signal N ended it. Raises `subprocess.TimeoutExpired`."""
        if self.returncode is None:
            self.returncode = self._answer(timeout)
            self._answers.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def send_signal(self, number: signal.Signals) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _answer(self, within: float | None) -> int:
        self._answers.settimeout(within)
        try:
            answer = self._answers.recv(NUMBER.size)
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired(self._words, within or 0) from None
        return int(NUMBER.unpack(answer)[0])


def start(
    module: str,
    *words: str,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: int | IO[Any] = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
) -> Forked:
    """`python -m module words`, begun. The last three are files or descriptors."""
    ours, theirs = socket.socketpair()
    with theirs, Path(os.devnull).open("r+b") as nothing:
        stdio = [_descriptor(each, nothing) for each in (stdin, stdout, stderr)]
        request = json.dumps((module, words, dict(env), str(cwd or Path.cwd()))).encode()
        socket.send_fds(_server(), [NUMBER.pack(len(request))], [*stdio, theirs.fileno()])
        _server().sendall(request)
    return Forked((module, *words), ours)


def run(
    module: str, *words: str, env: Mapping[str, str], cwd: Path | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """`python -m module words` to its end, with this on its standard input."""
    with (
        tempfile.TemporaryFile("w+") as stdin,
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
    ):
        stdin.write(given)
        stdin.seek(0)
        code = start(module, *words, env=env, cwd=cwd, stdin=stdin, stdout=out, stderr=err).wait(HANG_S)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


def _descriptor(given: int | IO[Any], nothing: IO[bytes]) -> int:
    if given == subprocess.DEVNULL:
        return nothing.fileno()
    return given if isinstance(given, int) else given.fileno()


@functools.cache
def _server() -> socket.socket:
    """It ends when this process does, however that ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        words = [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())]
        server = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
    _kept.callback(server.wait)
    _kept.callback(ours.close)
    return ours
