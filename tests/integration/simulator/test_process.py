"""The simulator in a process of its own, as acceptance tests use it."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator

import httpx
from websockets.asyncio.client import connect

from adapters.simulator import connect_remote
from bot.ports.room import ConnectionLost, LossReason, Packet, PeerJoined
from tests import patience
from tests.patience import HANG_S
from tests.unit.simulator.customer import ALMA, SESSION, chat, credentials, until


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.simulator", "--pace", "inf", "--join-delay", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(HANG_S):
            url = (await process.stdout.readline()).decode().strip()
        yield process, url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"x-api-key": "simulator"}, timeout=HANG_S)


async def test_a_remote_avatar_speaks_and_is_closed_at_sigterm() -> None:
    async with running() as (process, url), client(url) as http:
        wanted = {"avatar_id": ALMA, "duration": 60, "mode_type": 1}
        session = (await http.post(f"{SESSION}/create", json=wanted)).json()["data"]
        connection = connect_remote(url)(credentials(session))
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        await connection.send(chat("m", "hello over there"))
        await until(events, Packet, event="audio_end")
        report = (await http.get("/_simulator/state")).json()
        assert [said["given"] for said in report["sessions"][0]["spoken"]] == ["hello over there"]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(HANG_S):
            *_, last = [event async for event in events]
            assert await process.wait() == 0
        assert isinstance(last, ConnectionLost)
        assert last.reason is LossReason.LOST


async def test_a_client_that_is_gone_has_left_the_room() -> None:
    async with running() as (_, url), client(url) as http:
        session = (await http.post(f"{SESSION}/create", json={"avatar_id": ALMA, "duration": 60})).json()["data"]
        connection = connect_remote(url)(credentials(session))
        await connection.join()
        await until(connection.events(), PeerJoined)
        connection._socket.transport.abort()  # type: ignore[attr-defined]  # as `kill -9` does

        async def left() -> bool:
            return "100000" not in str((await http.get("/_simulator/state")).json()["rooms"])

        await patience.until(left)


async def test_who_brings_no_credentials_is_told_so() -> None:
    async with (
        running() as (_, url),
        connect(f"ws{url.removeprefix('http')}/_simulator/connection", proxy=None) as socket,
    ):
        await socket.send("hello?")
        assert str(await socket.recv()).startswith("not credentials")
