"""The operators' page: for who has the token, and with nobody's name or words on it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import NoReturn

import httpx
import msgspec
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from bot.app.run import status_page
from bot.app.status import NO_ANSWER, NOT_TAKEN, OTHER_VERSION, ServiceAnswer, asked, screen
from bot.commands.policy import Limits
from bot.domain.errors import StoreUnavailable
from bot.process_roles import ALL_ROLES, ProcessRole
from bot.queries.overview import overview
from bot.settings import Settings, load
from bot.telemetry import KEPT, RECENT, RecentProblems
from bot.testing.chat import ANN
from bot.web.app import create_app, serve
from bot.web.status.routes import ProcessStatus, process_status, status_mount
from tests.memory_fixture import MemoryWorld, in_memory

TOKEN = "a-token-for-operators"
WORDS = "Nobody else should read this."


@contextlib.asynccontextmanager
async def pages(
    world: MemoryWorld, token: str = TOKEN, roles: frozenset[ProcessRole] = ALL_ROLES
) -> AsyncIterator[httpx.AsyncClient]:
    service = world.service
    settings = load(Settings, None).model_copy(update={"status_token": SecretStr(TOKEN), "roles": roles})
    mounts = [*service.mounts(), *status_page(service, settings)]
    app = create_app(service.services.metrics, service.readiness(), mounts)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://avatarbot.test", headers=headers) as http:
        yield http


async def talking(world: MemoryWorld) -> None:
    await world.room.command("start")
    await world.live()
    await world.room.say(WORDS, world.room.thread)
    await world.until(lambda: bool(world.room.finals))


@in_memory()
async def test_who_has_the_token_sees_how_it_goes(world: MemoryWorld) -> None:
    await talking(world)
    async with pages(world) as http:
        shown = (await http.get("/status/now")).json()
    assert shown["service"]["sessions"] == {"live": 1}
    assert shown["service"]["paid"]["bought"] == 600
    (process,) = shown["service"]["processes"]
    assert (process["running"], sorted(process["roles"])) == (1, sorted(ALL_ROLES))
    assert shown["process"]["reasons"] == {}
    assert {"database", "lease", "fake"} == set(shown["process"]["asked"])
    waits = {wait["what"]: wait for wait in shown["process"]["waits"]}
    assert waits["From a start to live"]["count"] == 1
    assert waits["From a start to live"]["half"] <= waits["From a start to live"]["most"]


@in_memory()
async def test_a_process_without_pages_says_how_it_does(world: MemoryWorld) -> None:
    async with pages(world, roles=frozenset({ProcessRole.WORKER})) as http:
        assert (await http.get("/status/now")).json()["process"]["reasons"] == {}


@pytest.mark.parametrize("token", ["", "another", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é" * 20])
def test_without_the_token_there_is_nothing(token: str) -> None:
    @in_memory()
    async def story(world: MemoryWorld) -> None:
        async with pages(world, "") as http:
            answer = await http.get("/status/now", headers={b"authorization": f"Bearer {token}".encode()})
            in_query = await http.get("/status/now", params={"token": TOKEN, "access_token": TOKEN})
        assert (answer.status_code, answer.text) == (404, "Not Found")
        assert in_query.status_code == 404

    story()


@in_memory()
async def test_nobodys_name_or_words_or_secrets_are_on_it(world: MemoryWorld) -> None:
    await talking(world)
    async with pages(world) as http:
        shown = (await http.get("/status/now")).text
    for private in (WORDS, ANN.name, ANN.id, "W1", "Alma", TOKEN, world.room.card.session_id):
        assert f'"{private}"' not in shown
    assert WORDS not in shown


@in_memory()
async def test_nothing_of_it_changes_anything(world: MemoryWorld) -> None:
    async with pages(world) as http:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert (await http.request(method, "/status/now")).status_code == 405


@in_memory()
async def test_the_page_is_the_same_for_everybody(world: MemoryWorld) -> None:
    async with pages(world) as http, pages(world, "") as stranger:
        ours, theirs = await http.get("/status/"), await stranger.get("/status/")
    assert ours.text == theirs.text
    policy = theirs.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy


@in_memory()
async def test_a_database_that_is_away_leaves_the_rest(world: MemoryWorld) -> None:
    async def away() -> NoReturn:
        raise StoreUnavailable("The database is away.")

    async def own() -> ProcessStatus:
        return await process_status(world.service.services.metrics, {"database": away}, "Fake", world.clock.now())

    app = create_app(world.service.services.metrics, {}, [status_mount(TOKEN, away, own)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://avatarbot.test") as http:
        answer = await http.get("/status/now", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.json()["service"] is None
    assert answer.json()["process"]["reasons"] == {"database": "The database is away."}


# ---------------------------------------------------------------- the same in a terminal


@in_memory()
async def test_the_command_reads_the_same(world: MemoryWorld) -> None:
    settings = load(Settings, None)
    await talking(world)
    found = await overview(world.service.services.storage, Limits(), world.clock.now())
    lines = screen(settings, found, ServiceAnswer({}))
    assert lines[0] == "The service on port 8080 runs and is ready."
    assert "Sessions   1 live (at most 20 at once on your account)" in lines
    assert any("gateway+web+worker, runs 1 of 500" in line for line in lines)
    assert any(line.startswith("Paid today 10.0 min bought") for line in lines)
    async with pages(world) as http:
        shown = (await http.get("/status/now")).json()
    process = msgspec.convert(shown["process"], ProcessStatus)
    with_token = screen(settings, found, ServiceAnswer({}, process))
    assert "  Works      database, lease, fake" in with_token
    assert any("From a start to live" in line for line in with_token)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, {"process": {"asked": []}}, OTHER_VERSION),
        (200, {"service": None}, OTHER_VERSION),
        (404, {}, NOT_TAKEN),
        (503, {}, NO_ANSWER),
    ],
)
async def test_a_service_that_says_something_else_is_told(status: int, body: dict[str, object], told: str) -> None:
    ready = Route("/readyz", lambda _: JSONResponse({"reasons": {}}))
    app = Starlette(routes=[ready, Route("/status/now", lambda _: JSONResponse(body, status))])
    async with serve(app, "127.0.0.1", 0) as port:
        here = {"host": "127.0.0.1", "port": port, "status_token": SecretStr(TOKEN)}
        answer = await asyncio.to_thread(asked, load(Settings, None).model_copy(update=here))
    assert answer == ServiceAnswer({}, told)


@pytest.mark.parametrize("token", ["“sixteen or more”", "sixteen or\nmore of it"])
async def test_a_token_that_cannot_be_sent_is_told(token: str) -> None:
    app = Starlette(routes=[Route("/readyz", lambda _: JSONResponse({"reasons": {}}))])
    async with serve(app, "127.0.0.1", 0) as port:
        here = {"host": "127.0.0.1", "port": port, "status_token": SecretStr(token)}
        answer = await asyncio.to_thread(asked, load(Settings, None).model_copy(update=here))
    assert answer == ServiceAnswer({}, NOT_TAKEN)


@in_memory()
async def test_without_a_service_the_command_says_so(world: MemoryWorld) -> None:
    settings = load(Settings, None)
    found = await overview(world.service.services.storage, Limits(), world.clock.now())
    assert screen(settings, replace(found, processes=[]), ServiceAnswer(None))[0].startswith(
        "No service answers on port 8080"
    )
    unready = screen(settings, found, ServiceAnswer({"slack": "Slack hears nobody."}))
    assert unready[:2] == ["The service on port 8080 runs and is not ready:", "  slack: Slack hears nobody."]


# ---------------------------------------------------------------- the last problems


@in_memory()
async def test_the_last_problems_are_kept_by_kind(world: MemoryWorld) -> None:
    now, problems = world.clock.now(), RecentProblems()
    for number in range(KEPT + 3):
        problems.note("warning", f"kind {number}", now)
    problems.note("warning", "kind 5", now)
    assert len(problems.newest()) == KEPT
    assert (problems.newest()[0].event, problems.newest()[0].times) == ("kind 5", 2)
    assert problems("", "info", {"event": "all is well"}) == {"event": "all is well"}
    assert problems("", "exception", {"event": "a job failed", "person": "Ann"})["person"] == "Ann"
    assert (problems.newest()[0].level, problems.newest()[0].event) == ("error", "a job failed")
    assert RECENT is not problems
