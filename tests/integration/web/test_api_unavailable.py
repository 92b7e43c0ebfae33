"""The HTTP API while the database is away: each operation says so, for a program to try again, and spends nothing."""

import asyncio
from pathlib import Path

import pytest

from bot.commands.policy import Policy
from tests.patience import until
from tests.program_fixture import program
from tests.unit.web.api.test_problems import OPERATIONS, Operation, assert_problem
from tests.world_fixture import QUICK, SQLITE, Stack, run_story


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_a_database_that_is_away_is_told(operation: Operation, tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving() as service, program(service) as api:
            stack.wire.cut = True
            response = await operation.call(api, operation.at())
            stack.wire.cut = False

            assert response.status_code == 503, response.text
            assert_problem(response)
            assert response.headers["retry-after"]
            assert [session.id for session in stack.simulator.sessions] == []

    run_story(story, tmp_path, QUICK, Policy(), SQLITE)


def test_what_was_taken_is_told_as_taken(tmp_path: Path) -> None:
    async def story(stack: Stack) -> None:
        async with stack.serving() as service, program(service) as api:
            await stack.room.command("start", avatar="Alma")
            asked = asyncio.create_task(api.say("Version 2 is out.", prefer="wait=60"))
            await until(lambda: service.services.written.waits)
            stack.wire.cut = True
            response = await asked
            stack.wire.cut = False

            assert response.status_code == 202, response.text
            assert response.headers["idempotency-key"]

    run_story(story, tmp_path, QUICK, Policy(), SQLITE)
