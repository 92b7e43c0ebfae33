"""accept() by one process and by several at once: each a process of its own, `python -m benchmarks.cluster_accept URL KEY SIDE`."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString

import psutil
import psycopg
from cryptography.fernet import Fernet
from sqlalchemy.engine import URL

from benchmarks.accept import AT_ONCE, a_side
from bot.app.wiring import keep_loaded
from bot.clock import SystemClock
from bot.storage.encryption import Cipher
from bot.storage.migrate import upgrade
from bot.storage.sql import sql_storage

ROUNDS, BARE_COMMITS = 8, 60


@dataclass(frozen=True)
class AcceptFigures:
    """`cpu_ms` of a message: of our processes, and of the server's."""

    per_second: float
    cpu_ms: tuple[float, float]


def accepts(url: URL, processes: int, server: int) -> AcceptFigures:
    """By so many processes on one database; `server` is the process that began PostgreSQL's, 0 where there is none."""
    upgrade(url)
    key = Fernet.generate_key().decode()
    before = _cpu_below(server)
    children = [_child(url, key, f"{number}W") for number in range(processes)]
    told = [json.loads(child.communicate()[0]) for child in children]
    messages = sum(each["messages"] for each in told)
    cpu = (sum(each["cpu"] for each in told), _cpu_below(server) - before)
    return AcceptFigures(sum(each["rate"] for each in told), (1000 * cpu[0] / messages, 1000 * cpu[1] / messages))


def _child(url: URL, key: str, side: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", __spec__.name, url.render_as_string(hide_password=False), key, side]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def _cpu_below(process: int) -> float:
    """Seconds, of those that have ended too."""
    if not process:
        return 0.0
    every = psutil.Process(process).children(recursive=True)
    return sum(sum(each.cpu_times()[:4]) for each in every)


_SCHEMA = b"""
    CREATE TABLE rows (event TEXT UNIQUE, session INTEGER, body TEXT);
    CREATE TABLE talks (id INTEGER PRIMARY KEY, channel TEXT UNIQUE, active_at TEXT);
    INSERT INTO talks SELECT n, 'C' || n, '' FROM generate_series(0, 63) AS n
"""
_NEEDED: Sequence[LiteralString] = (
    "SELECT 1 FROM rows WHERE event = %(event)s",
    "SELECT * FROM talks WHERE channel = %(channel)s FOR UPDATE",
    "SELECT count(*) FROM rows WHERE event = %(event)s AND session = %(session)s",
    "INSERT INTO rows VALUES (%(event)s, %(session)s, repeat('x', 400))",
    "UPDATE talks SET active_at = %(event)s WHERE id = %(session)s",
)


def bare_accepts(url: URL) -> float:
    """Messages a second of bare psycopg, which waits for no answer within a commit: what each needs, `AT_ONCE` in a commit."""
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(_SCHEMA)
        began = time.perf_counter()
        for group in range(BARE_COMMITS):
            with connection.pipeline(), connection.transaction():
                for session in range(AT_ONCE):
                    given = {"event": f"{group} {session}", "channel": f"C{session}", "session": session}
                    for statement in _NEEDED:
                        connection.execute(statement, given)
        return BARE_COMMITS * AT_ONCE / (time.perf_counter() - began)


async def child(url: str, key: str, side: str) -> dict[str, float]:
    rates: list[float] = []
    messages = 0
    async with a_side(sql_storage(url, Cipher((key,)), SystemClock()), side) as one_round:
        await one_round()  # warms what statements are kept in
        keep_loaded()
        began = time.process_time()
        for _ in range(ROUNDS):
            took, rate = await one_round()
            rates.append(rate)
            messages += len(took)
        return {"rate": statistics.median(rates), "messages": messages, "cpu": time.process_time() - began}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(child(*sys.argv[1:4]))))
