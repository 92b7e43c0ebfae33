"""What the papers show to be typed is typed, in the order of the page and in a folder of its own, and what they show to come does come."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.acceptance.processes import AVATARBOT, ROOT, Deployment, free_port, simulation, surroundings
from tests.blocks import BLOCKS, ELSEWHERE, Block, Shown, of
from tests.patience import HANG_S, blocked_until

PLACE = "playground/playground/lobby"
SHELL = f'set -euo pipefail; make() {{ command make --dry-run --directory={ROOT} "$@" > /dev/null; }}; '
"""What a target would do is for the tests of the Makefile's own parts: here it is there, and its steps are known."""

SHOWN_PORTS = ("8080", "4711")
RUN = [block for block in of("console") if block.mark not in ELSEWHERE]
PAGES = sorted({block.paper for block in RUN})


def to_type(paper: str) -> Iterator[tuple[Block, Shown]]:
    """The commands of a page that no page before it had: each is a process, and tried once."""
    before = {command for block in RUN if block.paper < paper for command in block.commands}
    for block in RUN:
        if block.paper == paper:
            yield from ((block, command) for command in block.commands if command not in before)


@dataclass
class Page:
    """Somebody who follows one page."""

    folder: Path
    ports: dict[str, str] = field(default_factory=lambda: {port: str(free_port()) for port in SHOWN_PORTS})
    settings: dict[str, str] = field(default_factory=dict)
    running: ExitStack = field(default_factory=ExitStack)

    @property
    def environment(self) -> dict[str, str]:
        path = {"PATH": f"{AVATARBOT.parent}:{os.environ['PATH']}", "NO_PROXY": "*"}
        ours = {"PORT": self.ports["8080"], "AVATARBOT_HOST": "127.0.0.1", "PYTHONPATH": str(ROOT)}
        return surroundings(path | ours | self.settings)

    def here(self, typed: str) -> str:
        """With the ports and the places that there are."""
        for shown, real in self.ports.items():
            typed = typed.replace(shown, real)
        return typed.replace("slack/T0123456/C0123456", PLACE).replace("#releases", "#lobby")

    def shown(self, output: str) -> str:
        for shown, real in self.ports.items():
            output = output.replace(real, shown)
        return output

    def types(self, command: Shown) -> None:
        """To its end, which has to be a good one."""
        done = subprocess.run(
            ["bash", "-c", SHELL + self.here(command.typed)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANG_S,
            check=False,
        )
        assert done.returncode == 0, f"{command.typed}\n{done.stdout}"
        assert command.matches(self.shown(done.stdout)), f"{command.typed}\n{done.stdout}"

    def begins(self, command: Shown) -> None:
        """Until what is shown has come; then it goes on to the end of the page."""
        log = self.folder / f"{abs(hash(command))}.log"
        self.running.enter_context(begun(self, command, log))
        blocked_until(lambda: command.matches(self.shown(log.read_text())))

    async def enter(self, service: "RunningService") -> None:
        """From now on, be where a service runs, with a token for it."""
        services = await service.deployment()
        self.folder, self.ports["8080"] = services.folder, str(services.port)
        self.settings |= services.settings


@dataclass
class RunningService:
    """One service for all pages that want one, begun for the first of them."""

    services: Deployment
    running: ExitStack

    async def deployment(self) -> Deployment:
        if not self.services.settings:
            self.running.enter_context(self.services.service())
            await self.services.answers()
            self.services.settings |= {"AVATARBOT_URL": self.services.url, "AVATARBOT_TOKEN": token(self.services)}
        return self.services


def token(services: Deployment) -> str:
    made = services.avatarbot("tokens", "create", "reader", "--places", PLACE, "--verbs", "say,start,events")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@contextmanager
def begun(page: Page, command: Shown, log: Path) -> Iterator[None]:
    """A program that goes on; told to stop at the end, it does so in order."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec env {page.here(command.typed)}"],
            cwd=page.folder,
            env=page.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(HANG_S)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    with ExitStack() as running:
        yield Page(tmp_path, running=running)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with simulation(pace=300, thinking=0.02, join_delay=0.1) as simulated:
        yield simulated.url


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, simulator: str) -> Iterator[RunningService]:
    with ExitStack() as running:
        yield RunningService(Deployment(tmp_path_factory.mktemp("service"), simulator), running)


@pytest.mark.parametrize("paper", PAGES)
async def test_what_is_shown_to_be_typed_does_what_is_shown(page: Page, service: RunningService, paper: str) -> None:
    for block, command in to_type(paper):
        if block.mark == "service" and not page.settings:
            await page.enter(service)
        (page.begins if block.mark == "serves" else page.types)(command)


async def test_the_webhook_that_is_shown_answers_people(tmp_path: Path, simulator: str) -> None:
    (block,) = [block for block in BLOCKS if block.paper == "docs/own-model.md" and block.language == "python"]
    port = free_port()
    services = Deployment(tmp_path, simulator, settings={"AVATARBOT_LLM_URL": f"http://127.0.0.1:{port}/"})
    with listening(block, port), services.service():
        await services.answers()
        services.settings |= {"AVATARBOT_URL": services.url, "AVATARBOT_TOKEN": token(services)}
        said = services.avatarbot("say", PLACE, "What is new?", "--mode", "dialogue", "--wait", "60")
    assert said.stdout.strip() == "You asked: What is new?", said


@contextmanager
def listening(block: Block, port: int) -> Iterator[None]:
    """A program of a page that waits for requests, at a port that is free."""
    (shown,) = set(re.findall(r"\b9\d{3}\b", block.text))
    with subprocess.Popen([sys.executable, "-c", block.text.replace(shown, str(port))]) as process:
        try:
            blocked_until(lambda: _answers(port))
            yield
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        return httpx.post(f"http://127.0.0.1:{port}/", json={"question": "?"}, trust_env=False).is_success
    except httpx.TransportError:
        return False
