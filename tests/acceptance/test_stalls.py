"""A process that stood still goes on as if nothing had been, and many starts at once are as many avatars."""

import asyncio
import json
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from bot.domain.sessions import SessionStatus
from tests.acceptance.evidence import gathered
from tests.acceptance.member import Member, ticket
from tests.acceptance.processes import Deployment, Forked, simulation, told_to_stop
from tests.patience import HANG_S

STOOD_STILL = [
    pytest.param([6.0], id="once"),
    pytest.param([12.0, 30.0] * 10, id="twenty-times", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
]
"""Seconds, longer than any lease lasts."""

AT_ONCE = 20


async def stand_still(service: Forked, seconds: float) -> None:
    service.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    service.send_signal(signal.SIGCONT)


async def is_ready(services: Deployment) -> bool:
    async with httpx.AsyncClient(trust_env=False, timeout=HANG_S) as client:
        return (await client.get(f"{services.url}/readyz")).status_code == 200


@pytest.mark.parametrize("stalls", STOOD_STILL)
async def test_a_process_that_was_stopped_in_mid_turn_loses_nothing(tmp_path: Path, stalls: list[float]) -> None:
    with simulation(pace=30, join_delay=0.1) as simulated:
        services = Deployment(tmp_path, simulated.url, settings={"AVATARBOT_MINUTES_PER_DAY": "1440"})
        async with AsyncExitStack() as stack:
            service = stack.enter_context(services.service())
            await services.answers()
            ann = await stack.enter_async_context(Member(services, await ticket(services), "Ann").present())
            await ann.command("lobby", "", "/avatar start")
            card = await ann.sees_card("lobby", SessionStatus.LIVE)
            for number, seconds in enumerate(stalls):
                await ann.write(
                    "lobby", card.id, f"Repeat after me: number {number} takes a while to be said, as it is long."
                )
                await ann.sees_growing(number + 1)
                await stand_still(service, seconds)
                await ann.write("lobby", card.id, f"Repeat after me: and so goes on number {number}.")
                await ann.sees_line("lobby", f"so goes on number {number}.")
                assert await is_ready(services), services.log
            assert await asyncio.to_thread(told_to_stop, service) == 0, services.log
        assert gathered(services, simulated, [ann]).complaints() == []
        assert simulated.open == []
    assert "lease lost" not in services.log
    assert "Traceback" not in services.log


async def test_twenty_starts_at_once_are_twenty_avatars(tmp_path: Path) -> None:
    channels = [f"c{number}" for number in range(AT_ONCE)]
    limits = {"AVATARBOT_PLAYGROUND_CHANNELS": json.dumps(channels), "AVATARBOT_SESSIONS_AT_ONCE": "50"}
    limits |= {"AVATARBOT_MINUTES_PER_DAY": "1440", "AVATARBOT_SESSION_MINUTES": "2"}
    with simulation(pace=300, join_delay=0.1, concurrency=100, credit=10**7) as simulated:
        services = Deployment(tmp_path, simulated.url, settings=limits)
        async with AsyncExitStack() as stack:
            service = stack.enter_context(services.service())
            await services.answers()
            ann = await stack.enter_async_context(Member(services, await ticket(services), "Ann").present())
            async with asyncio.TaskGroup() as starting:
                for channel in channels:
                    starting.create_task(ann.command(channel, "", "/avatar start"))
            for channel in channels:
                card = await ann.sees_card(channel, SessionStatus.LIVE)
                await ann.write(channel, card.id, f"Repeat after me: here is {channel}.")
            for channel in channels:
                await ann.sees_line(channel, f"here is {channel}.")
            assert await is_ready(services), services.log
            assert await asyncio.to_thread(told_to_stop, service) == 0, services.log
        assert gathered(services, simulated, [ann]).complaints() == []
        assert simulated.open == []
