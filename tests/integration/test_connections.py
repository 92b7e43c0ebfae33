"""Whether the platforms hear people: what is logged, what `/readyz` says, what the gauge shows, what doctor reports."""

import asyncio

import httpx
import pytest
from structlog.testing import capture_logs

from bot.app.running import running
from bot.app.service import Service
from bot.domain.errors import PlatformError
from bot.jobs.connections import TOLERATED_S
from bot.ports.plugin import Level
from bot.settings import Settings, load
from bot.telemetry import new_metrics
from bot.web.app import create_app, serve
from tests.world_fixture import Stack, on_stack

DEAF = "Nothing comes in. Look at the tokens."


async def readyz(service: Service) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(service.services.metrics, service.readiness()))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot.test") as client:
        return await client.get("/readyz")


def shown(service: Service) -> float | None:
    return service.services.metrics.registry.get_sample_value("avatarbot_platform_connected", {"platform": "fake"})


@on_stack()
async def test_a_platform_that_is_not_connected_is_reported_once(stack: Stack) -> None:
    with capture_logs() as logs:
        async with stack.serving() as service:
            await asyncio.sleep(1)
            assert (await readyz(service)).status_code == 200
            assert shown(service) == 1

            stack.room.problem = DEAF
            await asyncio.sleep(TOLERATED_S + 60)
            answer = await readyz(service)
            assert answer.status_code == 503
            assert DEAF in answer.json()["reasons"]["fake"]
            assert shown(service) == 0

            stack.room.problem = ""
            await asyncio.sleep(10)
            assert (await readyz(service)).status_code == 200
            assert shown(service) == 1
    said = [line["event"] for line in logs if line.get("platform") == "fake"]
    assert said == ["platform not connected", "platform connected again"]


@on_stack()
async def test_a_routine_reconnection_is_not_reported(stack: Stack) -> None:
    with capture_logs() as logs:
        async with stack.serving() as service:
            for _ in range(3):
                stack.room.problem = DEAF
                await asyncio.sleep(TOLERATED_S - 8)
                assert (await readyz(service)).status_code == 200
                stack.room.problem = ""
                await asyncio.sleep(60)
    assert not [line for line in logs if line.get("platform") == "fake"]


@pytest.mark.parametrize(("reasons", "level"), [({}, Level.OK), ({"fake": DEAF}, Level.WARNING)])
async def test_doctor_asks_the_running_service(reasons: dict[str, str], level: Level) -> None:
    async def ask() -> None:
        for why in reasons.values():
            raise PlatformError(why)

    async with serve(create_app(new_metrics(), {"fake": ask}), "127.0.0.1", 0) as port:
        (finding,) = await running(load(Settings).model_copy(update={"host": "127.0.0.1", "port": port}))
    assert finding.level is level
    assert all(why in finding.what for why in reasons.values())


async def test_doctor_reports_nothing_where_no_service_runs() -> None:
    assert not await running(load(Settings).model_copy(update={"port": 1}))
