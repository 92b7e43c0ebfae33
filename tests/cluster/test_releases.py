"""A release replaces another process by process on one database, and is taken back: nothing is lost and nothing is done twice."""

import asyncio
import contextlib
import subprocess
from pathlib import Path

import pytest

from tests.cluster.releases import THIS, Program, newest_tag, previous_release
from tests.cluster.test_cluster import FEW_TOWNS, ON_DISCORD, ON_SLACK, hold
from tests.cluster.world import FEW, World, installed
from tests.patience import until


@pytest.fixture
def previous(tmp_path: Path) -> Program:
    return previous_release(tmp_path)


def test_the_newest_tag_before_this_checkout_is_found(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *words], cwd=tmp_path, check=True
        )

    git("init", "--quiet", "--initial-branch=main")
    for tag in ("v1.9.0", "v1.10.0rc1", "v1.10.0", "v2.0.0"):
        git("commit", "--quiet", "--allow-empty", "--message", tag)
        git("tag", tag)
    git("checkout", "--quiet", "-b", "other", "v1.9.0")
    git("commit", "--quiet", "--allow-empty", "--message", "elsewhere")
    git("tag", "v1.99.0")
    git("checkout", "--quiet", "main")
    assert newest_tag(tmp_path) == "v1.10.0"


@pytest.mark.soak
async def test_a_new_release_replaces_the_previous_one(tmp_path: Path, previous: Program) -> None:
    await replaced(tmp_path, previous, THIS)


@pytest.mark.soak
async def test_the_previous_release_replaces_a_new_one(tmp_path: Path, previous: Program) -> None:
    await replaced(tmp_path, THIS, previous)


async def replaced(folder: Path, first: Program, then: Program) -> None:
    async with installed(folder, FEW_TOWNS, FEW, program=first) as world:
        with then.forks(folder / "other") as world.cluster.forks:
            await world.begin(ON_SLACK, ON_DISCORD)
            async with world.talk(every=4):
                await world.each_says(1)
                await roll(world)
            with contextlib.suppress(TimeoutError):  # then it is complained of
                await until(lambda: is_heard(world))
            await hold(world)


async def is_heard(world: World) -> bool:
    """Whether everything said was taken or refused: what is said on Discord while a shard moves is looked up by who has it then."""
    await asyncio.sleep(0.2)  # a look takes a while, in which no platform answers
    return not any(world.sources.gathered(world.talkers, {}).lost())


async def roll(world: World) -> None:
    """What starts from now on is the other program: while both run, a worker ends, the server fails, the other worker is killed."""
    front, leaving, staying = world.cluster.living
    await world.end(leaving)
    await world.each_says(1)
    await world.stop_server()
    await world.each_says(1)
    await world.kill(staying)
    await world.each_says(1)
    await world.end(front)
    await world.each_says(1)
