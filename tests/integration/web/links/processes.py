"""Two processes in one: a worker that runs a session, and one with pages that is reached over a link."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from starlette import types
from websockets.asyncio.client import ClientConnection, connect

from bot.clock import SystemClock
from bot.domain.conversations import Accepted, Inbound, Membership, Outcome, Person
from bot.domain.sessions import Mode, SessionStatus
from bot.media.events import MediaFanout, SessionEvents, SessionView
from bot.media.voices import Microphone
from bot.ports.grants import Scope
from bot.ports.room import Codec, VideoFrame
from bot.ports.storage.records import Lease, Placement
from bot.tasks import cancel_and_wait
from bot.telemetry import Metrics, new_metrics
from bot.web.app import serve
from bot.web.http_limits import Bounds
from bot.web.links.router import LinkRouter
from bot.web.links.server import LinkServer, LinkSurroundings
from bot.web.links.tokens import LinkKeys
from bot.web.links.wire import UP_BYTES, VERSION
from bot.web.viewer.presence import Presence
from tests.browser.session_fixture import SESSION, ScriptedCore, scripted_core
from tests.patience import until

KEY = Fernet.generate_key().decode()
ANN = Person("ann", "Ann", Membership.MEMBER)
BEN = Person("ben", "Ben", Membership.MEMBER)
LIVE = SessionView(SESSION, SessionStatus.LIVE, "Mei", "mei", Mode.DIALOGUE, "Write in the thread.")


class Worker:
    """Runs the session, as far as a link sees that."""

    def __init__(self, name: str = "worker", epoch: int = 1) -> None:
        self.lease: Lease | None = Lease(SESSION, name, epoch)
        self.events = SessionEvents()
        self.presence = Presence()
        self.clock = SystemClock()
        self.handed_in: list[Inbound] = []
        self.address = ""
        self.metrics = new_metrics()
        self.server: types.ASGIApp = LinkServer(self.surroundings(), LinkKeys([KEY]))
        self._serving = contextlib.AsyncExitStack()

    def surroundings(self) -> LinkSurroundings:
        return LinkSurroundings(self.events, self.presence, self, self.clock, self.metrics, self.lease_of)  # type: ignore[arg-type]

    def lease_of(self, session_id: str) -> Lease | None:
        return self.lease if self.lease and self.lease.session_id == session_id else None

    async def accept(self, inbound: Inbound) -> Outcome:
        self.handed_in.append(inbound)
        return Accepted("row", SESSION)

    @property
    def media(self) -> MediaFanout:
        return self.events.media.of(SESSION)

    @property
    def links(self) -> int:
        return int(self.metrics.links.labels("worker")._value.get())

    def placement(self) -> Placement | None:
        lease = self.lease
        return Placement(lease.worker_id, lease.epoch, self.address, VERSION) if lease else None

    async def start(self) -> None:
        bounds = Bounds(message_bytes=UP_BYTES)
        port = await self._serving.enter_async_context(serve(self.server, "127.0.0.1", 0, bounds=bounds))
        self.address = f"127.0.0.1:{port}"
        self.events.publish(SESSION, LIVE)

    async def die(self) -> None:
        """Without a word on how the session goes on."""
        self.lease = None
        await self._serving.aclose()

    def end_run(self) -> None:
        self.lease = None
        self.events.forget(SESSION)


class HeldUp:
    """Between a worker and whoever asks for a link: `came` is set when one does, and nothing goes on before `goes_on`."""

    def __init__(self) -> None:
        self.came, self.goes_on = asyncio.Event(), asyncio.Event()

    def before(self, app: types.ASGIApp) -> types.ASGIApp:
        async def held(scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
            self.came.set()
            await self.goes_on.wait()
            await app(scope, receive, send)

        return held


@dataclass
class WebProcess:
    """Serves pages."""

    core: ScriptedCore
    workers: list[Worker] = field(default_factory=list)
    version: int = VERSION
    looked: int = 0
    metrics: Metrics = field(default_factory=new_metrics)

    @property
    def failed(self) -> int:
        """Links that could not be opened."""
        return int(self.metrics.links_failed._value.get())

    async def placement(self, _session_id: str) -> Placement | None:
        self.looked += 1
        found = next((placement for worker in self.workers if (placement := worker.placement())), None)
        return found and replace(found, version=self.version)

    @contextlib.asynccontextmanager
    async def routing(self, keys: LinkKeys | None = None) -> AsyncIterator[None]:
        core = self.core
        surroundings = LinkSurroundings(core.events, core.presence, core, core.clock, self.metrics, lambda _: None)
        router = LinkRouter(surroundings, self.core.archive, self.placement, keys or LinkKeys([KEY]))
        running = asyncio.create_task(router.run())
        try:
            yield
        finally:
            await cancel_and_wait(running)


@contextlib.asynccontextmanager
async def web_process(folder: Path, *workers: Worker, version: int = VERSION) -> AsyncIterator[WebProcess]:
    folder.mkdir(exist_ok=True)
    async with scripted_core(folder) as core:
        core.archive.last = LIVE
        web = WebProcess(core, list(workers), version)
        async with web.routing():
            yield web


@contextlib.asynccontextmanager
async def worker_process(name: str = "worker", epoch: int = 1) -> AsyncIterator[Worker]:
    worker = Worker(name, epoch)
    await worker.start()
    try:
        yield worker
    finally:
        await worker.die()


class Page:
    """What a page does with its socket, and everything that it was sent."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.pictures: list[bytes] = []
        self.acknowledges = True

    async def read(self) -> None:
        async for frame in self.socket:
            if isinstance(frame, str):
                self.frames.append(json.loads(frame))
                continue
            self.pictures.append(frame)
            if self.acknowledges:
                await self.send(type="ack", number=int.from_bytes(frame[4:8], "little"))

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    def last(self, kind: str) -> dict[str, Any]:
        return next((frame for frame in reversed(self.frames) if frame["type"] == kind), {})

    async def sees(self, kind: str, **values: Any) -> dict[str, Any]:
        """Wait for a frame of a kind whose newest has these values."""
        await until(lambda: self.last(kind) and all(self.last(kind).get(name) == each for name, each in values.items()))
        return self.last(kind)

    def said(self) -> list[str]:
        return [frame["text"] for frame in self.frames if frame["type"] == "said"]


@contextlib.asynccontextmanager
async def page_of(core: ScriptedCore, person: Person | None = ANN, *, plays: bool = True) -> AsyncIterator[Page]:
    scope = Scope.SPEAK if person else Scope.WATCH
    secret = await core.grants.mint(SESSION, scope, person, core.in_minutes(60))
    url = f"{core.base.replace('http', 'ws')}/v/socket"
    async with connect(url, compression=None, close_timeout=0.1) as socket:
        page = Page(socket)
        await page.send(type="present", grant=secret)
        await page.send(type="visible", on=True, plays=plays)
        reading = asyncio.create_task(page.read())
        try:
            yield page
        finally:
            await cancel_and_wait(reading)


@contextlib.asynccontextmanager
async def playing(media: MediaFanout, size: int = 2_000, every_s: float = 0.02) -> AsyncIterator[None]:
    """A picture fifty times a second, key frames only when they are asked for."""

    async def play() -> None:
        for number in itertools.count():
            key = media.take_keyframe_request()
            media.show(VideoFrame("1", Codec.VP8, key, 640, 360, number * 20_000, bytes(size)))
            await asyncio.sleep(every_s)

    task = asyncio.create_task(play())
    try:
        yield
    finally:
        await cancel_and_wait(task)


class Listener:
    """The run: hears whoever has the floor."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.holder: Microphone | None = None
        self.begun = 0

    def refusal(self, microphone: Microphone) -> str:
        return "Not you." if microphone.claimant.name == "Eve" else ""

    def hand_over(self, microphone: Microphone | None) -> None:
        self.holder = microphone

    def take(self, frame: bytes) -> None:
        self.heard.append(frame)

    def speaks(self) -> None:
        self.begun += 1
