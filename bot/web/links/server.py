"""The worker's end: whoever shows a token for a session that runs here is given it, as another process's pages get it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Self

import structlog
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.clock import Clock
from bot.domain.disclosure import Disclosed
from bot.media.events import Caption, RunOver, SessionEvent, SessionEvents, SessionView
from bot.media.floor import Floor
from bot.ports.chat import CoreApi
from bot.ports.storage.records import Lease
from bot.telemetry import Metrics, warn_of_outsider
from bot.web.links.tokens import LinkKeys, LinkTarget
from bot.web.links.wire import (
    PATH,
    AudienceShown,
    CaptionShown,
    FloorAsked,
    FloorLeft,
    FloorStands,
    FramesTaken,
    FromWorker,
    KeyFrameAsked,
    LinkOpened,
    PeopleWatch,
    Plays,
    ToWorker,
    ViewShown,
    VoiceBegins,
    VoiceTold,
    WordsHeard,
    encode,
    to_worker,
    voice_of,
)
from bot.web.page import ended_by, message_of
from bot.web.viewer.actions import microphone_of
from bot.web.viewer.presence import People, Presence
from bot.web.viewer.sending import NewestFrames, Player

log = structlog.get_logger(__name__)

NORMAL, POLICY = 1000, 1008

MOST_CLAIMANTS = 256
"""Microphones of one link that wait for the floor or have it."""

_NOT_FOUND = PlainTextResponse("Not Found", 404)


@dataclass(frozen=True, slots=True)
class LinkSurroundings:
    """What both ends of a link pass on from, and to."""

    events: SessionEvents
    presence: Presence
    core: CoreApi
    clock: Clock
    metrics: Metrics
    lease_of: Callable[[str], Lease | None]
    """The lease of a session's run in this process."""


class _RunEnded(Exception):
    """There is nothing more to pass on."""


class LinkServer:
    """The one application of the internal port. What is no link with a good token is 404."""

    def __init__(self, surroundings: LinkSurroundings, keys: LinkKeys) -> None:
        self._surroundings = surroundings
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _NOT_FOUND(scope, receive, send)
            return
        socket = WebSocket(scope, receive, send)
        token = socket.headers.get("authorization", "")
        target = self._target(socket)
        if target is None or not self._keys.opens(token, target, self._surroundings.clock.now()):
            warn_of_outsider("somebody without a token asked for a link")
            await socket.send_denial_response(_NOT_FOUND)
            return
        await self._serve(socket, target.session_id, self._keys.answer(token))

    def _target(self, socket: WebSocket) -> LinkTarget | None:
        """The run here that is asked for."""
        path = socket.url.path
        lease = self._surroundings.lease_of(path.removeprefix(PATH)) if path.startswith(PATH) else None
        if lease is None or socket.query_params.get("epoch") != str(lease.epoch):
            return None
        return LinkTarget(lease.session_id, lease.worker_id, lease.epoch)

    async def _serve(self, socket: WebSocket, session_id: str, answer: str) -> None:
        links = self._surroundings.metrics.links.labels("worker")
        links.inc()
        try:
            with suppress(WebSocketDisconnect):
                await socket.accept()
                await self._pass_on(socket, session_id, answer)
        finally:
            links.dec()

    async def _pass_on(self, socket: WebSocket, session_id: str, answer: str) -> None:
        try:
            with ended_by(WebSocketDisconnect, _RunEnded, ValueError):
                await _WatchingProcess(socket, session_id, self._surroundings).serve(answer)
        except _RunEnded:
            await socket.close(NORMAL)
        except ValueError:
            log.warning("a link sent what no process of this version sends", session=session_id)
            await socket.close(POLICY)


class _WatchingProcess:
    """One process whose people watch one session: a watcher and a place in its audience, and a microphone for each who speaks there."""

    def __init__(self, socket: WebSocket, session_id: str, surroundings: LinkSurroundings) -> None:
        self._socket = socket
        self._session_id = session_id
        self._core, self._clock = surroundings.core, surroundings.clock
        self._events, self._presence = surroundings.events, surroundings.presence
        self._voices = surroundings.events.voices.of(session_id)
        media = surroundings.events.media.of(session_id)
        self._frames = NewestFrames[FromWorker](socket, media, encode, pictured=lambda _: None)
        self._claimants: set[str] = set()

    async def serve(self, answer: str) -> None:
        """Until it closes, or the run is over: raises `_RunEnded`. Raises `ValueError` for what no process of ours sends."""
        show = self._frames.show
        show("opened", LinkOpened(answer))
        shown = self._presence.standing_for(self._session_id, lambda them: show("audience", AudienceShown(them)))
        seen = self._events.watch(self._session_id, Disclosed.passed_on(), passes_on=True)
        with shown as stand, seen as events, self._leaving_the_floor(), _Playing(self._frames.player) as playing:
            self._show_all()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._frames.write())
                tasks.create_task(self._hear(stand, playing))
                async for event in events:
                    self._show(event)

    def _show_all(self) -> None:
        if view := self._events.view(self._session_id):
            self._show(view)
        for caption in self._events.growing(self._session_id):
            self._show(caption)
        self._show(self._voices.floor)

    def _show(self, event: SessionEvent) -> None:
        match event:
            case SessionView():
                self._frames.show("view", ViewShown(event))
            case Caption():
                self._frames.show(f"caption {event.id}", CaptionShown(event))
            case Floor():
                self._frames.show("floor", FloorStands.of(event, asyncio.get_running_loop().time()))
            case RunOver():
                raise _RunEnded

    async def _hear(self, stand: Callable[[People], None], playing: "_Playing") -> None:
        while True:
            message = await message_of(self._socket)
            if isinstance(message, bytes):
                self._voices.say(*voice_of(message))
            else:
                self._heed(to_worker(message), stand, playing)

    def _heed(self, frame: ToWorker, stand: Callable[[People], None], playing: "_Playing") -> None:
        match frame:
            case PeopleWatch(people):
                stand(people)
            case Plays(on):
                playing.turn(on=on)
            case FramesTaken(number):
                self._frames.player.acknowledge(number)
            case KeyFrameAsked():
                self._frames.player.media.want_key_frame()
            case FloorAsked():
                self._ask(frame)
            case FloorLeft(claimant_id):
                self._claimants.discard(claimant_id)
                self._voices.leave(claimant_id)
            case VoiceBegins(claimant_id):
                self._voices.speaks(claimant_id)

    def _ask(self, asked: FloorAsked) -> None:
        if len(self._claimants) >= MOST_CLAIMANTS:
            raise ValueError("more microphones than a process has")
        id_, show = asked.claimant_id, self._frames.show
        self._claimants.add(id_)
        microphone = microphone_of(
            id_,
            asked.role,
            asked.person,
            asked.place,
            self._core,
            self._clock,
            show=lambda text: show(f"heard {id_}", WordsHeard(id_, text)),
            tell=lambda sentence: show(f"told {id_}", VoiceTold(id_, sentence)),
        )
        self._voices.ask(microphone, take=asked.take)

    @contextmanager
    def _leaving_the_floor(self) -> Iterator[None]:
        try:
            yield
        finally:
            for claimant_id in self._claimants:
                self._voices.leave(claimant_id)


class _Playing:
    """Gives picture and sound to a player while it is turned on."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._on = ExitStack()

    def turn(self, *, on: bool) -> None:
        self._on.close()
        if on:
            self._on.enter_context(self._player.media.watching(self._player, Disclosed.passed_on()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._on.close()
