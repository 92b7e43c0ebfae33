"""Attacks on a real `avatarbot run`, and what they cost everybody else: `python -m benchmarks.attacks [--tree .] [--only 13.3]`.

Each attack has a process of its own (the simulator as AKOOL, the strict stand-in as Slack, at most 1,024 files), a few seconds, and
an end. The wait is the worst that somebody else had for `/healthz` meanwhile, the memory the most that was resident. `--tree` is
another checkout with its own `.venv`, for figures of another version. All traffic stays on loopback.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks import attacks_on_http, attacks_on_slack, attacks_on_sockets
from benchmarks.hostile_model import hostile_model
from benchmarks.table import load
from benchmarks.target import PATIENCE_S, START_S, Sampler, Target, target
from tests.integration.slack.fake import FakeSlack

LONGEST_S = 40.0
SLOW_NAMES = Path(__file__).with_name("slow_names")
MANY_WORKSPACES = {"SLACK_BOT_TOKEN": "", "SLACK_CLIENT_ID": "1.2", "SLACK_CLIENT_SECRET": "a-secret"}


@dataclass(frozen=True)
class Attack:
    """`run` gives what came of it in a few words."""

    name: str
    run: Callable[[Target, httpx.AsyncClient], Awaitable[str]]
    settings: Mapping[str, str] = field(default_factory=dict)
    model: str = ""


ATTACKS = (
    Attack("none: the service by itself", attacks_on_http.nothing),
    Attack("13.1 commands with 3,000 blanks", attacks_on_slack.blanks),
    Attack("13.2 quadratic patterns as commands", attacks_on_slack.patterns_as_commands),
    Attack("13.2 quadratic patterns as messages", attacks_on_slack.patterns_as_messages),
    Attack("13.3 heads of 40 MB", attacks_on_http.heads),
    Attack("13.3 trailers of 40 MB", attacks_on_http.trailers),
    Attack("13.3 1,500 half-open connections", attacks_on_http.half_open),
    Attack("13.4 a guest behind a slow users.info", attacks_on_slack.slow_guest),
    Attack("13.4 a guest behind a throttled users.info", attacks_on_slack.throttled_guest),
    Attack("13.6 nonces of 30 kB, outcomes unread", attacks_on_sockets.nonces),
    Attack("13.6 5,000 rejoins", attacks_on_sockets.rejoins),
    Attack("13.6 300 sockets of one link", attacks_on_sockets.many_sockets),
    Attack("13.9 a thousand GET /slack/install", attacks_on_http.installs, MANY_WORKSPACES),
    Attack("13.10 strange frames", attacks_on_sockets.strange_frames),
    Attack("13.10 strange paths and bytes", attacks_on_http.strange_paths),
    Attack("13.11 eight slow names", attacks_on_slack.slow_names, {"PYTHONPATH": str(SLOW_NAMES)}),
    Attack("12.C 120 kB of an own model in one piece", attacks_on_slack.own_model, model="one-piece"),
    Attack("12.C an own model that pings for ever", attacks_on_slack.own_model, model="pings"),
)


async def attacked(attack: Attack, tree: Path) -> str:
    """The row of one attack."""
    with tempfile.TemporaryDirectory(prefix="attack-") as folder:
        async with FakeSlack().running() as slack, hostile_model(attack.model) as model:
            with target(tree, Path(folder), slack, {**attack.settings, **model}) as aim:
                await _started(aim)
                sampler = Sampler(aim.port, aim.pid)
                sampler.start()
                outcome = await _outcome(attack, aim)
                sampler.over.set()
                await asyncio.to_thread(sampler.join, PATIENCE_S + 5)
                tracebacks = aim.log.count("Traceback")
    wait = f"{sampler.worst_s * 1000:,.0f}" if sampler.worst_s < PATIENCE_S else f"> {PATIENCE_S * 1000:,.0f}"
    return f"| {attack.name} | {wait} | {sampler.peak_kb / 1024:.0f} | {tracebacks} | {outcome} |"


async def _started(aim: Target) -> None:
    until = time.monotonic() + START_S
    async with httpx.AsyncClient(trust_env=False) as http:
        while time.monotonic() < until:
            try:
                if (await http.get(f"{aim.url}/readyz")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise SystemExit(aim.log)


async def _outcome(attack: Attack, aim: Target) -> str:
    """Bounded in time, whatever the service does."""
    try:
        async with asyncio.timeout(LONGEST_S), httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
            outcome = await attack.run(aim, http)
    except TimeoutError:
        outcome = f"given up after {LONGEST_S:.0f} s"
    counted = ", ".join(f"{times} x {status}" for status, times in sorted(aim.statuses.items()))
    return "; ".join(filter(None, (outcome, counted)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard), hard))
    print(
        f"{load()}\n\n| attack | worst wait of others (ms) | peak memory (MB) | tracebacks | outcome |\n|---|---|---|---|---|"
    )
    for attack in ATTACKS:
        if asked.only in attack.name:
            print(asyncio.run(attacked(attack, asked.tree.resolve())), flush=True)


if __name__ == "__main__":
    main()
