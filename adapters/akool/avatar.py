"""AKOOL's avatar, spoken to with stream protocol v2 over a connection in its room."""

import asyncio
import secrets
from collections.abc import AsyncIterable, AsyncIterator

import structlog

from adapters.akool.stream.protocol import (
    CommandAck,
    CommandName,
    Event,
    Interrupt,
    Moment,
    NotOurs,
    Params,
    Part,
    SetParams,
    decode,
    encode,
    gesture,
    params,
)
from adapters.akool.stream.reassembly import Reassembly
from adapters.akool.stream.sender import DEFAULT_BUDGET, Budget, PacketSender
from bot.domain.errors import CommandRefused, RoomError
from bot.domain.sessions import ParamChanges
from bot.ports.avatar import AvatarArrived, AvatarEvent, AvatarGone, AvatarLeft, FirstSent, Speaking, Utterance
from bot.ports.room import (
    AudioFrame,
    ConnectionLost,
    LinkDown,
    LinkUp,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomConnection,
    RoomEvent,
    TokenExpiring,
    VideoFrame,
)
from bot.telemetry import Metrics

log = structlog.get_logger(__name__)


class AkoolAvatar:
    """An `Avatar`. Nothing is sent before it is in the room, or while the link is down: AKOOL loses it without a sign.

    In AKOOL's own room the avatar's uid is not known beforehand: whoever is not `own_uid` and speaks, or is there first, is the
    avatar. In a room of ours it is `avatar_uid`, and nobody else is listened to. `dropped_foreign` counts packets from others,
    `dropped_malformed` those that are not protocol v2.
    """

    def __init__(
        self,
        connection: RoomConnection,
        *,
        own_uid: str,
        avatar_uid: str | None = None,
        budget: Budget = DEFAULT_BUDGET,
        metrics: Metrics | None = None,
    ) -> None:
        self.dropped_foreign = 0
        self.dropped_malformed = 0
        self._connection = connection
        self._own_uid = own_uid
        self._expected_uid = avatar_uid
        self._budget = budget
        self._metrics = metrics
        self._sender = PacketSender(connection, budget, lambda mid: self._events.put_nowait(FirstSent(mid)))
        self._reassembly = Reassembly()
        self._events: asyncio.Queue[AvatarEvent | None] = asyncio.Queue()
        self._peers: dict[str, None] = {}
        self._uid: str | None = None
        self._linked = True
        self._watching = False
        self._life: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------ its life

    async def join(self) -> None:
        await self._connection.join()
        self._life = asyncio.create_task(self._live(), name="avatar")

    async def events(self) -> AsyncIterator[AvatarEvent]:
        while (event := await self._events.get()) is not None:
            yield event
        if self._life:
            await asyncio.wait([self._life])
            if not self._life.cancelled():
                self._life.result()

    async def leave(self) -> None:
        try:
            if self._life:
                self._life.cancel()
                await asyncio.wait([self._life])
            else:
                self._end()
        finally:
            await self._connection.leave()

    async def _live(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._sender.run(), name="sender")
                await self._listen()
                sending.cancel()
        finally:
            self._end()
            if self._metrics:
                self._count(self._metrics)

    def _count(self, metrics: Metrics) -> None:
        metrics.packets_sent.inc(self._sender.sent)
        for reason in ("foreign", "malformed"):
            metrics.packets_dropped.labels(reason).inc(getattr(self, f"dropped_{reason}"))

    def _end(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._sender.close(RoomError("The avatar's room is closed."))
        self._events.put_nowait(None)

    # ------------------------------------------------------------ what is asked of it

    async def say(self, turn_id: str, text: str | AsyncIterable[str]) -> None:
        await self._sender.say(turn_id, text)

    async def interrupt(self) -> None:
        self._sender.drop_speech()
        mid = _new_mid()
        await self._command(mid, CommandName.INTERRUPT, encode(Interrupt(mid)))

    async def set_params(self, changes: ParamChanges) -> None:
        wanted, mid = params(changes), _new_mid()
        if wanted != Params():
            await self._command(mid, CommandName.SET_PARAMS, encode(SetParams(mid, wanted)))

    async def act(self, action: str | None, expression: str | None) -> None:
        mid = _new_mid()
        await self._sender.deliver(mid, encode(gesture(mid, action, expression)))

    async def hear(self, frame: bytes) -> None:
        if self._linked and self._uid:
            await self._connection.publish(frame)

    async def watch(self, on: bool) -> None:
        self._watching = on
        if self._uid or not on:
            await self._connection.watch(self._uid if on else None)

    async def request_key_frame(self) -> None:
        if self._uid:
            await self._connection.request_key_frame(self._uid)

    async def _command(self, mid: str, verb: CommandName, packet: bytes) -> None:
        if len(packet) > self._budget.packet_bytes:
            raise CommandRefused(
                "These settings are too long for one message to the avatar: give it fewer pronunciations or a shorter address.",
                f"{verb} of {len(packet)} bytes; at most {self._budget.packet_bytes}",
            )
        try:
            ack = await self._sender.request(mid, verb, packet)
        except TimeoutError:
            raise CommandRefused(
                "The avatar did not confirm that, so it may not have happened.", f"{verb}: no ack"
            ) from None
        except RoomError as error:
            raise CommandRefused(error.sentence, f"{verb}: {error.detail}") from error
        if not ack.accepted:
            raise CommandRefused("The avatar refused that.", f"{verb}: {ack.code} {ack.msg}")

    # ------------------------------------------------------------ what happens in the room

    async def _listen(self) -> None:
        try:
            async for event in self._connection.events():
                await self._take(event)
        except RoomError as error:
            self._events.put_nowait(AvatarGone(LossReason.ERROR, error.detail))

    async def _take(self, event: RoomEvent) -> None:
        match event:
            case Packet(uid, packet):
                await self._take_packet(uid, packet)
            case PeerJoined(uid):
                await self._peer_joined(uid)
            case PeerLeft(uid):
                await self._peer_left(uid)
            case LinkDown() | LinkUp():
                self._events.put_nowait(event)
                self._linked = isinstance(event, LinkUp)
                self._route()
            case VideoFrame() | AudioFrame():
                if self._listens_to(event.uid):
                    self._events.put_nowait(event)
            case TokenExpiring():
                self._events.put_nowait(event)
            case ConnectionLost(reason, detail):
                self._events.put_nowait(AvatarGone(reason, detail))

    def _listens_to(self, uid: str) -> bool:
        return uid == self._expected_uid if self._expected_uid else uid != self._own_uid

    async def _peer_joined(self, uid: str) -> None:
        if self._listens_to(uid):
            self._peers[uid] = None
            if self._uid is None:
                await self._arrive(uid)

    async def _peer_left(self, uid: str) -> None:
        self._peers.pop(uid, None)
        if uid == self._uid:
            self._uid = None
            self._events.put_nowait(AvatarLeft())
            self._route()
            if self._peers:
                await self._arrive(next(iter(self._peers)))

    async def _arrive(self, uid: str) -> None:
        if self._uid is None:
            self._events.put_nowait(AvatarArrived())
        self._peers[uid] = None
        self._uid = uid
        self._route()
        if self._watching:
            await self._connection.watch(uid)

    def _route(self) -> None:
        self._sender.set_open(self._linked and self._uid is not None)

    async def _take_packet(self, uid: str, packet: bytes) -> None:
        if not self._listens_to(uid):
            self.dropped_foreign += 1
            return
        message = decode(packet)
        if isinstance(message, NotOurs):
            if not self.dropped_malformed:  # once: whoever sends nonsense sends much of it
                log.warning("akool.packet_unreadable", why=message.reason.value, size=len(packet))
            self.dropped_malformed += 1
            return
        if uid != self._uid:
            await self._arrive(uid)
        match message:
            case Part():
                self._show(self._reassembly.take(message, self._now()))
            case CommandAck():
                self._sender.acknowledge(message)
            case Event(mid, moment):
                self._events.put_nowait(Speaking(mid, moment is Moment.AUDIO_START))
            case _:
                pass  # what only we send, and what AKOOL may yet invent

    # ------------------------------------------------------------ what time changes

    def _show(self, utterances: list[Utterance]) -> None:
        for utterance in utterances:
            self._events.put_nowait(utterance)
        if self._timer:
            self._timer.cancel()
        due_at = self._reassembly.due_at(self._now())
        self._timer = None if due_at is None else asyncio.get_running_loop().call_at(due_at, self._let_time_pass)

    def _let_time_pass(self) -> None:
        self._show(self._reassembly.due(self._now()))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _new_mid() -> str:
    return f"cmd-{secrets.token_hex(8)}"
