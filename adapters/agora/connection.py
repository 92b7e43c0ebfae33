"""`bot.ports.room.RoomConnection` in an Agora channel."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from types import MappingProxyType, TracebackType
from typing import Final, Self

import structlog

from adapters.agora.ipc import Join, Order, Profile, RequestKeyFrame, Send, Watch
from adapters.agora.process_pool import (
    IDLE,
    JOIN_WITHIN,
    ProcessPool,
    WorkerProcess,
    WorkerProcessLost,
    WorkerProcessOptions,
)
from adapters.agora.rooms import uid_policy
from adapters.agora.settings import AgoraSettings
from adapters.agora.tokens import NotAToken, Privilege, read
from adapters.agora.wrapper import WrapperMissing, find_libraries
from bot.domain.errors import RoomError
from bot.ports.room import (
    VOICE_FRAME,
    ConnectionLost,
    LinkDown,
    LinkUp,
    LossReason,
    PeerJoined,
    PeerLeft,
    RoomCredentials,
    RoomEvent,
)

LONGEST_PACKET: Final = 1_024
REJOIN_WITHIN: Final = 10.0

log = structlog.get_logger(__name__)


class EventQueue:
    """Read once, to its end, by a reader who does not wait between two events: media that cannot be taken in time is left out before
    it comes here. Not a generator: one that is left half read needs somebody to close it.
    """

    def __init__(self) -> None:
        self.over = False
        self._queue: asyncio.Queue[RoomEvent | None] = asyncio.Queue()

    def put(self, event: RoomEvent) -> None:
        """Never waits. Nothing follows a `ConnectionLost`."""
        if self.over:
            return
        self._queue.put_nowait(event)
        if isinstance(event, ConnectionLost):
            self.close()

    def close(self) -> None:
        """Nothing comes any more; what waits can still be read."""
        if not self.over:
            self.over = True
            self._queue.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)  # the end stays the end
            raise StopAsyncIteration
        return event


# ---------------------------------------------------------------- the connection


class AgoraConnection:
    """A connection that outlives its worker process: when that is lost, `LinkDown` and everybody's `PeerLeft` are followed within 10 s
    by `LinkUp` and `PeerJoined` from a new one, or by `ConnectionLost`.
    """

    def __init__(self, pool: ProcessPool, credentials: RoomCredentials, own_app_id: str = "") -> None:
        self._own_app_id = own_app_id
        self._pool = pool
        self._credentials = credentials
        self._worker: WorkerProcess | None = None
        self._number = 0
        self._linked = False
        self._early: list[RoomEvent] = []
        self._events = EventQueue()
        self._begun = False
        self._keeper: asyncio.Task[None] | None = None
        self._peers: set[str] = set()
        self._watched: str | None = None

    # ------------------------------------------------------------ the port

    async def join(self) -> None:
        if self._begun:
            raise RoomError("A connection is joined once.")
        self._begun = True
        self._log_grant()
        try:
            async with asyncio.timeout(JOIN_WITHIN):
                await self._sit_down()
        except TimeoutError:
            raise RoomError("The avatar's room does not answer.", f"not joined within {JOIN_WITHIN:g} s") from None
        if self._events.over:  # given up meanwhile
            await self.leave()
            raise RoomError("It was left before it had joined.")
        self._link()
        self._keeper = self._pool.tasks.create_task(self._keep())

    def events(self) -> AsyncIterator[RoomEvent]:
        return self._events

    async def send(self, packet: bytes) -> None:
        if len(packet) > LONGEST_PACKET:
            raise RoomError("That is too long for the avatar's room.", f"a packet of {len(packet)} bytes")
        await self._order(lambda number, connection: Send(number, connection, packet))

    async def watch(self, uid: str | None) -> None:
        self._watched = uid
        await self._media_order(lambda number, connection: Watch(number, connection, uid))

    async def request_key_frame(self, uid: str) -> None:
        await self._media_order(lambda number, connection: RequestKeyFrame(number, connection, uid))

    async def publish(self, frame: bytes) -> None:
        if len(frame) != VOICE_FRAME:
            raise RoomError("That is no piece of a voice.", f"{len(frame)} bytes of sound")
        self._joined().publish(self._number, frame)

    async def leave(self) -> None:
        self._begun = True
        if self._keeper is not None:
            self._keeper.cancel()
        self._events.close()
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.leave(self._number)

    # ------------------------------------------------------------ sitting down, and again

    async def _sit_down(self) -> None:
        try:
            await self._sit_in_a_host()
        except WorkerProcessLost:  # a second worker and no third: it may be this very connection that breaks them
            await self._sit_in_a_host()

    async def _sit_in_a_host(self) -> None:
        self._early.clear()
        worker = self._pool.worker_for(self._credentials.app_id)
        number = worker.reserve(self._hear)
        credentials = self._credentials
        try:
            await worker.started()
            await worker.order(
                lambda order: Join(order, number, credentials.channel, credentials.uid, credentials.token), JOIN_WITHIN
            )
        except BaseException:
            worker.abandon(number)
            raise
        self._worker, self._number = worker, number

    async def _keep(self) -> None:
        """Join again whenever the worker is lost, until the connection itself is."""
        while self._worker is not None:
            why = await asyncio.shield(self._worker.lost)
            if self._events.over:
                return
            self._unlink()
            try:
                async with asyncio.timeout(REJOIN_WITHIN):
                    await self._sit_down_again()
            except (RoomError, TimeoutError) as failed:
                log.warning("agora.seat_lost", why=why, failed=str(failed))
                self._take(ConnectionLost(LossReason.LOST, why))
            else:
                self._take(LinkUp())
                self._link()

    async def _sit_down_again(self) -> None:
        await self._sit_down()
        if self._watched is not None:
            await self.watch(self._watched)

    def _unlink(self) -> None:
        self._linked, self._worker = False, None
        self._take(LinkDown())
        for uid in sorted(self._peers):
            self._take(PeerLeft(uid))

    def _link(self) -> None:
        self._linked = True
        for event in self._early:
            self._take(event)
        self._early.clear()

    async def _order(self, make: Callable[[int, int], Order]) -> None:
        await self._joined().order(lambda number: make(number, self._number))

    def _joined(self) -> WorkerProcess:
        if self._worker is None or self._events.over:
            raise RoomError("The connection to the avatar's room is down.")
        return self._worker

    async def _media_order(self, make: Callable[[int, int], Order]) -> None:
        """What is refused costs a picture, not the connection. On a broken link there is nothing to do: a restored one begins anew."""
        if self._worker is None:
            return
        try:
            await self._order(make)
        except RoomError as refused:
            log.warning("agora.media", refused=refused.detail)

    # ------------------------------------------------------------ what happens

    def _hear(self, event: RoomEvent) -> None:
        if self._linked:
            self._take(event)
        else:
            self._early.append(event)

    def _take(self, event: RoomEvent) -> None:
        match event:
            case PeerJoined():
                self._peers.add(event.uid)
            case PeerLeft():
                self._peers.discard(event.uid)
        self._events.put(event)

    def _log_grant(self) -> None:
        try:
            grant = read(self._credentials.token)
        except NotAToken as unknown:
            log.info("agora.join", unreadable=unknown.detail)
        else:
            log.info(
                "agora.join",
                version=grant.version,
                uids=uid_policy(grant, self._own_app_id).value,
                may_send=Privilege.PUBLISH_DATA in grant.rights,
                expires_at=grant.expires_at.isoformat(),
            )


class AgoraConnections:
    """A `bot.ports.room.ConnectRoom`, as long as it is entered. Leaving it ends the worker processes, and with them every connection.

    `environment` is added to what a worker sees; `idle` is how many seconds one without connections goes on living.
    """

    def __init__(
        self, settings: AgoraSettings, environment: Mapping[str, str] = MappingProxyType({}), *, idle: float = IDLE
    ) -> None:
        self._own_app_id = settings.app_id
        self._options = WorkerProcessOptions(
            settings.seats_per_host, idle, Profile[settings.profile.upper()], environment, settings.host_user
        )
        self._pool: ProcessPool | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._pool = ProcessPool(tasks, self._options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._pool is not None
        self._pool.end()
        await self._stack.aclose()

    @staticmethod
    def check() -> None:
        """Raise `RoomError`, with the sentence to show, when no room can be joined because the SDK is not there. Quick: looks at files."""
        try:
            find_libraries()
        except WrapperMissing as missing:
            raise RoomError(missing.sentence, missing.detail) from None

    def __call__(self, credentials: RoomCredentials) -> AgoraConnection:
        assert self._pool is not None, "not entered"
        return AgoraConnection(self._pool, credentials, self._own_app_id)
