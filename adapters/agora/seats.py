"""`bot.ports.room.Seat` in an Agora channel."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from types import MappingProxyType, TracebackType
from typing import Final, Self

import structlog

from adapters.agora.hosts import IDLE, JOIN_WITHIN, HostLost, HostOptions, Hosts, RoomHost
from adapters.agora.media import Valve
from adapters.agora.rooms import seating
from adapters.agora.settings import AgoraSettings
from adapters.agora.tokens import NotAToken, Privilege, read
from adapters.agora.wire import Join, Order, Profile, RequestKeyFrame, Send, Watch
from bot.errors import SeatError
from bot.ports.room import (
    LinkDown,
    LinkUp,
    PeerJoined,
    PeerLeft,
    RoomCredentials,
    SeatEvent,
    SeatLoss,
    SeatLost,
    VideoFrame,
)

LONGEST_PACKET: Final = 1_024
REJOIN_WITHIN: Final = 10.0
KEY_FRAME_EVERY: Final = 0.5

log = structlog.get_logger(__name__)


class AgoraSeat:
    """A seat that outlives its host: when the host is lost, `LinkDown` and everybody's `PeerLeft` are followed within 10 s
    by `LinkUp` and `PeerJoined` from a new one, or by `SeatLost`.
    """

    def __init__(self, hosts: Hosts, credentials: RoomCredentials, own_app_id: str = "") -> None:
        self._own_app_id = own_app_id
        self._hosts = hosts
        self._credentials = credentials
        self._host: RoomHost | None = None
        self._number = 0
        self._linked = False
        self._early: list[SeatEvent] = []
        self._events: asyncio.Queue[SeatEvent | None] = asyncio.Queue()
        self._begun = False
        self._over = False
        self._keeper: asyncio.Task[None] | None = None
        self._peers: set[str] = set()
        self._watched: str | None = None
        self._valve = Valve()
        self._key_frame_after = 0.0

    # ------------------------------------------------------------ the port

    async def join(self) -> None:
        if self._begun or self._over:
            raise SeatError("This seat has had its one life.")
        self._begun = True
        self._log_grant()
        try:
            async with asyncio.timeout(JOIN_WITHIN):
                await self._sit_down()
        except TimeoutError:
            raise SeatError("The avatar's room does not answer.", f"no seat within {JOIN_WITHIN:g} s") from None
        self._link()
        self._keeper = self._hosts.tasks.create_task(self._keep())

    def events(self) -> AsyncIterator[SeatEvent]:
        return _Events(self._events)

    async def send(self, packet: bytes) -> None:
        if len(packet) > LONGEST_PACKET:
            raise SeatError("That is too long for the avatar's room.", f"a packet of {len(packet)} bytes")
        await self._order(lambda number, seat: Send(number, seat, packet))

    async def watch(self, uid: str | None) -> None:
        self._watched = uid
        await self._order(lambda number, seat: Watch(number, seat, uid))

    async def request_key_frame(self, uid: str) -> None:
        await self._order(lambda number, seat: RequestKeyFrame(number, seat, uid))

    async def leave(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        self._close()
        host, self._host = self._host, None
        if host is not None:
            await host.leave(self._number)

    # ------------------------------------------------------------ sitting down, and again

    async def _sit_down(self) -> None:
        try:
            await self._sit_in_a_host()
        except HostLost:  # a second host and no third: it may be this very seat that breaks them
            await self._sit_in_a_host()

    async def _sit_in_a_host(self) -> None:
        self._early.clear()
        host = self._hosts.host_for(self._credentials.app_id)
        number = host.reserve(self._hear)
        seat = self._credentials
        try:
            await host.started()
            await host.order(lambda order: Join(order, number, seat.channel, seat.uid, seat.token), JOIN_WITHIN)
        except BaseException:
            host.abandon(number)
            raise
        self._host, self._number = host, number

    async def _keep(self) -> None:
        """Sit down again whenever the host is lost, until the seat itself is."""
        while self._host is not None:
            why = await asyncio.shield(self._host.lost)
            if self._over:
                return
            self._unlink()
            try:
                async with asyncio.timeout(REJOIN_WITHIN):
                    await self._sit_down_again()
            except (SeatError, TimeoutError) as failed:
                log.warning("agora.seat_lost", why=why, failed=str(failed))
                self._take(SeatLost(SeatLoss.LOST, why))
            else:
                self._take(LinkUp())
                self._link()

    async def _sit_down_again(self) -> None:
        await self._sit_down()
        if self._watched is not None:
            await self.watch(self._watched)

    def _unlink(self) -> None:
        self._linked, self._host = False, None
        self._take(LinkDown())
        for uid in sorted(self._peers):
            self._take(PeerLeft(uid))

    def _link(self) -> None:
        self._linked = True
        for event in self._early:
            self._take(event)
        self._early.clear()

    async def _order(self, make: Callable[[int, int], Order]) -> None:
        if self._host is None or self._over:
            raise SeatError("The connection to the avatar's room is down.")
        await self._host.order(lambda number: make(number, self._number))

    # ------------------------------------------------------------ what happens

    def _hear(self, event: SeatEvent) -> None:
        if self._linked:
            self._take(event)
        else:
            self._early.append(event)

    def _take(self, event: SeatEvent) -> None:
        if self._over:
            return
        match event:
            case PeerJoined():
                self._peers.add(event.uid)
            case PeerLeft():
                self._peers.discard(event.uid)
        if self._valve.admits(event, self._events.qsize()):
            self._events.put_nowait(event)
        elif isinstance(event, VideoFrame):
            self._wish_key_frame(event.uid)
        if isinstance(event, SeatLost):
            self._close()

    def _wish_key_frame(self, uid: str) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._key_frame_after:
            self._key_frame_after = now + KEY_FRAME_EVERY
            self._hosts.tasks.create_task(self._request_key_frame_if_linked(uid))

    async def _request_key_frame_if_linked(self, uid: str) -> None:
        with suppress(SeatError):  # the link is down, and what comes after it begins with a key frame
            await self.request_key_frame(uid)

    def _close(self) -> None:
        if not self._over:
            self._over = True
            self._events.put_nowait(None)

    def _log_grant(self) -> None:
        try:
            grant = read(self._credentials.token)
        except NotAToken as unknown:
            log.info("agora.join", token=unknown.detail)
        else:
            log.info(
                "agora.join",
                token=grant.version,
                seating=seating(grant, self._own_app_id).value,
                may_send=Privilege.PUBLISH_DATA in grant.rights,
                expires_at=grant.expires_at.isoformat(),
            )


class _Events:
    """Not a generator: one that is left half read needs somebody to close it."""

    def __init__(self, queue: asyncio.Queue[SeatEvent | None]) -> None:
        self._queue = queue

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SeatEvent:
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)  # the end stays the end
            raise StopAsyncIteration
        return event


class AgoraSeats:
    """A `bot.ports.room.Seats`, as long as it is entered. Leaving it ends the room hosts, and with them every seat.

    `environment` is added to what a host sees; `idle` is how many seconds one without seats goes on living.
    """

    def __init__(
        self, settings: AgoraSettings, environment: Mapping[str, str] = MappingProxyType({}), *, idle: float = IDLE
    ) -> None:
        self._own_app_id = settings.app_id
        self._options = HostOptions(settings.seats_per_host, idle, Profile[settings.profile.upper()], environment)
        self._hosts: Hosts | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._hosts = Hosts(tasks, self._options)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._hosts is not None
        self._hosts.end()
        await self._stack.aclose()

    def __call__(self, credentials: RoomCredentials) -> AgoraSeat:
        assert self._hosts is not None, "not entered"
        return AgoraSeat(self._hosts, credentials, self._own_app_id)
