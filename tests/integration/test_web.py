import asyncio
import socket
from collections.abc import AsyncIterator, Mapping, Sequence

import httpx
import pytest
import structlog
import websockets
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket

from bot.domain.errors import SettingsError, StoreUnavailable
from bot.ports.chat import HttpMount
from bot.telemetry import configure_logging, new_metrics
from bot.testing.virtual_time import virtual
from bot.web.app import create_app, listen, serve
from bot.web.readiness import Readiness
from tests.patience import HANG_S, until

TOKEN = "a-token-of-sixteen-or-more"


async def fine() -> None:
    return None


async def locked() -> None:
    raise StoreUnavailable("The database is locked by another program.")


async def broken() -> None:
    raise RuntimeError("boom")


async def stuck() -> None:
    await asyncio.Event().wait()


def mounts(*routes: BaseRoute) -> list[HttpMount]:
    return [HttpMount("", Router(routes))] if routes else []


async def get(
    path: str,
    *,
    readiness: Mapping[str, Readiness] | None = None,
    routes: Sequence[BaseRoute] = (),
    token: str = "",
    host: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
    name: str = "localhost",
) -> httpx.Response:
    app = create_app(new_metrics(), readiness or {}, mounts(*routes), token)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(host, 5000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{name}") as http:
        return await http.get(path, headers=headers)


async def test_alive_even_when_not_ready() -> None:
    assert (await get("/healthz", readiness={"database": locked})).status_code == 200


async def test_ready_when_every_check_is() -> None:
    response = await get("/readyz", readiness={"database": fine, "lease": fine})
    assert (response.status_code, response.json()) == (200, {"ready": True, "reasons": {}})


@virtual
async def test_not_ready_says_why() -> None:
    response = await get("/readyz", readiness={"database": locked, "lease": fine, "disk": broken, "avatar": stuck})
    assert response.status_code == 503
    assert response.json()["reasons"] == {
        "database": "The database is locked by another program.",
        "disk": "The check itself failed; the log says why.",
        "avatar": "No answer within 2 s.",
    }


@pytest.mark.parametrize(
    ("host", "token", "offered", "status"),
    [
        ("127.0.0.1", "", "", 200),
        ("::1", "", "", 200),
        ("203.0.113.9", "", "", 404),
        ("not an address", "", "", 404),
        ("203.0.113.9", TOKEN, f"Bearer {TOKEN}", 200),
        ("203.0.113.9", TOKEN, "Bearer wrong", 401),
        ("203.0.113.9", TOKEN, "", 401),
        ("127.0.0.1", TOKEN, "", 401),  # a proxy on this machine makes everybody look local
    ],
)
async def test_metrics_are_for_this_machine_or_the_token(host: str, token: str, offered: str, status: int) -> None:
    response = await get("/metrics", token=token, host=host, headers={"Authorization": offered})
    assert response.status_code == status
    assert ("avatarbot_viewers" in response.text) is (status == 200)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:8080", 200),
        ("rebound.example", 404),
        ("rebound.example:8080", 404),
        ("localhost.evil.example", 404),
        ("10.0.0.5", 404),
    ],
)
async def test_metrics_without_a_token_need_a_local_host_name(name: str, status: int) -> None:
    assert (await get("/metrics", name=name)).status_code == status


async def watch(_request: Request) -> Response:
    return PlainTextResponse("page", headers={"Content-Security-Policy": "frame-ancestors https://app.slack.com"})


async def fail(_request: Request) -> Response:
    raise RuntimeError("boom")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(await socket.receive_text())
    await socket.receive()


ROUTES = (Route("/v/{id}", watch), Route("/fail", fail), Mount("/slack", routes=[Route("/events", watch)]))


async def test_headers_are_safe_unless_a_page_sets_its_own() -> None:
    page, missing = await get("/v/key", routes=ROUTES), await get("/nothing")
    assert page.headers["content-security-policy"] == "frame-ancestors https://app.slack.com"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert missing.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/v/secret-key-of-a-viewer", "/v/{id}", 200),
        ("/fail", "/fail", 500),
        ("/slack/events", "/slack/events", 200),
        ("/wp-admin", "(none)", 404),
    ],
)
async def test_the_access_log_names_the_route_and_never_the_path(path: str, route: str, status: int) -> None:
    with structlog.testing.capture_logs() as lines:
        await get(path, routes=ROUTES)
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["route"], line["status"]) == (route, status)
    assert "secret-key" not in str(lines)


async def test_probes_are_not_worth_a_line() -> None:
    configure_logging("debug")
    with structlog.testing.capture_logs() as lines:
        await get("/healthz")
    assert [line["log_level"] for line in lines] == ["debug"]


async def test_a_failure_shows_no_trace() -> None:
    response = await get("/fail", routes=ROUTES)
    assert (response.status_code, response.text) == (500, "Internal Server Error")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    routes = (*ROUTES, WebSocketRoute("/echo", echo))
    async with serve(create_app(new_metrics(), {}, mounts(*routes)), "127.0.0.1", 0) as port:
        yield port


async def test_it_serves_http_and_sockets_without_compression(port: int) -> None:
    async with httpx.AsyncClient(timeout=HANG_S) as http:
        assert (await http.get(f"http://127.0.0.1:{port}/healthz")).text == "alive\n"
    async with websockets.connect(f"ws://127.0.0.1:{port}/echo") as socket:
        await socket.send("hello")
        assert await socket.recv() == "hello"
        assert socket.protocol.extensions == []


async def test_the_end_of_the_block_closes_open_sockets_in_time() -> None:
    app = create_app(new_metrics(), {}, mounts(WebSocketRoute("/echo", echo)))
    async with asyncio.timeout(HANG_S):
        async with serve(app, "127.0.0.1", 0) as port:
            socket = await websockets.connect(f"ws://127.0.0.1:{port}/echo")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    with listen("127.0.0.1", port):
        pass  # the port is free again


async def test_draining_answers_who_asked_and_lets_nobody_in() -> None:
    draining, asked, answers = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        asked.set()
        await answers.wait()
        return PlainTextResponse("answered")

    app = create_app(new_metrics(), {}, mounts(Route("/slow", slow)))
    async with (
        asyncio.timeout(HANG_S),
        serve(app, "127.0.0.1", 0, draining=draining) as port,
        httpx.AsyncClient(timeout=HANG_S) as http,
    ):
        asking = asyncio.create_task(http.get(f"http://127.0.0.1:{port}/slow"))
        await asked.wait()
        draining.set()
        await until(lambda: _lets_nobody_in(port))
        answers.set()
        assert (await asking).text == "answered"


async def _lets_nobody_in(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:  # refused, or reset where the port is closed at that moment
        return True
    writer.close()
    return False


async def test_an_error_in_the_block_is_raised_unchanged() -> None:
    with pytest.raises(SettingsError, match="as it is"):
        async with serve(create_app(new_metrics(), {}), "127.0.0.1", 0):
            raise SettingsError("as it is")


def test_a_taken_port_is_said() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SettingsError, match=f"^Port {port} is taken by another program: stop that one, or set PORT"
        ):
            listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.9", "no such host.invalid"])
def test_an_address_of_another_machine_is_said(host: str) -> None:
    with pytest.raises(SettingsError, match="set AVATARBOT_HOST"):
        listen(host, 0)


def test_ipv6_is_an_address_too() -> None:
    with listen("::1", 0) as listener:
        assert listener.family == socket.AF_INET6
