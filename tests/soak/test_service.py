"""A real service, fed what nobody means well with: no 5xx, no traceback in its log, its memory flat."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.soak import feeds, garbage
from tests.soak.service import GROWTH, MANY_WORKSPACES, Fed, fed

AT_ONCE = 4
SOME = 100

WAYS = {
    "slack": (feeds.slack, 100_000),
    "viewer": (feeds.viewer, 60_000),
    "playground": (feeds.playground, 60_000),
    "raw http": (feeds.raw_http, 60_000),
}


async def feed(send: feeds.Feed, random: Random, count: int) -> None:
    async def some() -> None:
        for _ in range(count // AT_ONCE):
            await send(random)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(some())


async def hold(service: Fed, way: str, count: int) -> None:
    random = garbage.dice()
    async with (WAYS[way][0] if way in WAYS else feeds.callback)(service) as send:
        await feed(send, random, count // 10)
        before = service.memory
        await feed(send, random, count - count // 10)
    await service.is_well()
    assert service.memory - before < GROWTH


async def test_a_little_of_everything_does_a_service_no_harm(tmp_path: Path) -> None:
    async with fed(tmp_path) as service:
        for way in WAYS:
            await hold(service, way, SOME)


async def test_a_few_broken_installation_callbacks_do_no_harm(tmp_path: Path) -> None:
    async with fed(tmp_path, MANY_WORKSPACES) as service:
        await hold(service, "callback", SOME)


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
async def test_much_of_it_does_a_service_no_harm(tmp_path: Path, way: str) -> None:
    async with fed(tmp_path) as service:
        await hold(service, way, WAYS[way][1])


@pytest.mark.soak
async def test_much_of_what_an_installation_leads_to_does_no_harm(tmp_path: Path) -> None:
    async with fed(tmp_path, MANY_WORKSPACES) as service:
        await hold(service, "callback", 20_000)
