"""Every error of the OpenAPI document can be had, says why in a sentence, and spends nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta

import httpx
import pytest

from bot.testing.chat import CHANNEL
from bot.web.api.authentication import BURST
from bot.web.api.openapi import ALWAYS, document
from bot.web.api.routes import BODY_BYTES
from tests.memory_fixture import MemoryWorld, in_memory
from tests.program_fixture import PLACE, ApiClient, program

BODIES: Mapping[str, dict[str, object]] = {
    "say": {"place": PLACE, "text": "Hello"},
    "start": {"place": PLACE},
    "act": {"action": "nod"},
    "set": {"speed": 1.1},
}


class Operation:
    """One of the document, and how it is called in earnest."""

    def __init__(self, method: str, path: str, described: Mapping[str, object]) -> None:
        self.method = method
        self.path = path
        self.name = str(described["operationId"])
        responses = described["responses"]
        assert isinstance(responses, dict)
        self.statuses = {int(status) for status in responses if int(status) >= 400}
        self.changes = "requestBody" in described
        self.body = BODIES.get(self.name, {})

    def __repr__(self) -> str:
        return self.name

    def at(self, session: str = "s1", request: str = "r1") -> str:
        path = self.path.replace("{session}", session).replace("{request}", request)
        return f"{path}?place={PLACE}" if self.name == "listAvatars" else path

    async def call(
        self, api: ApiClient, at: str, *, body: object = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        sent = self.body if body is None else body
        return await api.http.request(self.method, at, headers=headers, **({"json": sent} if self.changes else {}))  # type: ignore[arg-type]


OPERATIONS = [
    Operation(method, path, described)
    for path, methods in document()["paths"].items()
    for method, described in methods.items()
]
Way = Callable[[Operation, ApiClient, MemoryWorld], Awaitable[httpx.Response]]


async def known_session(api: ApiClient, world: MemoryWorld) -> str:
    """One of the program's own that has ended."""
    started = await api.post("/sessions", {"place": PLACE}, prefer="wait=60")
    session = str(started.json()["session"])
    await world.live()
    await api.post(f"/sessions/{session}/stop", prefer="wait=30")
    return session


async def without_token(operation: Operation, api: ApiClient, _world: MemoryWorld) -> httpx.Response:
    return await operation.call(api, operation.at(), headers={"Authorization": "Bearer avb_no"})


async def nonsense(operation: Operation, api: ApiClient, _world: MemoryWorld) -> httpx.Response:
    if operation.changes:
        return await operation.call(api, operation.at(), headers={"Idempotency-Key": "two words"})
    return await operation.call(api, operation.at() + ("&" if "?" in operation.at() else "?") + "colour=red")


async def not_for_this(operation: Operation, _api: ApiClient, world: MemoryWorld) -> httpx.Response:
    other = "say" if operation.name != "say" else "usage"
    async with program(world.service, (other,), name="narrow") as narrow:
        return await operation.call(narrow, operation.at())


async def nowhere(operation: Operation, api: ApiClient, _world: MemoryWorld) -> httpx.Response:
    if "{" in operation.path:
        return await operation.call(api, operation.at())
    if operation.changes:
        return await operation.call(api, operation.at(), body=operation.body | {"place": "fake/W2/C9"})
    return await operation.call(api, operation.at().partition("?")[0] + "?place=fake/W2/C9")


async def slowly(operation: Operation, api: ApiClient, _world: MemoryWorld) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    headers = {"Content-Type": "application/json"}
    return await api.http.request(operation.method, operation.at(), content=body(), headers=headers)


async def nobody_there(operation: Operation, api: ApiClient, world: MemoryWorld) -> httpx.Response:
    if operation.name == "say":
        async with program(world.service, ("say",), name="narrow") as narrow:
            return await operation.call(narrow, operation.at())
    return await operation.call(api, operation.at(await known_session(api, world)))


async def too_large(operation: Operation, api: ApiClient, _world: MemoryWorld) -> httpx.Response:
    return await operation.call(api, operation.at(), body=operation.body | {"text": "x" * BODY_BYTES})


async def as_text(operation: Operation, api: ApiClient, _world: MemoryWorld) -> httpx.Response:
    headers = {"Content-Type": "text/plain"}
    return await api.http.request(operation.method, operation.at(), content=b"Hello", headers=headers)


async def refused(operation: Operation, _api: ApiClient, world: MemoryWorld) -> httpx.Response:
    """What nobody may, or another request with the same key."""
    await world.room.command("start", avatar="Alma")
    await world.live()
    async with program(world.service, name="second") as api:
        (session,) = (await api.get("/sessions")).json()["sessions"]
        key = {"Idempotency-Key": "k"}
        if operation.name in {"say", "start", "stop"}:
            text = {"text": "x" * 3_000} if operation.name == "say" else {}
            return await operation.call(api, operation.at(session["id"]), body=operation.body | text)
        await api.say("Hello", key="k")
        return await operation.call(api, operation.at(session["id"]), headers=key)


WAYS: Mapping[int, Way] = {
    400: nonsense,
    401: without_token,
    403: not_for_this,
    404: nowhere,
    408: slowly,
    409: nobody_there,
    413: too_large,
    415: as_text,
    422: refused,
}
DOCUMENTED = [(operation, status) for operation in OPERATIONS for status in sorted(operation.statuses - {429, 503})]


@pytest.mark.parametrize(("operation", "status"), DOCUMENTED, ids=str)
def test_every_documented_problem_can_be_had(operation: Operation, status: int) -> None:
    @in_memory()
    async def story(world: MemoryWorld) -> None:
        async with program(world.service) as api:
            response = await WAYS[status](operation, api, world)
            assert response.status_code == status, response.text
            assert_problem(response)
            assert [each for session in world.provider.hosted for each in session.given if "Hello" not in each] == []

    story()


@in_memory()
async def test_whoever_asks_too_often_is_told_so_everywhere(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        for _ in range(int(BURST)):
            await api.get("/requests/r1")
        for operation in OPERATIONS:
            response = await operation.call(api, operation.at())
            assert response.status_code == 429, operation
            assert_problem(response)
    assert not world.provider.hosted


def assert_problem(response: httpx.Response) -> None:
    """RFC 9457, with a sentence for a person."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == response.status_code
    assert problem["type"].startswith("urn:avatarbot:problem:")
    assert problem["detail"][:1].isupper() or problem["detail"].startswith("“")
    assert problem["detail"].endswith((".", "create", "…"))


def test_every_operation_tells_what_any_may_be_refused_with() -> None:
    assert {kind.status for kind in ALWAYS} == {400, 401, 429, 503}
    for operation in OPERATIONS:
        assert operation.statuses >= {400, 401, 429, 503}


@in_memory()
async def test_an_unknown_url_is_told_where_to_look(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        response = await api.get("/sing")
        assert response.status_code == 404
        assert "openapi.json" in response.json()["detail"]
        assert_problem(response)


@in_memory()
async def test_without_any_token_there_is_nothing(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        await world.service.services.storage.tokens.revoke("release-bot")
        for operation in OPERATIONS:
            assert (await operation.call(api, operation.at())).status_code == 404
        for path in ("/openapi.json", "/sing"):
            assert (await api.get(path)).json()["detail"] == "There is nothing here."
        assert (await api.http.request("PATCH", "/api/v1/say")).status_code == 404


@in_memory()
async def test_an_expired_token_is_told_so(world: MemoryWorld) -> None:
    async with program(world.service, expires=timedelta(minutes=1)) as api:
        await asyncio.sleep(61)
        response = await api.say("Hello")
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert "expired" in response.json()["detail"]


@in_memory()
async def test_a_place_without_its_platform_is_nowhere(world: MemoryWorld) -> None:
    async with program(world.service, places=[f"slack/T1/{CHANNEL.channel_id}", "slack/T1/*"]) as api:
        assert (await api.say("Hello", "slack/T1/C1")).status_code == 404
        assert (await api.say("Hello", "slack/T1/*")).status_code == 404
        assert (await api.get("/sessions")).json() == {"sessions": []}


@in_memory()
async def test_without_a_place_a_start_is_told_what_lacks(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        for body in ({}, {"avatar": "Alma"}, {"place": ""}):
            assert (await api.post("/sessions", body)).status_code == 400
        strange = await api.post("/sessions", {"place": PLACE, "colour": "red"})
        assert strange.status_code == 422
        assert "colour" in strange.json()["detail"]
    assert not world.provider.hosted


@in_memory()
async def test_values_of_a_query_are_looked_at(world: MemoryWorld) -> None:
    async with program(world.service) as api:
        session = await known_session(api, world)
        for path in (
            f"/sessions/{session}/transcript?format=pdf",
            "/usage?days=0",
            "/usage?days=x",
            f"/avatars?place={PLACE}&page=0",
        ):
            response = await api.get(path)
            assert response.status_code == 400, path
            assert_problem(response)
