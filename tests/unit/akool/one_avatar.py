"""One avatar over a connection whose room is the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from adapters.akool.avatar import AkoolAvatar
from bot.domain.errors import RoomError
from bot.ports.avatar import (
    AvatarArrived,
    AvatarEvent,
)
from bot.ports.room import AudioFrame, Codec, ConnectionLost, Packet, PeerJoined, RoomEvent, VideoFrame

US, AVATAR, STRANGER = "100000", "200", "300"


def now() -> float:
    return asyncio.get_running_loop().time()


class InMemoryConnection:
    """A connection whose room is this test: `happen` is what the others do, `sent` what we did and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, dict[str, Any]]] = []
        self.watched: list[str | None] = []
        self.key_frames: list[str] = []
        self.voice = b""
        self.times_left = 0
        self.join_error: RoomError | None = None
        self.send_error: RoomError | None = None
        self.events_error: Exception | None = None
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: None
        self._events: asyncio.Queue[RoomEvent | None] = asyncio.Queue()

    def happen(self, *events: RoomEvent) -> None:
        for event in events:
            self._events.put_nowait(event)

    def hear(self, message: dict[str, Any], uid: str = AVATAR) -> None:
        self.happen(Packet(uid, json.dumps({"v": 2, **message}).encode()))

    def hang_up(self) -> None:
        self._events.put_nowait(None)

    async def join(self) -> None:
        if self.join_error:
            raise self.join_error

    async def events(self) -> AsyncIterator[RoomEvent]:
        while (event := await self._events.get()) is not None:
            yield event
            if isinstance(event, ConnectionLost):
                return
        if self.events_error:
            raise self.events_error

    async def publish(self, frame: bytes) -> None:
        self.voice += frame

    async def send(self, packet: bytes) -> None:
        assert len(packet) <= 960
        if self.send_error:
            raise self.send_error
        message = json.loads(packet)
        self.sent.append((now(), message))
        if answer := self.answer(message):
            self.hear(answer)

    async def watch(self, uid: str | None) -> None:
        self.watched.append(uid)

    async def request_key_frame(self, uid: str) -> None:
        self.key_frames.append(uid)

    async def leave(self) -> None:
        self.times_left += 1
        self.hang_up()

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for _, message in self.sent]

    @property
    def commands(self) -> list[str]:
        return [message["pld"]["cmd"] for message in self.messages if message["type"] == "command"]

    def spoken(self, mid: str = "turn") -> str:
        return "".join(m["pld"]["text"] for m in self.messages if m["type"] == "chat" and m["mid"] == mid)


class Stay:
    """An avatar we have joined, its connection, and what it has told so far."""

    def __init__(self, avatar_uid: str | None = None) -> None:
        self.connection = InMemoryConnection()
        self.avatar = AkoolAvatar(self.connection, own_uid=US, avatar_uid=avatar_uid)
        self.told: list[AvatarEvent] = []

    async def listen(self) -> None:
        async for event in self.avatar.events():
            self.told.append(event)


@asynccontextmanager
async def joined(avatar_uid: str | None = None) -> AsyncIterator[Stay]:
    stay = Stay(avatar_uid)
    await stay.avatar.join()
    async with asyncio.TaskGroup() as group:
        group.create_task(stay.listen())
        try:
            yield stay
        finally:
            await stay.avatar.leave()


@asynccontextmanager
async def present(avatar_uid: str | None = None) -> AsyncIterator[Stay]:
    async with joined(avatar_uid) as stay:
        stay.connection.happen(PeerJoined(AVATAR))
        await asyncio.sleep(0.01)
        assert stay.told == [AvatarArrived()]
        stay.told.clear()
        yield stay


def ack(message: dict[str, Any], code: int = 1000, *, mid: bool = True) -> dict[str, Any] | None:
    """As AKOOL acknowledges `set-params` and `interrupt`, and nothing else."""
    cmd = message["pld"].get("cmd")
    if cmd not in {"set-params", "interrupt"}:
        return None
    named = {"mid": message["mid"]} if mid else {}
    return {"type": "command", **named, "pld": {"cmd": cmd, "code": code, "msg": "OK" if code == 1000 else "no"}}


def part(text: str, idx: int = 0, *, fin: bool = False) -> dict[str, Any]:
    return {"type": "chat", "mid": "turn", "idx": idx, "fin": fin, "pld": {"from": "bot", "text": text}}


def picture(*, key: bool, uid: str = AVATAR) -> VideoFrame:
    return VideoFrame(uid, Codec.H264, key, 2, 2, 0, b"picture")


def sound(uid: str = AVATAR) -> AudioFrame:
    return AudioFrame(uid, 16_000, 1, 0, b"sound")
