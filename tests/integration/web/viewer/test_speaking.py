"""A microphone over a real socket: only of who may, only with the floor, and at no more than the pace of a voice."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from bot.domain.conversations import Membership, Person
from bot.domain.sessions import SessionStatus
from bot.media.voices import Microphone
from bot.ports.grants import Scope
from bot.ports.room import VOICE_FRAME
from bot.web.viewer.speaking import BURST, FRAMES_PER_S, UNHEARD_LIMIT, FrameMeter
from tests.browser.session_fixture import SESSION, ScriptedCore, scripted_core
from tests.patience import HANG_S, until

ANN = Person("ann", "Ann", Membership.MEMBER)
BEN = Person("ben", "Ben", Membership.MEMBER)
FRAME = bytes(VOICE_FRAME)
POLICY, TOO_LARGE = 1008, 1009


class Listener:
    """The run: counts what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.begun = 0

    def refusal(self, _microphone: Microphone) -> str:
        return ""

    def hand_over(self, microphone: Microphone | None) -> None:
        pass

    def take(self, frame: bytes) -> None:
        self.heard.append(frame)

    def speaks(self) -> None:
        self.begun += 1


@dataclass
class Page:
    socket: ClientConnection

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def next(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind."""
        async with asyncio.timeout(HANG_S):
            while True:
                frame = await self.socket.recv()
                if isinstance(frame, str) and (read := json.loads(frame))["type"] == kind:
                    return dict(read)

    async def has_floor(self) -> None:
        await self.send(type="floor", on=True)
        while not (await self.next("floor")).get("yours"):
            pass

    async def closed(self) -> int:
        """The code with which the server closes."""
        async with asyncio.timeout(HANG_S):
            await self.socket.wait_closed()
        assert self.socket.close_code
        return self.socket.close_code


@contextlib.asynccontextmanager
async def opened(core: ScriptedCore, person: Person | None = ANN) -> AsyncIterator[Page]:
    scope = Scope.SPEAK if person else Scope.WATCH
    secret = await core.grants.mint(SESSION, scope, person, core.in_minutes(60))
    url = f"{core.base.replace('http', 'ws')}/v/socket"
    async with connect(url, compression=None, close_timeout=0.1) as socket:
        page = Page(socket)
        await page.send(type="present", grant=secret)
        await page.send(type="visible", on=True)
        await page.next("floor")
        yield page


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[ScriptedCore]:
    async with scripted_core(tmp_path) as opened_core:
        await opened_core.show(status=SessionStatus.LIVE)
        yield opened_core


@contextlib.contextmanager
def listening(core: ScriptedCore) -> Any:
    listener = Listener()
    with core.events.voices.of(SESSION).heard_by(listener):
        yield listener


async def test_a_voice_is_heard_from_who_has_the_floor(core: ScriptedCore) -> None:
    with listening(core) as listener:
        async with opened(core) as page, opened(core, BEN) as other:
            await page.has_floor()
            shown = await other.next("floor")
            await page.socket.send(FRAME)
            await other.socket.send(b"\1" * VOICE_FRAME)
            await until(lambda: listener.heard == [FRAME])
    assert (shown["name"], shown.get("yours")) == ("Ann", None)


async def test_only_who_has_the_floor_begins_to_speak(core: ScriptedCore) -> None:
    with listening(core) as listener:
        async with opened(core) as page, opened(core, BEN) as other:
            await page.has_floor()
            await other.send(type="speaks")
            await other.send(type="floor", on=True)
            while not (await other.next("floor")).get("place"):
                pass
            assert listener.begun == 0
            await page.send(type="speaks")
            await until(lambda: listener.begun == 1)


async def test_the_floor_is_passed_on_when_a_page_is_gone(core: ScriptedCore) -> None:
    with listening(core):
        async with opened(core, BEN) as waiting:
            async with opened(core) as page:
                await page.has_floor()
                await waiting.send(type="floor", on=True)
                while (await waiting.next("floor")).get("place") != 1:
                    pass
            while not (await waiting.next("floor")).get("yours"):
                pass


async def test_who_only_watches_is_told_so_and_not_heard(core: ScriptedCore) -> None:
    with listening(core) as listener:
        async with opened(core, None) as page:
            await page.send(type="floor", on=True)
            assert "watching only" in (await page.next("note"))["sentence"]
            await page.socket.send(FRAME)
            await page.send(type="floor", on=False)
            await page.send(type="floor", on=True)
            await page.next("note")
    assert not listener.heard


async def test_nobody_listens_where_no_session_runs(core: ScriptedCore) -> None:
    async with opened(core) as page:
        await page.send(type="floor", on=True)
        assert "not live" in (await page.next("note"))["sentence"]


@pytest.mark.parametrize("frame", [b"", b"\0", bytes(VOICE_FRAME - 2), bytes(VOICE_FRAME + 2), bytes(200_000)])
async def test_what_is_no_piece_of_a_voice_closes(core: ScriptedCore, frame: bytes) -> None:
    with listening(core) as listener:
        async with opened(core) as page:
            await page.has_floor()
            await page.socket.send(frame)
            assert await page.closed() in {POLICY, TOO_LARGE}
    assert not listener.heard


async def test_a_flood_closes_and_frees_the_floor(core: ScriptedCore) -> None:
    with listening(core) as listener:
        async with opened(core) as page:
            await page.has_floor()
            with contextlib.suppress(Exception):  # it is closed meanwhile
                for _ in range(2_000):
                    await page.socket.send(FRAME)
            assert await page.closed() == POLICY
        await until(lambda: core.events.voices.of(SESSION).floor.holder is None)
    assert len(listener.heard) <= 2 * BURST


async def test_a_voice_without_the_floor_is_not_borne_for_long(core: ScriptedCore) -> None:
    with listening(core) as listener:
        async with opened(core) as page:
            with contextlib.suppress(Exception):
                for _ in range(UNHEARD_LIMIT + 2):
                    await page.socket.send(FRAME)
                    await asyncio.sleep(1 / FRAMES_PER_S)
            assert await page.closed() == POLICY
    assert not listener.heard


def test_the_pace_of_a_voice_is_borne_for_ever() -> None:
    meter = FrameMeter()
    for number in range(50 * 600):
        meter.count(FRAME, 100 + number / 50.5)  # a clock that is one in a hundred too fast


async def test_the_microphone_is_for_this_page_alone(core: ScriptedCore) -> None:
    async with httpx.AsyncClient(base_url=core.base, trust_env=False) as http:
        viewer, playground = await http.get("/v/"), await http.get("/playground")
    assert viewer.headers["permissions-policy"] == "camera=(), microphone=(self), geolocation=()"
    assert "microphone=()" in playground.headers["permissions-policy"]
    assert "'unsafe" not in viewer.headers["content-security-policy"]
