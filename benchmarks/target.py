"""A real `avatarbot run` that is attacked, somebody else who only wants an answer meanwhile, and what came of both."""

import contextlib
import http.client
import os
import resource
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.acceptance.processes import free_port, surroundings
from tests.integration.slack.fake import FakeSlack, payloads
from tests.integration.slack.fake.workspace import BOT_TOKEN, Hook

SECRET = "a-secret-for-this-benchmark"
CHANNEL = "C0GENERAL"
FILES = 1024
PATIENCE_S = 20.0
"""After which somebody else gives up; the table then says that they waited for longer."""
START_S = 120.0
EVERY_S = 0.05


@dataclass
class Sampler(threading.Thread):
    """Asks `/healthz` over a new connection twenty times a second, from a thread of its own; keeps the worst wait."""

    port: int
    pid: int
    worst_s: float = 0.0
    peak_kb: int = 0
    failed: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self.over.wait(EVERY_S):
            began = time.monotonic()
            self.failed += not self._answered()
            self.worst_s = max(self.worst_s, time.monotonic() - began)
            self.peak_kb = max(self.peak_kb, memory_kb(self.pid))

    def _answered(self) -> bool:
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            asking.request("GET", "/healthz")
            return asking.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            asking.close()


def memory_kb(pid: int) -> int:
    """What is resident; 0 once the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


@dataclass
class Target:
    """One Avatarbot, its simulator and its Slack."""

    folder: Path
    port: int
    pid: int
    simulator: str
    slack: FakeSlack
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    @property
    def rows(self) -> int:
        """Of all tables together."""
        with contextlib.closing(sqlite3.connect(f"file:{self.folder}/avatarbot.db?mode=ro", uri=True)) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return sum(database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)

    @property
    def sessions(self) -> list[dict[str, Any]]:
        """What AKOOL has been paid for."""
        found: list[dict[str, Any]] = httpx.get(f"{self.simulator}/_simulator/state", trust_env=False).json()[
            "sessions"
        ]
        return found

    async def deliver(self, http_: httpx.AsyncClient, kind: str, payload: dict[str, object]) -> str:
        """One signed delivery of Slack's; its status or the kind of its failure."""
        body, content_type = payloads.over_http(kind, payload)
        headers = payloads.signed(body) | {"Content-Type": content_type}
        try:
            answer = str((await http_.post(f"{self.url}/slack/events", content=body, headers=headers)).status_code)
        except httpx.HTTPError as error:
            answer = type(error).__name__
        self.statuses[answer] += 1
        return answer

    async def command(self, http_: httpx.AsyncClient, user: str, text: str) -> str:
        hooks = self.slack.workspace.hooks
        number = str(len(hooks))
        hooks[number] = Hook(CHANNEL, user)
        return await self.deliver(
            http_, payloads.COMMAND, payloads.command(user, text, CHANNEL, f"{self.slack.url}/hooks/{number}")
        )

    async def message(self, http_: httpx.AsyncClient, user: str, text: str) -> str:
        inner = payloads.message(user, text, CHANNEL, self.slack.workspace.next_ts())
        return await self.deliver(http_, payloads.EVENT, payloads.event(inner))


@contextlib.contextmanager
def target(tree: Path, folder: Path, slack: FakeSlack, settings: Mapping[str, str]) -> Iterator[Target]:
    """The tree's own program with its own environment, once it answers; killed at the end."""
    port = free_port()
    with _simulator(tree) as simulator:
        given = {
            "AVATARBOT_SIMULATOR_URL": simulator.replace("127.0.0.1", "localhost"),
            "AVATARBOT_HOST": "127.0.0.1",
            "AVATARBOT_PLAYGROUND_SECRET": SECRET,
            "DATABASE_URL": f"sqlite:///{folder}/avatarbot.db",
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "SLACK_API_URL": slack.api_url,
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": payloads.SIGNING_SECRET,
        }
        environment = surroundings({name: value for name, value in {**given, **settings}.items() if value})
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [tree / ".venv/bin/avatarbot", "run", "--playground"],
                cwd=folder,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        try:
            yield Target(folder, port, process.pid, simulator, slack)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _simulator(tree: Path) -> Iterator[str]:
    command = [str(tree / ".venv/bin/python"), "-m", "adapters.simulator", "--join-delay=0.1", "--thinking=0.1"]
    with subprocess.Popen(command, cwd=tree, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()
