"""What other processes of the same user can see of the service."""

import os
import resource
import signal
import sys
from pathlib import Path

import pytest

from bot.process import conceal

NOBODY = 65_534

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="needs two processes of another user"
)


def sleeping(*, concealed: bool) -> int:
    """A process of somebody who is not root, asleep."""
    reading, writing = os.pipe()
    if pid := os.fork():
        os.close(writing)
        os.read(reading, 1)
        os.close(reading)
        return pid
    os.setuid(NOBODY)
    _dumpable()  # which a change of the user has ended
    if concealed:
        conceal()
    os.write(writing, b"." if resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 or not concealed else b"")
    while True:
        signal.pause()


def _dumpable() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)


def can_read(pid: int) -> bool:
    """Whether another process of the same user reads the environment of that one."""
    if reader := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 0
    os.setuid(NOBODY)
    try:
        Path(f"/proc/{pid}/environ").read_bytes()
    except PermissionError:
        os._exit(1)
    os._exit(0)


@pytest.mark.parametrize("concealed", [False, True])
def test_nobody_of_the_same_user_reads_our_environment(concealed: bool) -> None:
    pid = sleeping(concealed=concealed)
    try:
        assert can_read(pid) is not concealed
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
