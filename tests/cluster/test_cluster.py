"""Several processes of the service, one database: whatever happens to any of them, nothing is lost and nothing is done twice."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests.cluster.processes import ServiceProcess
from tests.cluster.world import FEW, MANY, Towns, World, installed, shown
from tests.pooler import pooled

ON_SLACK, ON_DISCORD = 40, 20
FEW_TOWNS = Towns(20, 10, ON_DISCORD)
MANY_ON_SLACK, MANY_ON_DISCORD = 240, 60
MANY_TALK = 60
FROZEN_S, AWAY_S = 15.0, 12.0
GATEWAY_FROZEN_S = 8.0
"""Longer than a command may wait, and than a gateway keeps its shards."""

TWO_GATEWAYS: Mapping[str, Sequence[str]] = {
    "web": ("web",),
    **dict.fromkeys("gh", ("gateway",)),
    **dict.fromkeys("ab", ("worker",)),
}


async def test_a_few_processes_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    async with installed(tmp_path, FEW_TOWNS, FEW) as world:
        await little_happens(world)


@pytest.mark.soak
async def test_a_few_behind_a_pooler_lose_nothing(tmp_path: Path) -> None:
    through = partial(pooled, size=40)
    async with installed(tmp_path, FEW_TOWNS, FEW, through, AVATARBOT_DATABASE_HINTS="off") as world:
        await little_happens(world)


@pytest.mark.soak
async def test_who_freezes_and_comes_back_writes_nothing(tmp_path: Path) -> None:
    """What taking out a fence or the lock of claims shows in."""
    async with installed(tmp_path, FEW_TOWNS, MANY) as world:
        await world.begin(ON_SLACK, ON_DISCORD)
        async with world.talk(every=2):
            for _ in range(3):
                await world.freeze(world.busiest(), FROZEN_S)
                await world.each_says(1)
        await hold(world)


@pytest.mark.soak
async def test_gateways_die_and_freeze_and_everybody_is_answered_once(tmp_path: Path) -> None:
    """A gateway dies and the server with it; another freezes while people type. What was missed is spoken in order."""
    async with installed(tmp_path, Towns(2, 10, ON_DISCORD), TWO_GATEWAYS) as world:
        await world.begin(2, ON_DISCORD)
        async with world.talk(every=8):
            for kind, other in ("gh", "hg"):
                await world.each_says(1)
                await world.kill(world.cluster.one_of(kind))
                await world.stop_server()
                await world.each_says(1)
                async with asyncio.TaskGroup() as group:
                    group.create_task(world.freeze(world.cluster.one_of(other), GATEWAY_FROZEN_S))
                    for talker in world.talkers:
                        group.create_task(talker.command("start minutes:60"))
            await world.each_says(1)
        await hold(world)


async def little_happens(world: World) -> None:
    """One process is killed, one is replaced, and the server fails once, while everybody talks."""
    await world.begin(ON_SLACK, ON_DISCORD)
    async with world.talk(every=4):
        await world.each_says(1)
        await world.kill(world.busiest())
        await world.end(world.busiest())
        await world.each_says(1)  # by then whoever took over is in its rooms
        await world.stop_server()
        await world.each_says(1)
    await hold(world)


@pytest.mark.soak
async def test_whatever_happens_to_many_nothing_is_lost(tmp_path: Path) -> None:
    async with installed(tmp_path, Towns(60, 20, MANY_ON_DISCORD), MANY) as world:
        await world.begin(MANY_ON_SLACK, MANY_ON_DISCORD)
        async with world.talk(every=10, people=MANY_TALK):
            for befall in _befalls(world):
                await world.supervise()
                await befall()
                await world.each_says(1)
        await hold(world)


def _befalls(world: World) -> list[Callable[[], Awaitable[None]]]:
    """Twenty processes killed, five frozen, three failures of the server, three rolling restarts, in any order."""

    def one() -> ServiceProcess:
        return world.dice.choice(world.cluster.living)

    async def roll() -> None:
        for process in world.cluster.living:
            await world.end(process)

    befalls: list[Callable[[], Awaitable[None]]] = [
        *[lambda: world.kill(one())] * 20,
        *[lambda: world.freeze(world.busiest(), FROZEN_S)] * 5,
        *[lambda: world.stop_server(AWAY_S)] * 3,
        *[roll] * 3,
    ]
    world.dice.shuffle(befalls)
    return befalls


async def hold(world: World) -> None:
    """What has to be so of every run."""
    found = await world.findings()
    print(world.report())  # noqa: T201 - how long it took is told, and not judged on a busy machine
    await world.stop_all()
    judge(found.complaints() | world.complaints())


def judge(complaints: Mapping[str, Sequence[str]]) -> None:
    print(*shown(complaints), sep="\n")  # noqa: T201 - a few are enough
    assert list(complaints) == []
