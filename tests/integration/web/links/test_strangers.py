"""The internal port as strangers meet it: nothing is there, whoever asks, however often; and a link as somebody may misuse it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_sockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bot.media.events import SessionEvents, SessionView
from bot.media.keyframes import BEHIND_S
from bot.ports.storage.records import Placement
from bot.web.app import serve
from bot.web.http_limits import Bounds
from bot.web.links.client import MOST_UNSENT, LinkLost, SessionLink
from bot.web.links.tokens import WITHIN_S, LinkKeys, LinkTarget
from bot.web.links.wire import MOST_PEOPLE, PATH, UP_BYTES, VERSION, LinkOpened, ViewShown, encode
from bot.web.viewer.presence import Presence
from tests.browser.session_fixture import SESSION
from tests.integration.web.links.processes import KEY, LIVE, Worker, page_of, playing, web_process, worker_process
from tests.patience import HANG_S, until

TARGET = LinkTarget(SESSION, "worker", 1)
KEYS = LinkKeys([KEY])
OTHER_KEY = Fernet.generate_key().decode()
NOT_FOUND, POLICY, TOO_LARGE = 404, 1008, 1009


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    async with worker_process() as opened:
        yield opened


def now(seconds: float = 0.0) -> datetime:
    return Worker().clock.now() + timedelta(seconds=seconds)


@contextlib.asynccontextmanager
async def asked(
    worker: Worker, token: str | None, path: str = f"{PATH}{SESSION}?epoch=1"
) -> AsyncIterator[ClientConnection]:
    headers = {} if token is None else {"authorization": token}
    url = f"ws://{worker.address}{path}"
    async with connect(url, additional_headers=headers, compression=None, close_timeout=0.1, max_size=None) as socket:
        yield socket


async def refused(worker: Worker, token: str | None, path: str = f"{PATH}{SESSION}?epoch=1") -> bool:
    """Whether nothing is there for who asks so."""
    with pytest.raises(InvalidStatus) as caught:
        async with asked(worker, token, path):
            pass
    return caught.value.response.status_code == NOT_FOUND


@pytest.mark.parametrize(
    "token",
    [
        lambda: None,
        lambda: "",
        lambda: "Avatarbot",
        lambda: "Avatarbot ..",
        lambda: "Avatarbot x.y.z",
        lambda: "Avatarbot 1.2",
        lambda: "Bearer " + KEYS.token(TARGET, now()).partition(" ")[2],
        lambda: "Avatarbot " + "9" * 5_000,
        lambda: KEYS.token(TARGET, now())[:-1],
        lambda: KEYS.token(TARGET, now()) + "0",
        lambda: LinkKeys([OTHER_KEY]).token(TARGET, now()),
        lambda: KEYS.token(replace(TARGET, session_id="another"), now()),
        lambda: KEYS.token(replace(TARGET, worker_id="another"), now()),
        lambda: KEYS.token(replace(TARGET, epoch=2), now()),
        lambda: KEYS.token(TARGET, now(-WITHIN_S - 30)),
        lambda: KEYS.token(TARGET, now(WITHIN_S + 300)),
    ],
)
async def test_who_has_no_good_token_finds_nothing(worker: Worker, token: Callable[[], str | None]) -> None:
    assert await refused(worker, token())
    assert worker.links == 0


@pytest.mark.parametrize(
    "path",
    ["/", PATH, f"{PATH}another?epoch=1", f"{PATH}{SESSION}?epoch=2", f"{PATH}{SESSION}", f"/x{PATH}{SESSION}?epoch=1"],
)
async def test_a_good_token_opens_nothing_else(worker: Worker, path: str) -> None:
    assert await refused(worker, KEYS.token(TARGET, now()), path)


async def test_nothing_is_served_over_http(worker: Worker) -> None:
    headers = {"authorization": KEYS.token(TARGET, now())}
    async with httpx.AsyncClient(base_url=f"http://{worker.address}", headers=headers, trust_env=False) as http:
        for path in ("/", "/healthz", "/metrics", "/v/", f"{PATH}{SESSION}?epoch=1"):
            answers = [await http.get(path), await http.post(path, content=b"x")]
            assert [(answer.status_code, answer.text) for answer in answers] == [(NOT_FOUND, "Not Found")] * 2


async def test_a_token_opens_once(worker: Worker) -> None:
    token = KEYS.token(TARGET, now())
    async with asked(worker, token):
        assert await refused(worker, token)
    assert await refused(worker, token)


async def test_any_key_of_the_list_opens() -> None:
    both = LinkKeys([KEY, OTHER_KEY])
    for keys in (LinkKeys([KEY]), LinkKeys([OTHER_KEY]), both):
        assert both.opens(keys.token(TARGET, now()), TARGET, now())


def test_used_tokens_are_forgotten_when_they_are_too_old() -> None:
    keys = LinkKeys([KEY])
    for second in range(0, 600, 10):
        token = keys.token(TARGET, now(second))
        assert keys.opens(token, TARGET, now(second))
    assert len(keys._used) <= 8


async def test_a_session_that_does_not_run_here_is_not_there(worker: Worker) -> None:
    worker.lease = None
    assert await refused(worker, KEYS.token(TARGET, now()))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        bytes(16),
        bytes(640),
        bytes(705),
        b"\xff" * 650,
        "",
        "{}",
        "[]",
        '{"type":"dance"}',
        '{"type":"plays","on":"yes"}',
        "é" * 9,
        json.dumps({"type": "leave", "claimant_id": "x" * 65}),
        json.dumps({"type": "people", "people": {"ann": "x" * 65}}),
        json.dumps({"type": "people", "people": {str(number): "" for number in range(MOST_PEOPLE + 1)}}),
    ],
)
async def test_what_no_process_of_ours_sends_closes_it(worker: Worker, message: str | bytes) -> None:
    async with asked(worker, KEYS.token(TARGET, now())) as socket:
        await socket.send(message)
        assert await closed(socket) == POLICY
    await until(lambda: worker.links == 0)
    assert worker.events.watchers(SESSION) == 0


async def test_a_frame_that_is_too_large_closes_the_link(worker: Worker) -> None:
    async with asked(worker, KEYS.token(TARGET, now())) as socket:
        people = {str(number): "x" * 100 for number in range(UP_BYTES // 100)}
        with contextlib.suppress(ConnectionClosed):
            await socket.send(json.dumps({"type": "people", "people": people}))
        assert await closed(socket) == TOO_LARGE


async def test_too_many_microphones_close_the_link(worker: Worker) -> None:
    person = {"id": "ann", "name": "Ann"}
    place = {"platform": "p", "workspace_id": "w", "channel_id": "c"}
    async with asked(worker, KEYS.token(TARGET, now())) as socket:
        with contextlib.suppress(ConnectionClosed):
            for number in range(300):
                wanted = {"type": "ask", "claimant_id": str(number), "role": "member", "take": False}
                await socket.send(json.dumps(wanted | {"person": person, "place": place}))
        assert await closed(socket) == POLICY


async def closed(socket: ClientConnection) -> int:
    async with asyncio.timeout(HANG_S):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.recv()
    assert socket.close_code
    return socket.close_code


async def test_a_thousand_connections_keep_no_link_out(tmp_path: Path) -> None:
    worker = Worker()
    async with serve(worker.server, "127.0.0.1", 0, bounds=Bounds(most_open=64)) as port:
        worker.address = f"127.0.0.1:{port}"
        writers = [(await asyncio.open_connection("127.0.0.1", port))[1] for _ in range(1_000)]
        worker.events.publish(SESSION, LIVE)
        async with web_process(tmp_path, worker) as web, page_of(web.core) as page:
            await until(lambda: worker.links)
            worker.events.publish(SESSION, replace(LIVE, note="Still here."))
            await page.sees("session", note="Still here.")
        for writer in writers:
            writer.close()


async def test_who_does_not_read_costs_others_nothing(worker: Worker, tmp_path: Path) -> None:
    async with asked(worker, KEYS.token(TARGET, now())) as stuck:
        await stuck.send('{"type":"plays","on":true}')
        await until(lambda: worker.media.watched)
        stuck.transport.pause_reading()
        async with playing(worker.media, size=60_000), web_process(tmp_path, worker) as web, page_of(web.core) as page:
            await until(lambda: len(page.pictures) > 100)
            waiting = [len(player._unsent) for player in worker.media._sinks]  # type: ignore[attr-defined]
        assert len(waiting) == 2
        assert max(waiting) * 0.02 < 2 * BEHIND_S


# ---------------------------------------------------------------- the end with pages


@contextlib.asynccontextmanager
async def impostor(*said: str | bytes) -> AsyncIterator[Worker]:
    """Where a worker was, by its row, something else listens now."""

    async def say(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in said:
                await socket.send(message)
            await socket.wait_closed()

    async with serve_sockets(say, "127.0.0.1", 0) as server:
        worker = Worker()
        worker.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield worker


async def test_a_worker_that_takes_nothing_more_loses_its_link() -> None:
    async def answer_and_stop(socket: ServerConnection) -> None:
        assert socket.request
        await socket.send(encode(LinkOpened(KEYS.answer(socket.request.headers["authorization"]))))
        socket.transport.pause_reading()
        await socket.wait_closed()

    async with serve_sockets(answer_and_stop, "127.0.0.1", 0, close_timeout=0.1) as server:
        placement = Placement("worker", 1, f"127.0.0.1:{server.sockets[0].getsockname()[1]}", VERSION)
        link = SessionLink(SESSION, SessionEvents(), Presence(), lambda _: None)
        running = asyncio.create_task(link.run(placement, KEYS.token(TARGET, now()), KEYS))
        await link.opened.wait()
        while link._unsent.qsize() < MOST_UNSENT - 1:
            link.say("ann", bytes(64 * 1024))
        with pytest.raises(LinkLost):
            await asyncio.wait_for(running, HANG_S)


VIEW = encode(ViewShown(replace(LIVE, avatar_name="Mallory")))


@pytest.mark.parametrize(
    "said", [(), (VIEW,), (json.dumps({"type": "opened", "answer": "0" * 64}), VIEW), (b"\0" * 30,), ("{",)]
)
async def test_who_has_no_key_shows_nothing_on_our_pages(tmp_path: Path, said: tuple[str | bytes, ...]) -> None:
    async with impostor(*said) as worker, web_process(tmp_path, worker) as web, page_of(web.core) as page:
        await page.sees("session", status="reconnecting")
        shown: set[SessionView | None] = {web.core.events.view(SESSION)}
    assert all(view and view.avatar_name == LIVE.avatar_name for view in shown)
    assert not page.pictures


async def test_the_public_port_serves_no_link(worker: Worker, tmp_path: Path) -> None:
    async with web_process(tmp_path, worker) as web:
        worker.address = web.core.base.removeprefix("http://")
        with pytest.raises(InvalidStatus):
            async with asked(worker, KEYS.token(TARGET, now())):
                pass
