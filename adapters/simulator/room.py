"""RTC rooms in this process, with the manners of an Agora channel: one connection per uid, no echo, no history, no delivery report."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from adapters.simulator import foreign_token
from adapters.simulator.faults import LossyLink
from bot.clock import Clock
from bot.domain.errors import RoomError
from bot.ports.room import (
    PUBLISHED_FOR_S,
    VOICE_FRAME,
    VOICE_RATE,
    AudioFrame,
    ConnectionLost,
    LinkDown,
    LinkUp,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomCredentials,
    RoomEvent,
    VideoFrame,
)

APP_ID = "5117a7e0000000000000000000000000"
"""The Agora app that hosts the simulator's rooms. Another one belongs to a team that brings its own room."""

PACKET_LIMIT = 1024
"""Bytes of one stream message; Agora's Web SDK refuses more with "stream message out of range"."""

BACKLOG_LIMIT = 16_384
"""Events a connection may leave unread before it is lost."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a token stands for."""

    channel: str
    uid: str
    expires_at: datetime


class _Happenings:
    """Not a generator: one that is left half read would need somebody to close it."""

    def __init__(self, queue: asyncio.Queue[RoomEvent | None]) -> None:
        self._queue = queue
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent:
        event = None if self._over else await self._queue.get()
        self._over = event is None or isinstance(event, ConnectionLost)
        if event is None:
            raise StopAsyncIteration
        return event


class SimulatedConnection:
    """A `RoomConnection`, and with `perform` one that can be watched: `watched` is set while somebody in the room does.

    With `hears` it is subscribed to every voice that is published in its room.
    """

    def __init__(self, rooms: "SimulatedRooms", credentials: RoomCredentials, line: LossyLink) -> None:
        self.credentials = credentials
        self.line = line
        self.watching: str | None = None
        self.watched = asyncio.Event()
        self.key_wanted = False
        self.hears = False
        self._unpublishing: asyncio.TimerHandle | None = None
        self._rooms = rooms
        self._room: Room | None = None
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue()
        self._over = False
        self._down = False

    @property
    def uid(self) -> str:
        return self.credentials.uid

    async def join(self) -> None:
        self.enter()

    def enter(self) -> None:
        """`join`, for who is in this process."""
        if self._room or self._over:
            raise RoomError("A connection is joined once.")
        self._room = self._rooms.enter(self)

    def events(self) -> AsyncIterator[RoomEvent]:
        return _Happenings(self._events)

    async def send(self, packet: bytes) -> None:
        if self._room is None or self._over:
            raise RoomError("The connection is not in the room.")
        if len(packet) > PACKET_LIMIT:
            raise RoomError("The stream message is too long.", f"{len(packet)} bytes, stream message out of range")
        if not self._down:
            self._room.broadcast(self.uid, packet)

    async def watch(self, uid: str | None) -> None:
        self.watching = uid
        if self._room:
            self._room.count_watchers()

    async def request_key_frame(self, uid: str) -> None:
        if self._room and (sender := self._room.connections.get(uid)):
            sender.key_wanted = True

    async def leave(self) -> None:
        if not self._over:
            self._finish(None)

    async def publish(self, frame: bytes) -> None:
        if self._room is None or self._over:
            raise RoomError("The connection is not in the room.")
        if len(frame) != VOICE_FRAME:
            raise RoomError("That is no piece of a voice.", f"{len(frame)} bytes of sound")
        if not self._down:
            self._publish(self._room, frame)

    def _publish(self, room: "Room", frame: bytes) -> None:
        clock = asyncio.get_running_loop()
        if self._unpublishing:
            self._unpublishing.cancel()
        self._unpublishing = clock.call_later(PUBLISHED_FOR_S, self._unpublish)
        room.hear(AudioFrame(self.uid, VOICE_RATE, 1, round(clock.time() * 1_000_000), frame))

    def _unpublish(self) -> None:
        if self._unpublishing:
            self._unpublishing.cancel()
        self._unpublishing = None

    @property
    def publishes(self) -> bool:
        """Whether a voice of ours is published."""
        return self._unpublishing is not None

    def perform(self, frame: VideoFrame | AudioFrame) -> None:
        """Give a picture or sound of ours to those who watch."""
        if self._room and not self._down:
            self._room.show(self.uid, frame)

    def take_keyframe_request(self) -> bool:
        """Whether a key frame of ours was asked for since the last call."""
        wanted, self.key_wanted = self.key_wanted, False
        return wanted

    def tell(self, event: RoomEvent) -> None:
        """Something happened in the room. What comes while the link is down is lost."""
        if self._over or (self._down and isinstance(event, Packet | VideoFrame | AudioFrame)):
            return
        if self._events.qsize() >= BACKLOG_LIMIT:
            self.lose(LossReason.ERROR, "nobody reads the events of this connection")
        else:
            self._events.put_nowait(event)

    def carry(self, packet: Packet) -> None:
        """A packet is on its way to this connection; the line decides what becomes of it."""
        for delay in self.line.delays():
            if delay:
                asyncio.get_running_loop().call_later(delay, self.tell, packet)
            else:
                self.tell(packet)

    def lose(self, reason: LossReason, detail: str = "") -> None:
        """The connection is gone, whatever its holder wants."""
        if not self._over:
            self._finish(ConnectionLost(reason, detail))

    def link_down(self) -> None:
        if not self._down:
            self.tell(LinkDown())
            self._down = True

    def link_up(self) -> None:
        if self._down:
            self._down = False
            self.tell(LinkUp())

    def _finish(self, last: ConnectionLost | None) -> None:
        self._over = True
        self._events.put_nowait(last)
        self._unpublish()
        if self._room is not None:
            self._room.remove(self)


class Room:
    """Who is in one channel."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.connections: dict[str, SimulatedConnection] = {}

    def enter(self, connection: SimulatedConnection) -> None:
        """Let a connection in; whoever held the same uid is thrown out, for good."""
        if earlier := self.connections.get(connection.uid):
            earlier.lose(LossReason.THROWN_OUT, "the same uid joined again")
        for uid in self.connections:
            connection.tell(PeerJoined(uid))
        self.connections[connection.uid] = connection
        self.count_watchers()
        for other in self._others(connection.uid):
            other.tell(PeerJoined(connection.uid))

    def remove(self, connection: SimulatedConnection) -> None:
        if self.connections.get(connection.uid) is connection:
            del self.connections[connection.uid]
            self.count_watchers()
            for other in self._others(connection.uid):
                other.tell(PeerLeft(connection.uid))

    def broadcast(self, sender: str, data: bytes) -> None:
        for other in self._others(sender):
            other.carry(Packet(sender, data))

    def show(self, sender: str, frame: VideoFrame | AudioFrame) -> None:
        for other in self._others(sender):
            if other.watching == sender:
                other.tell(frame)

    def hear(self, frame: AudioFrame) -> None:
        """A voice, for whoever hears everybody or watches just this one."""
        for other in self._others(frame.uid):
            if other.hears or other.watching == frame.uid:
                other.tell(frame)

    def count_watchers(self) -> None:
        """Tell each connection whether it is watched."""
        wanted = {connection.watching for connection in self.connections.values()}
        for connection in self.connections.values():
            (connection.watched.set if connection.uid in wanted else connection.watched.clear)()

    def _others(self, uid: str) -> Iterator[SimulatedConnection]:
        return (connection for connection in list(self.connections.values()) if connection.uid != uid)


class SimulatedRooms:
    """All rooms, and the tokens that open them."""

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self.to_avatar = LossyLink(seed)
        self.to_client = LossyLink(seed + 1)
        self._clock = clock
        self._rooms: dict[str, Room] = {}
        self._tickets: dict[str, Ticket] = {}

    def issue(self, channel: str, uid: str, life: timedelta) -> RoomCredentials:
        """A token for one uid in one channel of ours, to be used within `life`."""
        token = f"sim.{secrets.token_hex(24)}"
        self._tickets[token] = Ticket(channel, uid, self._clock.now() + life)
        return RoomCredentials(APP_ID, channel, uid, token)

    def connection(self, credentials: RoomCredentials) -> SimulatedConnection:
        """A client's connection that has not joined yet: this is the `bot.ports.room.ConnectRoom`."""
        return SimulatedConnection(self, credentials, self.to_client)

    def avatar_connection(self, credentials: RoomCredentials) -> SimulatedConnection:
        connection = SimulatedConnection(self, credentials, self.to_avatar)
        connection.hears = True
        return connection

    def enter(self, connection: SimulatedConnection) -> Room:
        """Check the token and let the connection in. Raises `RoomError`."""
        self._check(connection.credentials)
        room = self._rooms.setdefault(connection.credentials.channel, Room(connection.credentials.channel))
        room.enter(connection)
        return room

    def close(self, channel: str) -> None:
        """Throw everybody out and forget the tokens of the channel."""
        self._tickets = {token: ticket for token, ticket in self._tickets.items() if ticket.channel != channel}
        if room := self._rooms.pop(channel, None):
            for connection in list(room.connections.values()):
                connection.lose(LossReason.LOST, "the room was closed")

    def connections(self, channel: str) -> tuple[SimulatedConnection, ...]:
        """Who is in a channel now."""
        room = self._rooms.get(channel)
        return tuple(room.connections.values()) if room else ()

    def occupancy(self) -> dict[str, list[str]]:
        """The uids in each channel that is not empty."""
        return {channel: list(room.connections) for channel, room in self._rooms.items() if room.connections}

    def _check(self, credentials: RoomCredentials) -> None:
        if credentials.app_id != APP_ID:
            foreign_token.admit(credentials, self._clock.now())
            return
        ticket = self._tickets.get(credentials.token)
        if ticket is None or (ticket.channel, ticket.uid) != (credentials.channel, credentials.uid):
            raise RoomError("The room did not let us in.", "invalid token, authorized failed")
        if self._clock.now() >= ticket.expires_at:
            raise RoomError("The room did not let us in: the token has expired.", "token expired before it was used")
