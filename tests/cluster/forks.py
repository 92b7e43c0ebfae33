"""A program that has loaded the service and forks a process of it for each line it reads: a start costs 0.2 s, not 4.

A line is JSON: the words of the command line, the environment, the folder. The answer is the process's id. Its standard error goes to `log`
in the folder. All of them end with this program. It stands beside `tests/fork_server.py` as
`tests/cluster/releases.py` starts each release by the one in its own checkout: lines and answers stay as previous releases know them.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import alembic.command
import psycopg.types.json
import sqlalchemy.dialects.postgresql.psycopg

import adapters.discord.platform
import adapters.slack.platform
import bot.app.run
import bot.cli
import bot.storage.postgresql
from bot.app.plugins import plugins

LOADED = (alembic.command, psycopg.types.json, sqlalchemy.dialects.postgresql.psycopg, bot.app.run, bot.storage.postgresql,
          adapters.discord.platform, adapters.slack.platform)  # fmt: skip


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    plugins()
    children: list[int] = []
    for line in sys.stdin:
        words, environment, folder = json.loads(line)
        child = os.fork()
        if not child:
            run(words, environment, Path(folder))
        children.append(child)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    for child in children:
        kill(child)


def run(words: list[str], environment: dict[str, str], folder: Path) -> NoReturn:
    """The command, in this process and to its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = bot.cli.BROKEN
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _redirect("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, sys.stdout.fileno(), sys.stderr.fileno())
        _redirect(os.devnull, os.O_RDONLY, sys.stdin.fileno())
        sys.argv = ["avatarbot", *words]
        code = bot.cli.main()
    finally:
        os._exit(code)


def _redirect(file: str, flags: int, *descriptors: int) -> None:
    opened = os.open(file, flags, 0o600)
    for descriptor in descriptors:
        os.dup2(opened, descriptor)


def kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main()
