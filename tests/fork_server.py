"""A program that has loaded ours and forks a process for each that is asked for: a start takes 0.1 s of CPU, not 1 to 3.

A request is its size and then JSON, the module, its words, the environment and the folder, with four descriptors: standard input, output and
error, and where to write the process's id and, once it has ended, its exit code. All of them end with this program.
"""

import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import alembic.command
import psycopg.types.json
import sqlalchemy.dialects.postgresql.psycopg

import adapters.akool.plugin
import adapters.discord.platform
import adapters.playground.platform
import adapters.simulator.http.app
import adapters.slack.platform
import bot.app.doctor
import bot.app.run
import bot.app.say
import bot.cli
import bot.storage.migrate
import bot.storage.postgresql
from tests.forked import NUMBER

LOADED = (adapters.akool.plugin, adapters.discord.platform, adapters.playground.platform, adapters.simulator.http.app,
          adapters.slack.platform, alembic.command, bot.app.doctor, bot.app.run, bot.app.say, bot.storage.migrate,
          bot.storage.postgresql, psycopg.types.json, sqlalchemy.dialects.postgresql.psycopg)  # fmt: skip


class ForkServer:
    """One program asks through `control`."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ended, self._ends = socket.socketpair()
        self._ends.setblocking(False)
        self._running: dict[int, socket.socket] = {}

    def run(self) -> None:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ends.fileno(), warn_on_full_buffer=False)
        while True:
            ready, *_ = select.select([self._control, self._ended], [], [])
            if self._ended in ready:
                self._ended.recv(select.PIPE_BUF)
                self._tell_ends()
            if self._control in ready:
                size, descriptors, *_ = socket.recv_fds(self._control, NUMBER.size, 4)
                if not size:
                    return
                request = self._control.recv(int(NUMBER.unpack(size)[0]), socket.MSG_WAITALL)
                self._start(json.loads(request), descriptors)

    def kill(self) -> None:
        """Whatever still runs."""
        for process in self._running:
            os.kill(process, signal.SIGKILL)

    def _start(self, request: Sequence[Any], descriptors: Sequence[int]) -> None:
        process = os.fork()
        if not process:
            self._become(request, descriptors)
        *stdio, answers = descriptors
        for descriptor in stdio:
            os.close(descriptor)
        self._running[process] = socket.socket(fileno=answers)
        self._running[process].send(NUMBER.pack(process))

    def _tell_ends(self) -> None:
        for process in list(self._running):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                with self._running.pop(process) as answers, contextlib.suppress(BrokenPipeError):  # nobody waits for it
                    answers.send(NUMBER.pack(os.waitstatus_to_exitcode(status)))

    def _become(self, request: Sequence[Any], descriptors: Sequence[int]) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (self._control, self._ended, self._ends, *self._running.values()):
            each.close()
        for descriptor, standard in zip(descriptors, (0, 1, 2), strict=False):
            os.dup2(descriptor, standard)
        for descriptor in descriptors:
            os.close(descriptor)
        code = bot.cli.BROKEN
        try:
            code = run(*request)
            sys.stdout.flush()
        finally:
            os._exit(code)


def run(module: str, words: Sequence[str], environment: dict[str, str], folder: str) -> int:
    """As `python -m module words` does; its exit code."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    gc.freeze()
    server = ForkServer(socket.socket(fileno=int(sys.argv[1])))
    try:
        server.run()
    finally:
        server.kill()
