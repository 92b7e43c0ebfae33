"""Discord's voice gateway (version 8) and its UDP, on this machine, with people whose end of the call is Discord's own libdave.

https://docs.discord.com/developers/topics/voice-connections
"""

import asyncio
import json
import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import WSMsgType, web
from nacl import bindings as sodium
from nacl.exceptions import CryptoError

from tests.integration.discord.fake.members import ENCRYPTED, Group, Listener
from tests.integration.discord.fake.payloads import BOT, GUILD, NAMES, Json, member, own_member

HOSTS = ("voice-one.discord.media", "voice-two.discord.media")
MODE = "aead_xchacha20_poly1305_rtpsize"
SILENCE = b"\xf8\xff\xfe"
KEY = bytes(range(32))
SSRC = 42
FRAME_SAMPLES = 960
TOKEN = "voice-token"


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, tuple[str, int], asyncio.DatagramTransport], None]) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        self._take(data, addr, self._transport)


@dataclass
class FakeVoice:
    """`encrypted` is how calls in voice channels are; stages never are. `complaints` is what Discord would not have taken, or what would be
    a fault even if it were taken. `lost` says which packets get lost, by number.
    """

    dispatch: Callable[[str, Any], Any]
    news: asyncio.Event
    complaints: list[str]
    encrypted: bool = True
    silent: bool = False
    """Nobody answers who asks to join, as when a channel is full."""
    lost: Callable[[int], bool] = lambda _: False
    welcomes: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, who is in an encrypted call takes their time before they let the bot in: it has no keys yet."""
    leaves: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, Discord takes its time before it says that the bot has left."""
    closes: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, the voice gateway takes its time before it answers a close."""
    ops: list[tuple[int, Any]] = field(default_factory=list)
    """What the bot said, heartbeats left out, on any connection."""
    closed: list[int] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    described: list[str] = field(default_factory=list)
    """The channel of each connection that was set up."""
    plain: list[bytes] = field(default_factory=list)
    """Opus that anybody at Discord could have heard, silence left out."""
    packets: int = 0
    silences: int = 0
    """Of the packets that arrived."""
    where: str | None = None
    """The channel that the bot is in."""
    stages: set[str] = field(default_factory=set)
    host: int = 0
    _groups: dict[str, Group] = field(default_factory=dict)
    _socket: web.WebSocketResponse | None = None
    _udp: asyncio.DatagramTransport | None = None
    _sequence: int = 0
    _rtp: tuple[int, int] | None = None
    _nonce: int = -1

    def __post_init__(self) -> None:
        self.welcomes.set()
        self.leaves.set()
        self.closes.set()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self._take_packet), local_addr=("127.0.0.1", 0))

    def close(self) -> None:
        if self._udp:
            self._udp.close()

    def group(self, channel: str) -> Group:
        return self._groups.setdefault(channel, Group(int(channel)))

    # ------------------------------------------------------------ people, and what befalls the bot

    async def person_joins(self, person: str, channel: str, **flags: Any) -> Listener:
        """Before the bot comes at most one; who comes later makes a new epoch."""
        group = self.group(channel)
        listener = group.enter(person)
        await self.dispatch("VOICE_STATE_UPDATE", state(person, channel, **flags))
        if self._socket is not None and self.where == channel and self.encrypted and channel not in self.stages:
            await self._binary(27, group.propose(listener))
        return listener

    async def person_leaves(self, person: str) -> None:
        await self.dispatch("VOICE_STATE_UPDATE", state(person, None))

    async def move_bot(self, channel: str) -> None:
        """A moderator drags it to another channel: it is told, and the old connection is closed."""
        self.where = channel
        await self.dispatch("VOICE_STATE_UPDATE", state(BOT, channel))
        await self._offer_server()

    async def change_region(self) -> None:
        self.host = 1 - self.host
        await self._offer_server()

    async def remove_bot(self) -> None:
        self.where = None
        await self.dispatch("VOICE_STATE_UPDATE", state(BOT, None))
        await self.break_off(4014)

    async def break_off(self, code: int) -> None:
        assert self._socket is not None
        await self._socket.close(code=code)

    # ------------------------------------------------------------ the main gateway's part

    async def asked(self, wanted: Json) -> None:
        """Opcode 4 of the main gateway: the bot joins, moves or leaves."""
        if not (wanted["channel_id"] is None or wanted["self_deaf"]):
            self.complaints.append("the bot seems to listen")
        if self.silent:
            return
        if wanted["channel_id"] is None:
            await self.leaves.wait()
        self.where = str(wanted["channel_id"]) if wanted["channel_id"] else None
        await self.dispatch("VOICE_STATE_UPDATE", state(BOT, self.where, suppress=self.where in self.stages))
        if self.where:
            await self._offer_server()

    async def _offer_server(self) -> None:
        endpoint = f"{HOSTS[self.host]}:443"
        await self.dispatch("VOICE_SERVER_UPDATE", {"token": TOKEN, "guild_id": GUILD, "endpoint": endpoint})

    # ------------------------------------------------------------ the voice gateway

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("v") != "8":
            self.complaints.append(f"voice gateway version {request.query.get('v')}")
        socket = web.WebSocketResponse(autoclose=False)
        await socket.prepare(request)
        self._socket, self._rtp, self._nonce = socket, None, -1
        await socket.send_json({"op": 8, "d": {"heartbeat_interval": 13_750}})
        async for frame in socket:
            if frame.type is WSMsgType.BINARY:
                self.ops.append((frame.data[0], frame.data[1:]))
                await self._take_binary(frame.data[0], frame.data[1:])
            else:
                await self._take(json.loads(frame.data))
            self.news.set()
        await self.closes.wait()
        await socket.close()
        self.closed.append(socket.close_code or 0)
        if self._socket is socket:
            self._socket = None
        self.news.set()
        return socket

    async def _take(self, said: Json) -> None:
        op, d = said["op"], said["d"]
        if op == 3:
            if set(d) != {"t", "seq_ack"}:
                self.complaints.append(f"a heartbeat with {sorted(d)}")
            await self._send(6, {"t": d["t"]}, counted=False)
            return
        self.ops.append((op, d))
        match op:
            case 0:
                self._check_identity(d, {"server_id", "user_id", "session_id", "token", "max_dave_protocol_version"})
                await self._ready()
            case 1:
                await self._describe(d["data"])
            case 7:
                self._check_identity(d, {"server_id", "session_id", "token", "seq_ack"})
                await self._send(9, None)
            case 5 | 23:
                if op == 23:
                    assert self.where
                    self.group(self.where).executed()
                    await self._send(22, {"transition_id": d["transition_id"]})
            case _:
                self.complaints.append(f"voice opcode {op}")

    def _check_identity(self, said: Json, fields: set[str]) -> None:
        if set(said) != fields or said["token"] != TOKEN or said["server_id"] != GUILD:
            self.complaints.append(f"identified by {sorted(said)}")

    async def _ready(self) -> None:
        assert self._udp is not None
        port = self._udp.get_extra_info("sockname")[1]
        modes = ["aead_aes256_gcm_rtpsize", MODE]
        await self._send(2, {"ssrc": SSRC, "ip": "127.0.0.1", "port": port, "modes": modes, "heartbeat_interval": 1})

    async def _describe(self, chosen: Json) -> None:
        if chosen["mode"] != MODE:
            self.complaints.append(f"mode {chosen['mode']}")
        assert self.where
        self.described.append(self.where)
        version = int(self.encrypted and self.where not in self.stages)
        await self._send(4, {"mode": MODE, "secret_key": list(KEY), "dave_protocol_version": version})
        if version:
            self._groups[self.where] = self._anew(self.group(self.where))
            await self._binary(25, self.group(self.where).sender.package)

    @staticmethod
    def _anew(group: Group) -> Group:
        """A connection begins with a group of its own; the first person is in it already."""
        fresh = Group(group.group_id)
        for listener in group.listeners[:1]:
            listener.session.reset()
            listener.session.init(1, group.group_id, listener.person)
            listener.session.set_external_sender(fresh.sender.package)
            fresh.listeners.append(listener)
        return fresh

    async def _take_binary(self, op: int, payload: bytes) -> None:
        assert self.where
        group = self.group(self.where)
        if op == 26 and group.listeners:
            await self.welcomes.wait()
            await self._binary(30, struct.pack(">H", 0) + group.welcome_bot(payload))
        elif op == 28:
            commit = group.take_commit(payload)
            await self._binary(29, struct.pack(">H", group.transitions) + commit)
        elif op != 26:
            self.complaints.append(f"binary voice opcode {op}")

    async def _send(self, op: int, payload: Any, *, counted: bool = True) -> None:
        if self._socket is None:
            return
        self._sequence += counted
        await self._socket.send_json({"op": op, "d": payload} | ({"seq": self._sequence} if counted else {}))

    async def _binary(self, op: int, payload: bytes) -> None:
        assert self._socket is not None
        self._sequence += 1
        await self._socket.send_bytes(struct.pack(">HB", self._sequence, op) + payload)

    # ------------------------------------------------------------ UDP

    def _take_packet(self, data: bytes, addr: tuple[str, int], transport: asyncio.DatagramTransport) -> None:
        if len(data) == 74 and struct.unpack_from(">HHI", data) == (1, 70, SSRC):
            address = addr[0].encode().ljust(64, b"\0")
            transport.sendto(struct.pack(">HHI", 2, 70, SSRC) + address + struct.pack(">H", addr[1]), addr)
            return
        self.packets += 1
        if self.lost(self.packets):
            for listener in self._hearing():
                listener.miss()
            return
        self.arrivals.append(time.monotonic())
        if frame := self._opened(data):
            self._pass_on(frame)
        self.news.set()

    def _hearing(self) -> list[Listener]:
        return self.group(self.where).listeners if self.where else []

    def _opened(self, data: bytes) -> bytes:
        """The frame in a packet, whose head and nonce are as they have to be."""
        flags, kind, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data)
        nonce = int.from_bytes(data[-4:], "big")
        if (flags, kind, ssrc) != (0x80, 0x78, SSRC) or nonce <= self._nonce:
            self.complaints.append(f"a packet of {flags:#x} {kind:#x} {ssrc}, number {nonce} after {self._nonce}")
        self._nonce = nonce
        self._check_steps(sequence, timestamp)
        try:
            opened = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                data[12:-4], data[:12], data[-4:] + bytes(20), KEY
            )
        except CryptoError:
            self.complaints.append("a packet that cannot be decrypted")
            return b""
        return bytes(opened)

    def _check_steps(self, sequence: int, timestamp: int) -> None:
        before, self._rtp = self._rtp, (sequence, timestamp)
        lost = 1 + sum(map(self.lost, range(self.packets - 1, max(0, self.packets - 10), -1)))
        if before and not 1 <= (sequence - before[0]) % (1 << 16) <= lost:
            self.complaints.append(f"packet {sequence} after {before[0]}")
        if before and (timestamp - before[1]) % (1 << 32) % FRAME_SAMPLES:
            self.complaints.append(f"time {timestamp} after {before[1]}")

    def _pass_on(self, frame: bytes) -> None:
        if frame == SILENCE:
            self.silences += 1
            return
        if not frame.endswith(ENCRYPTED):
            self.plain.append(frame)
        for listener in self._hearing():
            if listener.is_member or not frame.endswith(ENCRYPTED):
                listener.hear(frame)


def state(person: str, channel: str | None, **flags: Any) -> Json:
    """A voice state as Discord tells it."""
    whose = member(person) if person in NAMES else own_member()
    usual = {
        "deaf": False, "mute": False, "self_deaf": person == BOT, "self_mute": False, "self_video": False, "suppress": False,
        "request_to_speak_timestamp": None,
    }  # fmt: skip
    return {
        "guild_id": GUILD, "channel_id": channel, "user_id": person, "session_id": f"voice-{person}", "member": whose,
        **usual, **flags,
    }  # fmt: skip


def voice_channel(
    channel_id: str, name: str, *, stage: bool = False, overwrites: tuple[Mapping[str, Any], ...] = ()
) -> Json:
    return {
        "id": channel_id, "type": 13 if stage else 2, "name": name, "guild_id": GUILD, "position": 1, "nsfw": False, "bitrate": 64_000,
        "user_limit": 0, "rtc_region": None, "permission_overwrites": list(overwrites),
    }  # fmt: skip
