"""What a workspace, and what a whole bot, may call its platform is kept by several workers together, and used."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.world import MANY, Towns, World, installed

ON_SLACK, ON_DISCORD = 20, 60
TOWNS = Towns(1, 20, ON_DISCORD)
ONE: Mapping[str, Sequence[str]] = {"front": ("web", "gateway"), "a": ("worker",)}
MEASURED_S = 60.0
SHARE = 0.85
"""Of the calls that one process makes."""


@dataclass(frozen=True)
class CallCounts:
    slack: int
    discord: int
    too_fast: list[str]


def counted(world: World) -> CallCounts:
    slack, discord = world.slack, world.discord
    return CallCounts(len(slack.fake.calls), len(discord.fake.calls), [*slack.refused(), *discord.refused()])


async def calls_of(folder: Path, topology: Mapping[str, Sequence[str]], *, kills: int = 0) -> CallCounts:
    """In a minute in which everybody says more than can be shown."""
    folder.mkdir()
    async with installed(folder, TOWNS, topology) as world:
        await world.begin(ON_SLACK, ON_DISCORD)
        async with world.talk(every=3):
            await world.each_says(1)
            before = counted(world)
            await asyncio.gather(asyncio.sleep(MEASURED_S), _kill(world, kills))
            after = counted(world)
        await world.findings()
        await world.stop_all()
        return CallCounts(after.slack - before.slack, after.discord - before.discord, counted(world).too_fast)


async def _kill(world: World, times: int) -> None:
    for _ in range(times):
        await world.kill(world.busiest())


@pytest.mark.soak
async def test_three_workers_use_what_one_may_and_no_more(tmp_path: Path) -> None:
    one = await calls_of(tmp_path / "one", ONE)
    three = await calls_of(tmp_path / "three", MANY)
    killed = await calls_of(tmp_path / "killed", MANY, kills=2)
    print(one, three, killed, sep="\n")  # noqa: T201 - for whoever reads along
    assert (one.too_fast, three.too_fast, killed.too_fast) == ([], [], [])
    assert three.slack >= SHARE * one.slack
    assert three.discord >= SHARE * one.discord
