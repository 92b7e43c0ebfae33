"""kill -9 at any moment: what was accepted is spoken once or its author told, and nothing is doubled, torn or left running."""

import asyncio
import contextlib
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.domain.sessions import SessionStatus
from tests.acceptance.evidence import gathered
from tests.acceptance.member import Member, ticket
from tests.acceptance.processes import Deployment, simulation, told_to_stop

CONVERSATIONS = 10
NAMES = ("Ann", "Ben", "Cleo", "Dan")
A_CONVERSATION_S = 3.0
"""About how long one takes here, so that a crash may come at any moment of it."""


@pytest.mark.parametrize(
    "crashes",
    [pytest.param(5, id="five"), pytest.param(50, id="fifty", marks=[pytest.mark.soak, pytest.mark.timeout(1200)])],
)
async def test_no_crash_loses_doubles_or_leaves_anything(tmp_path: Path, crashes: int) -> None:
    seed = int(os.environ.get("CRASH_SEED") or random.SystemRandom().randrange(10**6))
    print(f"CRASH_SEED={seed}")  # noqa: T201 - shown with a failure, to repeat it
    dice = random.Random(seed)
    channels = [f"c{number}" for number in range(crashes * CONVERSATIONS)]
    with simulation(pace=300, thinking=0.02, join_delay=0.1, concurrency=1000, credit=10**7) as simulated:
        services = Deployment(tmp_path, simulated.url, settings=_generous(channels))
        async with contextlib.AsyncExitStack() as stack:
            service = stack.enter_context(services.service())
            await services.answers()
            cookie = await ticket(services)
            members = [await stack.enter_async_context(Member(services, cookie, name).present()) for name in NAMES]
            for crash in range(crashes):
                async with asyncio.TaskGroup() as talking:
                    for channel in channels[crash * CONVERSATIONS : (crash + 1) * CONVERSATIONS]:
                        talking.create_task(_converse(members, channel, random.Random(dice.random())))
                    await asyncio.sleep(dice.uniform(0, A_CONVERSATION_S))
                    service.kill()
                    service.wait()
                    service = stack.enter_context(services.service())
            await services.answers()
            assert told_to_stop(service) == 0, services.log
            evidence = gathered(services, simulated, members)
        assert evidence.complaints() == []
        assert len(evidence.rows) >= crashes * CONVERSATIONS * 6
        reaped = services.avatarbot("sessions", "reap")
        assert reaped.returncode == 0, reaped.stderr
        assert simulated.open == []
    assert "Traceback" not in services.log


def _generous(channels: Sequence[str]) -> dict[str, str]:
    """Limits that nobody meets; an account that nothing else uses."""
    return {
        "AVATARBOT_PLAYGROUND_CHANNELS": json.dumps(channels),
        "AVATARBOT_AKOOL_KEY_IS_OURS": "true",
        "AVATARBOT_SESSIONS_AT_ONCE": "500",
        "AVATARBOT_SESSION_MINUTES": "2",
        "AVATARBOT_MINUTES_PER_DAY": "1440",
        "AVATARBOT_WAITING_TURNS_PER_PERSON": "10",
    }


async def _converse(members: Sequence[Member], channel: str, dice: random.Random) -> None:
    """A session from its start to its end; several people talk in it, one of them by command."""
    starter = dice.choice(members)
    await starter.command(channel, "", "/avatar start")
    card = await members[0].sees_card(channel, SessionStatus.LIVE)
    for number in range(4):
        member = dice.choice(members)
        text = f"Repeat after me: {channel} has heard {member.name} say the number {number} loud and clear."
        if number == 2:
            await member.command(channel, card.id, f"/avatar say {text}")
        else:
            await member.write(channel, card.id, text)
        await asyncio.sleep(dice.uniform(0, 0.4))
    await asyncio.sleep(dice.uniform(0, 1.0))
    await starter.command(channel, card.id, "/avatar stop")
    await members[0].sees_card(channel, SessionStatus.ENDED)
