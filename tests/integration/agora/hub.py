"""The other end of `stub.c`: rooms, who sits in them, and everything that can go wrong there.

A frame is `size | kind | a b c | at | length of id | id | data`, little-endian, see `struct frame` in the stub. The hub is
Agora to the bot; a `Peer` is anybody else in a room and lives in the test: AKOOL's avatar, for one.
"""

import asyncio
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.patience import HANG_S

HEADER = struct.Struct("<IBiiiqH")
SIZE = struct.Struct("<I")
JOINED, LEFT, SAME_UID, LOST, REJOINED = 1, 5, 19, 16, 15
KEY, DELTA = 3, 4


@dataclass(frozen=True)
class Frame:
    kind: str
    id: str = ""
    data: bytes = b""
    a: int = 0
    b: int = 0
    c: int = 0
    at: int = 0

    def packed(self) -> bytes:
        name = self.id.encode()
        size = HEADER.size - SIZE.size + len(name) + len(self.data)
        head = HEADER.pack(size, ord(self.kind), self.a, self.b, self.c, self.at, len(name))
        return head + name + self.data


async def frames(reader: asyncio.StreamReader) -> AsyncIterator[Frame]:
    try:
        while True:
            size, kind, a, b, c, at, length = HEADER.unpack(await reader.readexactly(HEADER.size))
            rest = await reader.readexactly(size - (HEADER.size - SIZE.size))
            yield Frame(chr(kind), rest[:length].decode(), rest[length:], a, b, c, at)
    except (asyncio.IncompleteReadError, ConnectionError):
        return


@dataclass(eq=False)
class Peer:
    """Somebody in the room who is not behind the SDK."""

    hub: "Hub"
    channel: str
    uid: str
    received: asyncio.Queue[tuple[str, bytes]] = field(default_factory=asyncio.Queue)
    key_frames_wanted: int = 0
    heard: dict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    """The voices of the room, of everybody who publishes one."""

    def hear(self, uid: str, data: bytes) -> None:
        self.received.put_nowait((uid, data))

    def notice(self, frame: Frame) -> None:
        """Peers need no word of who comes and goes."""

    def send(self, data: bytes) -> None:
        self.hub.spread(self.channel, self.uid, data)

    def show(
        self, data: bytes, *, codec: int = 2, key: bool = False, size: tuple[int, int] = (640, 360), at: int = 0
    ) -> None:
        frame = Frame("v", self.uid, data, codec, KEY if key else DELTA, size[0] << 16 | size[1], at)
        for connection in self.hub.connections(self.channel):
            if self.uid in connection.watching:
                connection.notice(frame)

    def play(self, data: bytes, *, rate: int = 16_000, channels: int = 1, at: int = 0) -> None:
        for connection in self.hub.connections(self.channel):
            if self.uid in connection.listening:
                connection.notice(Frame("p", self.uid, data, rate, channels, 0, at))

    def leave(self) -> None:
        self.hub.part(self.channel, self)


@dataclass(eq=False)
class HubConnection:
    """A connection of the SDK, as Agora sees it, with what can befall it."""

    hub: "Hub"
    writer: asyncio.StreamWriter
    channel: str
    uid: str
    token: str
    pid: int
    profile: int
    watching: set[str] = field(default_factory=set)
    listening: set[str] = field(default_factory=set)
    publishes: bool = False
    outlet: Callable[[bytes], None] | None = None
    """Where what it says goes instead of to the room."""
    voice_outlet: Callable[[bytes], None] | None = None
    """Where its voice goes."""
    hung: bool = False
    left: bool = False
    released: bool = False
    """The native side let go of it."""

    def notice(self, frame: Frame) -> None:
        self.writer.write(frame.packed())

    def hear(self, uid: str, data: bytes) -> None:
        self.notice(Frame("m", uid, data))

    def throw_out(self, reason: int = SAME_UID) -> None:
        self.hub.part(self.channel, self)
        self.notice(Frame("d", a=reason))

    def fail(self, reason: int) -> None:
        self.hub.part(self.channel, self)
        self.notice(Frame("f", a=reason))

    def warn_of_expiry(self) -> None:
        self.notice(Frame("w", self.token))

    def expire(self) -> None:
        self.notice(Frame("x"))

    def break_off(self) -> None:
        self.notice(Frame("r", a=2))

    def restore(self) -> None:
        self.notice(Frame("R", a=REJOINED))

    def lose(self) -> None:
        self.hub.part(self.channel, self)
        self.notice(Frame("l"))

    def err(self, code: int, text: str = "") -> None:
        self.notice(Frame("e", text, a=code))

    def undelivered(self) -> None:
        self.notice(Frame("s", self.uid, a=-117))

    async def hang(self) -> None:
        """From now on no SDK call on this connection returns."""
        self.notice(Frame("h"))
        await self.hub.until(lambda: self.hung)


@dataclass(eq=False)
class Process:
    """A child process with the SDK, with what can befall it."""

    hub: "Hub"
    writer: asyncio.StreamWriter
    pid: int
    app_id: str
    alive: bool = True
    hung: bool = False

    def stop(self) -> None:
        self.writer.write(Frame("S").packed())

    def crash(self) -> None:
        self.writer.write(Frame("K").packed())

    async def hang(self) -> None:
        """From now on no SDK call of the process returns."""
        self.writer.write(Frame("H").packed())
        await self.hub.until(lambda: self.hung)


Admission = Callable[[HubConnection], int | None]
"""The reason that a join gets: 1 lets it in, another fails it, None leaves it without an answer."""


class Hub:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.admission: Admission = lambda _: JOINED
        self.violations: list[str] = []
        self.processes: dict[int, Process] = {}
        self.joins = 0
        self._rooms: defaultdict[str, dict[str, Peer | HubConnection]] = defaultdict(dict)
        self._changed = asyncio.Event()
        self._lines: set[asyncio.Task[None]] = set()

    # ------------------------------------------------------------ for the test

    def join(self, channel: str, uid: str) -> Peer:
        peer = Peer(self, channel, uid)
        self.enter(channel, peer)
        return peer

    def connection(self, channel: str, uid: str) -> HubConnection:
        member = self._rooms[channel][uid]
        assert isinstance(member, HubConnection)
        return member

    def connections(self, channel: str) -> list[HubConnection]:
        return [member for member in self._rooms[channel].values() if isinstance(member, HubConnection)]

    @property
    def channels(self) -> list[str]:
        """Where the SDK has a connection."""
        return [channel for channel in self._rooms if self.connections(channel)]

    def members(self, channel: str) -> set[str]:
        return set(self._rooms[channel])

    @property
    def alive(self) -> list[Process]:
        return [process for process in self.processes.values() if process.alive]

    async def until(self, true: Callable[[], bool], within: float = HANG_S) -> None:
        """Wait for something to become true here. Raises `TimeoutError`."""
        async with asyncio.timeout(within):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    # ------------------------------------------------------------ the rooms

    def let_in(self, connection: HubConnection) -> None:
        connection.notice(Frame("c", a=JOINED))
        self.enter(connection.channel, connection)

    def spread(self, channel: str, sender: str, data: bytes) -> None:
        for uid, member in list(self._rooms[channel].items()):
            if uid != sender:
                member.hear(sender, data)

    def voice(self, connection: HubConnection, frame: Frame) -> None:
        """Everybody in the room hears it who is subscribed to it; who is not behind the SDK always is."""
        if connection.voice_outlet:
            connection.voice_outlet(frame.data)
            return
        for uid, member in self._rooms[connection.channel].items():
            if uid == connection.uid:
                continue
            if isinstance(member, Peer):
                member.heard[connection.uid] += frame.data
            elif connection.uid in member.listening:
                member.notice(Frame("p", connection.uid, frame.data, frame.a, 1))

    def enter(self, channel: str, member: Peer | HubConnection) -> None:
        room = self._rooms[channel]
        before = room.pop(member.uid, None)
        if isinstance(before, HubConnection):
            before.notice(Frame("d", a=SAME_UID))
        for other in room.values():
            other.notice(Frame("j", member.uid))
            member.notice(Frame("j", other.uid))
        room[member.uid] = member
        self._changed.set()

    def part(self, channel: str, member: Peer | HubConnection) -> None:
        room = self._rooms[channel]
        if room.get(member.uid) is member:
            del room[member.uid]
            for other in room.values():
                other.notice(Frame("g", member.uid))
        self._changed.set()

    # ------------------------------------------------------------ the lines

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = asyncio.current_task()
        assert line is not None
        self._lines.add(line)
        try:
            async for hello in frames(reader):
                if hello.kind == "P":
                    await self._attend_process(hello, reader, writer)
                else:
                    await self._attend_seat(hello, reader, writer)
        finally:
            self._lines.discard(line)
            writer.close()

    async def _attend_process(self, hello: Frame, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        process = self.processes[hello.a] = Process(self, writer, hello.a, hello.id)
        self._changed.set()
        async for frame in frames(reader):
            if frame.kind == "H":
                process.hung = True
            else:
                self.violations.append(frame.id)
            self._changed.set()
        process.alive = False
        self._changed.set()

    async def _attend_seat(self, hello: Frame, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        channel, token = hello.data.decode().split("\0")
        connection = HubConnection(self, writer, channel, hello.id, token, hello.a & 0xFFFFFF, hello.a >> 24)
        self.joins += 1
        reason = self.admission(connection)
        if reason == JOINED:
            self.let_in(connection)
        elif reason is not None:
            connection.notice(Frame("f", a=reason))
        self._changed.set()
        async for frame in frames(reader):
            self._attend(connection, frame)
            self._changed.set()
        connection.left = connection.released = True
        self.part(channel, connection)

    def _attend(self, connection: HubConnection, frame: Frame) -> None:
        match frame.kind:
            case "M" if connection.outlet:
                connection.outlet(frame.data)
            case "M":
                self.spread(connection.channel, connection.uid, frame.data)
            case "B" | "b":
                connection.publishes = frame.kind == "B"
            case "S":
                self.voice(connection, frame)
            case "D":
                connection.left = True
                self.part(connection.channel, connection)
                connection.notice(Frame("d", a=LEFT))
            case "U":
                connection.watching.add(frame.id)
            case "u":
                connection.watching.discard(frame.id)
            case "A":
                connection.listening.add(frame.id)
                connection.notice(Frame("t", frame.id))
            case "a":
                connection.listening.discard(frame.id)
            case "I":
                peer = self._rooms[connection.channel].get(frame.id)
                if isinstance(peer, Peer):
                    peer.key_frames_wanted += 1
            case "h":
                connection.hung = True

    async def close(self) -> None:
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)


@asynccontextmanager
async def open_hub(folder: Path) -> AsyncIterator[Hub]:
    """A hub that listens in `folder`, whose path must be short. Fails at the end when the SDK was misused."""
    hub = Hub(folder / "hub")
    server = await asyncio.start_unix_server(hub._answer, hub.path)
    try:
        yield hub
    finally:
        server.close()
        await hub.close()
    assert hub.violations == []
