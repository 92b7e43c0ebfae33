"""The service as several processes on one database: started, killed, frozen, told to end."""

import asyncio
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.acceptance.processes import ROOT, free_port, surroundings
from tests.cluster import forks
from tests.patience import until

EVERYTHING: tuple[str, ...] = ()
"""Roles of a process that has all."""


@dataclass
class ServiceProcess:
    """One of them. Its name is that of its connections to the database."""

    name: str
    roles: tuple[str, ...]
    folder: Path
    pid: int
    port: int
    away: bool = False
    """Killed, frozen, or told to end: nobody sends anything there."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def serves(self) -> bool:
        """Whether people and platforms reach it."""
        return not self.away and (not self.roles or "web" in self.roles)

    @property
    def runs_sessions(self) -> bool:
        return not self.away and (not self.roles or "worker" in self.roles)

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    @property
    def faults(self) -> list[str]:
        """What it wrote of a fault of ours."""
        found = re.search(r"(?:Traceback|this is a fault of the program)", self.log)
        return [f"{self.name}: {self.log[max(0, found.start() - 800) :][:4_000]}"] if found else []

    def kill(self) -> None:
        self._leave()
        os.kill(self.pid, signal.SIGKILL)

    def freeze(self) -> None:
        self._leave()
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self.away = False

    async def end(self) -> None:
        """SIGTERM, as every supervisor sends it. Whether it ends in order within ten seconds is the machine's affair here."""
        self._leave()
        os.kill(self.pid, signal.SIGTERM)
        await until(lambda: not self.alive)

    def _leave(self) -> None:
        assert self.alive, f"{self.name} ended by itself: {self.log[-4_000:]}"
        self.away = True


@dataclass
class Cluster:
    """Processes that share settings. `topology` names them and says which roles each has."""

    folder: Path
    settings: Mapping[str, str]
    topology: Mapping[str, Sequence[str]]
    http: aiohttp.ClientSession
    forks: "subprocess.Popen[str]"
    processes: list[ServiceProcess] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def living(self) -> list[ServiceProcess]:
        return [process for process in self.processes if not process.away]

    def named(self, name: str) -> ServiceProcess:
        return next(process for process in self.processes if process.name == name)

    def one_of(self, kind: str) -> ServiceProcess:
        """The first that lives of a kind that the topology names."""
        return next(process for process in self.living if process.name.rpartition("-")[0] == kind)

    def start(self, kind: str) -> ServiceProcess:
        """One more of a kind that the topology names."""
        name = f"{kind}-{next(self._numbers)}"
        folder, port, roles = self.folder / name, free_port(), tuple(self.topology[kind])
        folder.mkdir()
        words = ["run", *(word for role in roles for word in ("--role", role))]
        pid = self._forked(words, self._environment(name, port, roles), folder)
        self.processes.append(ServiceProcess(name, roles, folder, pid, port))
        return self.processes[-1]

    async def start_all(self) -> None:
        for kind in self.topology:
            self.start(kind)
        await asyncio.gather(*map(self.ready, self.processes))

    async def replace(self, gone: ServiceProcess) -> ServiceProcess:
        """Another of its kind, ready."""
        process = self.start(gone.name.rpartition("-")[0])
        await self.ready(process)
        return process

    async def ready(self, process: ServiceProcess) -> None:
        """Until it is; fails with its log where it ends before."""
        await until(lambda: self._is_ready(process), within=300)

    async def reasons(self, process: ServiceProcess) -> Mapping[str, str] | None:
        """Why it is not ready; None where it does not answer."""
        try:
            async with self.http.get(f"{process.url}/readyz") as answer:
                return dict((await answer.json())["reasons"])
        except aiohttp.ClientError:
            return None

    async def _is_ready(self, process: ServiceProcess) -> bool:
        assert process.alive, process.log
        return await self.reasons(process) == {}

    def _environment(self, name: str, port: int, roles: Sequence[str]) -> Mapping[str, str]:
        own = {"PORT": str(port)}
        if not roles or "worker" in roles:
            own["AVATARBOT_INTERNAL"] = f"127.0.0.1:{free_port()}"
        shared = {key: text.replace("{process}", name) for key, text in self.settings.items()}
        return surroundings(shared | own)

    def _forked(self, words: Sequence[str], environment: Mapping[str, str], folder: Path) -> int:
        assert self.forks.stdin
        assert self.forks.stdout
        self.forks.stdin.write(json.dumps((words, environment, str(folder))) + "\n")
        self.forks.stdin.flush()
        return int(self.forks.stdout.readline())


@contextlib.contextmanager
def fork_server(path: Sequence[Path] = (), root: Path = ROOT) -> "Iterator[subprocess.Popen[str]]":
    """What starts processes of the service as it is in the checkout `root`. `path` is searched for adapters too."""
    python_path = os.pathsep.join(map(str, (root, *path)))
    with subprocess.Popen(
        [sys.executable, "-m", forks.__name__],
        cwd=root,
        env=surroundings({"PYTHONPATH": python_path}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield server
        finally:
            assert server.stdin
            server.stdin.close()
            server.wait()
