"""Rooms in memory: who is in them, what is sent there, seen and heard."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from bot.domain.errors import RoomError
from bot.ports.room import (
    PUBLISHED_FOR_S,
    VOICE_FRAME,
    VOICE_RATE,
    AudioFrame,
    ConnectionLost,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomCredentials,
    RoomEvent,
    VideoFrame,
)
from bot.testing.scripted_calls import ScriptedCalls

PACKET_BYTES = 1_024
VOICE_FRAME_US = timedelta(milliseconds=20) // timedelta(microseconds=1)


class FakeRooms(ScriptedCalls):
    """Rooms by channel, open to whoever has credentials that were issued here; `connect` is a `ConnectRoom`.

    Nothing is lost, repeated or reordered; what befalls a connection is told to it by `FakeRoomConnection.happen`. Calls of all
    connections are scripted here, with the connection's uid as their first argument.
    """

    def __init__(self) -> None:
        super().__init__()
        self._issued: dict[str, RoomCredentials] = {}
        self._inside: defaultdict[str, dict[str, FakeRoomConnection]] = defaultdict(dict)

    def issue(self, channel: str, uid: str) -> RoomCredentials:
        """Good for this uid in this channel, as often as it is used."""
        credentials = RoomCredentials("fake", channel, uid, secrets.token_hex(8))
        self._issued[credentials.token] = credentials
        return credentials

    def connect(self, credentials: RoomCredentials) -> "FakeRoomConnection":
        return FakeRoomConnection(self, credentials)

    def inside(self, channel: str) -> Sequence["FakeRoomConnection"]:
        """Who is there, whoever came first first."""
        return list(self._inside[channel].values())

    def admit(self, connection: "FakeRoomConnection", credentials: RoomCredentials) -> None:
        """Let it in, and throw out whoever was there under its uid. Raises `RoomError` for what was not issued."""
        if self._issued.get(credentials.token) != credentials:
            raise RoomError("The avatar's room does not let us in.", "these credentials were not issued")
        inside, uid = self._inside[credentials.channel], credentials.uid
        if before := inside.pop(uid, None):
            before.happen(ConnectionLost(LossReason.THROWN_OUT))
        for peer in inside.values():
            peer.happen(PeerJoined(uid))
            connection.happen(PeerJoined(peer.uid))
        inside[uid] = connection

    def release(self, connection: "FakeRoomConnection") -> None:
        """It is not in its room any more, if it was."""
        inside = self._inside[connection.channel]
        if inside.get(connection.uid) is connection:
            del inside[connection.uid]
            for peer in inside.values():
                peer.happen(PeerLeft(connection.uid))


class FakeRoomConnection:
    """A `RoomConnection`. `publishes` and `key_frames_asked` are what a room's other side would notice of it."""

    def __init__(self, rooms: FakeRooms, credentials: RoomCredentials) -> None:
        self.uid, self.channel = credentials.uid, credentials.channel
        self.watched: str | None = None
        self.key_frames_asked = 0
        self._rooms = rooms
        self._credentials = credentials
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue()
        self._joined = self._over = self._iterated = False
        self._spoken = 0
        self._published_until = 0.0

    # ------------------------------------------------ RoomConnection

    async def join(self) -> None:
        async with self._rooms.called("join", self.uid):
            self.enter()

    def enter(self) -> None:
        """As `join`, without waiting."""
        if self._joined or self._over:
            raise RoomError("The avatar's room was left already.", "a connection joins once")
        self._rooms.admit(self, self._credentials)
        self._joined = True

    async def events(self) -> AsyncIterator[RoomEvent]:
        if self._iterated:
            raise RuntimeError("the events of a connection are iterated once")
        self._iterated = True
        while (event := await self._events.get()) is not None:
            yield event

    async def send(self, packet: bytes) -> None:
        async with self._rooms.called("send", self.uid, packet):
            self._require_inside()
            if len(packet) > PACKET_BYTES:
                raise RoomError("That is too long for the avatar's room.", f"{len(packet)} bytes in one packet")
            for peer in self._peers():
                peer.happen(Packet(self.uid, packet))

    async def watch(self, uid: str | None) -> None:
        async with self._rooms.called("watch", self.uid, uid):
            self.watched = uid

    async def request_key_frame(self, uid: str) -> None:
        async with self._rooms.called("request_key_frame", self.uid, uid):
            for peer in self._peers():
                peer.key_frames_asked += peer.uid == uid

    async def publish(self, frame: bytes) -> None:
        async with self._rooms.called("publish", self.uid, frame):
            self._require_inside()
            if len(frame) != VOICE_FRAME:
                raise RoomError("That is no sound for the avatar's room.", f"{len(frame)} bytes in a frame")
            self._published_until = asyncio.get_running_loop().time() + PUBLISHED_FOR_S
            self.perform(AudioFrame(self.uid, VOICE_RATE, 1, self._spoken * VOICE_FRAME_US, frame))
            self._spoken += 1

    async def leave(self) -> None:
        async with self._rooms.called("leave", self.uid):
            self._end()

    # ------------------------------------------------ the other side

    @property
    def publishes(self) -> bool:
        """Whether a voice of its own is published at the moment."""
        return self._is_inside and asyncio.get_running_loop().time() < self._published_until

    def happen(self, event: RoomEvent) -> None:
        """Tell it what happens. A `ConnectionLost` is the last."""
        if not self._over:
            self._events.put_nowait(event)
        if isinstance(event, ConnectionLost):
            self._end()

    def perform(self, frame: VideoFrame | AudioFrame) -> None:
        """Show or play it to those who watch this uid."""
        for peer in self._peers():
            if peer.watched == self.uid:
                peer.happen(frame)

    @property
    def _is_inside(self) -> bool:
        return self._joined and not self._over

    def _require_inside(self) -> None:
        if not self._is_inside:
            raise RoomError("The avatar's room is closed.", "not joined, or left")

    def _peers(self) -> list["FakeRoomConnection"]:
        return [peer for peer in self._rooms.inside(self.channel) if peer is not self]

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._events.put_nowait(None)
            self._rooms.release(self)
