"""Our programs as processes of their own, in a folder of their own. `AVATARBOT` is the command itself, as people start it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import SystemRandom

import httpx
import msgspec

from adapters.simulator.control import Report
from adapters.simulator.faults import Fault
from tests import forked
from tests.forked import ROOT, Forked
from tests.patience import HANG_S, until

AVATARBOT = Path(sys.executable).with_name("avatarbot")
OURS = ("AVATARBOT_", "AKOOL_", "SLACK_", "DISCORD_", "AGORA_", "DATABASE_URL", "PORT", "PUBLIC_URL", "LOG_LEVEL")
SECRET = "a-secret-for-these-tests"
PORTS = range(20_000, 32_000)

__all__ = [
    "AVATARBOT",
    "OURS",
    "ROOT",
    "SECRET",
    "Deployment",
    "Forked",
    "Simulation",
    "free_port",
    "simulation",
    "surroundings",
    "told_to_stop",
]


def surroundings(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without anything that is meant for an Avatarbot of the developer's."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(OURS)}, **settings}


def free_port() -> int:
    """Below those that the system gives to whoever connects: none of those takes it before it is listened on."""
    while True:
        port = SystemRandom().choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@dataclass(frozen=True)
class Simulation:
    """A simulator in another process."""

    url: str

    def state(self) -> Report:
        answer = httpx.get(f"{self.url}/_simulator/state", trust_env=False, timeout=HANG_S)
        return msgspec.json.decode(answer.content, type=Report)

    @property
    def open(self) -> list[str]:
        """What runs, and costs money, at AKOOL."""
        return [session.id for session in self.state().sessions if session.open]

    def fail(self, endpoint: str, *faults: Fault) -> None:
        """The next calls of AKOOL's paths that end so go wrong, one fault each."""
        wanted = msgspec.json.encode({"endpoint": endpoint, "faults": faults})
        httpx.post(f"{self.url}/_simulator/faults", content=wanted, trust_env=False, timeout=HANG_S).raise_for_status()

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        httpx.post(f"{self.url}/_simulator/heal", trust_env=False, timeout=HANG_S).raise_for_status()


@contextmanager
def simulation(**options: object) -> Iterator[Simulation]:
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    reading, writing = os.pipe()
    with os.fdopen(reading) as said:
        with os.fdopen(writing, "w") as output:
            process = forked.start("adapters.simulator", *words, env=surroundings({}), stdout=output)
        try:
            yield Simulation(said.readline().strip())
        finally:
            process.kill()
            process.wait()


@dataclass
class Deployment:
    """Where one Avatarbot lives: its folder, its port, its settings. Its process may come and go."""

    folder: Path
    simulator: str
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> Path:
        return self.folder / "avatarbot.db"

    @property
    def history(self) -> Path:
        return self.folder / "channel.jsonl"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def environment(self) -> dict[str, str]:
        return surroundings(
            {
                "AVATARBOT_SIMULATOR_URL": self.simulator,
                "AVATARBOT_HOST": "127.0.0.1",
                "AVATARBOT_PLAYGROUND_SECRET": SECRET,
                "AVATARBOT_PLAYGROUND_HISTORY": str(self.history),
                "DATABASE_URL": f"sqlite:///{self.database}",
                "PORT": str(self.port),
            }
            | self.settings
        )

    def avatarbot(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        return forked.run("bot.cli", *words, env=self.environment | settings, cwd=self.folder)

    @contextmanager
    def service(self, *words: str) -> Iterator[Forked]:
        """The service, begun; killed at the end if it still runs. Its log goes to a file, so that no pipe is ever full."""
        with (self.folder / "log").open("ab") as log:
            process = forked.start(
                "bot.cli", "run", "--playground", *words, env=self.environment, cwd=self.folder, stderr=log
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def answers(self) -> None:
        """Until the service does. Fails with its log when that takes longer than any start, on a busy machine too."""
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                await until(lambda: _ready(client, f"{self.url}/readyz"), within=300)
        except TimeoutError:
            raise AssertionError(self.log) from None


async def _ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False


def told_to_stop(service: Forked) -> int:
    """SIGTERM, as every supervisor sends it; the exit code, which is not 0 where it took longer than it may."""
    service.send_signal(signal.SIGTERM)
    return service.wait(HANG_S)
