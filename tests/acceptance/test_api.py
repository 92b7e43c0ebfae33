"""The HTTP API on the real service: `avatarbot say`, a token's life, and one utterance for one key whatever befalls the process."""

import asyncio
import contextlib
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.acceptance.processes import ROOT, Deployment, Simulation, free_port, simulation, told_to_stop
from tests.patience import HANG_S, until

PLACE = "playground/playground/lobby"
AT_ONCE = 100
CRASHES = 2
WITHIN_S = 0.4
"""How long after its requests the service may be killed."""


@pytest.fixture
def simulated() -> Iterator[Simulation]:
    with simulation(pace=300, thinking=0.02, join_delay=0.1) as running:
        yield running


def token(services: Deployment, name: str = "release-bot", verbs: str = "say,start") -> str:
    made = services.avatarbot("tokens", "create", name, "--places", PLACE, "--verbs", verbs)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def given(simulated: Simulation) -> list[str]:
    return [spoken.given for session in simulated.state().sessions for spoken in session.spoken]


async def test_say_announces_in_one_line(tmp_path: Path, simulated: Simulation) -> None:
    services = Deployment(tmp_path, simulated.url)
    with services.service():
        await services.answers()
        services.settings |= {"AVATARBOT_URL": services.url, "AVATARBOT_TOKEN": token(services)}
        said = services.avatarbot("say", "#lobby", "Version", "2", "is", "out.", "--wait", "60")
        assert (said.returncode, said.stderr) == (0, "")
        assert said.stdout.strip()
        again = services.avatarbot("say", PLACE, "Version 2 is out.", "--key", "v2", "--wait", "60")
        assert again.returncode == 0
        assert services.avatarbot("say", PLACE, "Version 2 is out.", "--key", "v2").stdout == again.stdout
        elsewhere = services.avatarbot("say", "playground/playground/studio", "Hello")
        assert elsewhere.returncode == 2
        assert elsewhere.stderr == "avatarbot: This token is for no place “playground/playground/studio”.\n"
        assert services.avatarbot("tokens", "revoke", "release-bot").returncode == 0
        gone = services.avatarbot("say", PLACE, "Hello")
        assert gone.returncode == 2
        assert "Traceback" not in gone.stderr
    assert given(simulated) == ["Version 2 is out."] * 2
    secret = services.settings["AVATARBOT_TOKEN"]
    assert secret not in services.log
    assert secret.encode() not in services.database.read_bytes()


async def test_what_the_papers_show_announces_a_release(tmp_path: Path, simulated: Simulation) -> None:
    services = Deployment(tmp_path, simulated.url)
    with services.service():
        await services.answers()
        services.settings |= {"AVATARBOT_URL": services.url, "AVATARBOT_TOKEN": token(services)}
        curl = subprocess.run(
            ["bash", "-c", shown("curl")], env=services.environment, capture_output=True, text=True, check=False
        )
        assert json.loads(curl.stdout)["status"] == "spoken", curl
        for _ in range(2):  # a run of a workflow that is tried again says nothing again
            done = announced(services, "Version 3 is out.")
            assert (done.returncode, done.stdout) == (0, "spoken: Version 3 is out.\n"), done
        assert "status=spoken" in (tmp_path / "outputs").read_text()
        other = announced(services, "And for Windows.")  # another job of the same matrix
        assert (other.returncode, other.stdout) == (0, "spoken: And for Windows.\n"), other
        refused = announced(services, "x" * 2_000, GITHUB_RUN_ID="2")
        assert refused.returncode == 1
        assert refused.stdout.startswith("::error::That is too long for the avatar")
    assert given(simulated) == ["Version 2 is out.", "Version 3 is out.", "And for Windows."]


def shown(command: str) -> str:
    """What docs/api.md shows to be typed, in a channel of this service."""
    (found,) = re.findall(rf"^\$ ({command} .*?(?:\\\n.*?)*)$", (ROOT / "docs/api.md").read_text(), re.MULTILINE)
    return str(found).replace("slack/T0123456/C0123456", PLACE)


def announced(services: Deployment, text: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """As action.yml runs it."""
    asked = {
        "URL": services.url,
        "TOKEN": services.settings["AVATARBOT_TOKEN"],
        "PLACE": PLACE,
        "TEXT": text,
        "MODE": "retelling",
        "WAIT": "60",
    }
    environment = {f"ANNOUNCE_{name}": value for name, value in asked.items()} | {
        "GITHUB_RUN_ID": "1",
        "GITHUB_OUTPUT": str(services.folder / "outputs"),
    }
    script = [sys.executable, str(ROOT / "examples/announce/announce.py")]
    return subprocess.run(
        script, env=services.environment | environment | more, capture_output=True, text=True, check=False
    )


def test_the_action_gives_its_script_what_that_reads() -> None:
    action = yaml.safe_load((ROOT / "examples/announce/action.yml").read_text())
    (step,) = action["runs"]["steps"]
    assert {name.removeprefix("ANNOUNCE_").lower() for name in step["env"]} == set(action["inputs"])
    assert set(step["env"].values()) == {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]}


async def test_whoever_waits_is_answered_when_the_service_stops(tmp_path: Path) -> None:
    with simulation(join_delay=60) as slow:
        services = Deployment(tmp_path, slow.url)
        with services.service() as service:
            await services.answers()
            async with _client(services, token(services)) as http:
                asked = asyncio.create_task(_post(http, "Version 2 is out.", "k", "wait=60"))
                await until(lambda: slow.open)
                assert await asyncio.to_thread(told_to_stop, service) == 0, services.log
                response = await asked
        assert (response.status_code, response.json()["status"]) == (200, "unheard")
        assert response.json()["sentence"].startswith("The session ended before that was spoken.")
        assert "Traceback" not in services.log
        assert slow.open == []


async def test_say_tells_that_nobody_answers_at_its_url(tmp_path: Path, simulated: Simulation) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    services = Deployment(tmp_path, simulated.url, settings={"AVATARBOT_URL": url, "AVATARBOT_TOKEN": "avb_no"})
    said = services.avatarbot("say", PLACE, "Hello", "--wait", "0")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"avatarbot: {url} does not answer")


async def test_no_crash_makes_two_of_one_key(tmp_path: Path, simulated: Simulation) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")  # noqa: T201 - shown with a failure, to repeat it
    dice, outcomes = random.Random(seed), dict[str, str]()
    services = Deployment(tmp_path, simulated.url, settings={"AVATARBOT_AKOOL_KEY_IS_OURS": "true"})
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(services.service())
        await services.answers()
        secret = token(services)
        for crash in range(CRASHES):
            text = f"Release number {crash} is out."
            async with _client(services, secret) as http:
                posts = [asyncio.create_task(_post(http, text, f"k{crash}")) for _ in range(AT_ONCE)]
                await asyncio.sleep(dice.uniform(0, WITHIN_S))
                service.kill()
                service.wait()
                await asyncio.gather(*posts, return_exceptions=True)
            service = stack.enter_context(services.service())
            await services.answers()
            async with _client(services, secret) as http:
                outcomes[text] = await _outcome(http, text, f"k{crash}")
    times = {text: given(simulated).count(f"release-bot, by API: {text}") for text in outcomes}
    allowed = {"spoken": {1}, "unheard": {0, 1}}
    assert all(times[text] in allowed[outcome] for text, outcome in outcomes.items()), (times, outcomes)
    assert "Traceback" not in services.log


def _client(services: Deployment, secret: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.AsyncClient(base_url=services.url, headers=headers, trust_env=False, timeout=HANG_S)


async def _post(http: httpx.AsyncClient, text: str, key: str, wait: str = "") -> httpx.Response:
    headers = {"Idempotency-Key": key, **({"Prefer": wait} if wait else {})}
    return await http.post("/api/v1/say", json={"place": PLACE, "text": text}, headers=headers)


async def _outcome(http: httpx.AsyncClient, text: str, key: str) -> str:
    """What becomes of it, asked for until it is over."""
    async with asyncio.timeout(300):
        while True:
            response = await _post(http, text, key, "wait=30")
            if response.status_code == 200:
                return str(response.json()["status"])
            assert response.status_code in {202, 409, 422, 503}, response.text
            if response.status_code != 202:  # an avatar that comes or goes at the moment
                await asyncio.sleep(0.5)
