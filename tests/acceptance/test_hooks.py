"""Hooks on the real service: added at the command line, delivered through kill -9, signed, listed, sent again and removed."""

import asyncio
import contextlib
import sqlite3
import subprocess
from pathlib import Path

from tests.acceptance.processes import Deployment, simulation
from tests.integration.hooks.receiver import receiving, verified
from tests.patience import until

PLACE = "playground/playground/lobby"
LIFE = {"session.started", "session.live", "turn.spoken", "utterance.final", "session.ended"}


async def run(services: Deployment, *words: str) -> subprocess.CompletedProcess[str]:
    done = await asyncio.to_thread(services.avatarbot, *words)
    assert done.returncode == 0, done.stderr
    return done


def told(services: Deployment) -> set[tuple[str, str]]:
    """(event, type) of everything in the outbox, sent or not."""
    with contextlib.closing(sqlite3.connect(services.database)) as database:
        return set(database.execute("SELECT id, type FROM events"))


def waits(services: Deployment) -> int:
    with contextlib.closing(sqlite3.connect(services.database)) as database:
        return int(database.execute("SELECT count(*) FROM deliveries").fetchone()[0])


async def test_nothing_is_lost_between_commit_and_delivery(tmp_path: Path) -> None:
    with simulation(pace=300, thinking=0.02, join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url, settings={"AVATARBOT_HOOKS_INSIDE": "127.0.0.1"})
        async with receiving() as receiver, contextlib.AsyncExitStack() as stack:
            url = f"http://127.0.0.1:{receiver.port}/in?token=hidden"
            secret = (await run(services, "hooks", "add", url, "--events", "all")).stdout.strip()
            receiver.open.clear()
            service = stack.enter_context(services.service())
            await services.answers()
            made = await run(
                services, "tokens", "create", "bot", "--places", PLACE, "--verbs", "say,start,stop,sessions"
            )
            services.settings |= {"AVATARBOT_URL": services.url, "AVATARBOT_TOKEN": made.stdout.strip()}
            await run(services, "say", PLACE, "Hello out there.", "--wait", "60")
            await receiver.was_asked(1)
            service.kill()
            service.wait()
            assert receiver.taken == []
            unanswered = {each.id for each in receiver.attempts}
            receiver.open.set()
            receiver.taken.clear()  # what was answered then went to nobody
            stack.enter_context(services.service())
            await services.answers()
            (session,) = [line.split()[0] for line in (await run(services, "sessions", "list")).stdout.splitlines()[1:]]
            await run(services, "sessions", "stop", session)
            await until(lambda: {verified(each, secret)["type"] for each in receiver.taken} >= LIFE)
            await until(lambda: waits(services) == 0)
            assert {each.id for each in receiver.taken} == {id_ for id_, _ in told(services)} >= unanswered
            texts = [verified(each, secret)["data"].get("text", "") for each in receiver.taken]
            assert "Hello out there." in texts
            await _listed_and_removed(services, secret)
        assert secret not in services.log
        assert "hidden" not in services.log
        assert secret.encode() not in services.database.read_bytes()
        assert b"hidden" not in services.database.read_bytes()
        assert "Traceback" not in services.log


async def _listed_and_removed(services: Deployment, secret: str) -> None:
    listed = (await run(services, "hooks", "list")).stdout
    assert "http://127.0.0.1:" in listed
    assert "hidden" not in listed
    assert secret not in listed
    hook = listed.splitlines()[1].split()[0]
    assert (await run(services, "hooks", "remove", hook)).stdout == f"Hook {hook} is removed.\n"
