"""What goes to the avatar: cut into packets, in order, queued within the budgets, and sent; and who waits for it is told what came of it.

Where time is an argument, it is in monotonic seconds.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.akool.stream.protocol import Chat, CommandAck, chunk, encode
from bot.domain.errors import RoomError, SettingsError
from bot.domain.text import well_formed
from bot.ports.room import RoomConnection
from bot.tasks import rest

ACK_TIMEOUT_S = 5.0
RESEND_AFTER_S = 1.5
"""A command without an answer is sent once more: the stream may have lost it, or its acknowledgement."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be sent: bytes in a packet, bytes and packets in any sliding second.

    The defaults are those of AKOOL's own client (960 bytes, six times that in a second) and Agora's 30 packets a second. Speech
    leaves a part of each second to control, so that an interrupt need not wait for it to pass.
    """

    packet_bytes: int = 960
    bytes_per_s: int = 5760
    packets_per_s: int = 30
    control_bytes: int = 480
    control_packets: int = 3

    def __post_init__(self) -> None:
        if not 256 <= self.packet_bytes <= 1024:
            raise SettingsError("A stream packet must be allowed 256 to 1,024 bytes.")
        if self.bytes_per_s < self.packet_bytes + self.control_bytes or self.packets_per_s <= self.control_packets:
            raise SettingsError("The stream's budget of a second is less than one packet.")


DEFAULT_BUDGET = Budget()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A packet to be sent now. `last` tells that nothing more comes under its `mid`, `begins` that a text does."""

    mid: str
    data: bytes
    last: bool
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be sent for so many seconds, unless control comes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Idle:
    """There is nothing to send."""


class _Meter:
    """What was sent in the last second."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._sent: deque[tuple[float, int]] = deque()

    def wait(self, now: float, size: int, kept_bytes: int = 0, kept_packets: int = 0) -> float:
        """Seconds until a packet of `size` bytes fits and leaves so much of its second over."""
        while self._sent and self._sent[0][0] + 1 <= now:
            self._sent.popleft()
        bytes_over = sum(sent for _, sent in self._sent) + size + kept_bytes - self._budget.bytes_per_s
        packets_over = len(self._sent) + 1 + kept_packets - self._budget.packets_per_s
        free_at = now
        for sent_at, sent in self._sent:
            if bytes_over <= 0 and packets_over <= 0:
                break
            bytes_over, packets_over, free_at = bytes_over - sent, packets_over - 1, sent_at + 1
        return free_at - now

    def record(self, now: float, size: int) -> None:
        self._sent.append((now, size))


class _Speech:
    """One text on its way: what is unsent of it, and whether more will be written."""

    def __init__(self, mid: str, packet_bytes: int) -> None:
        self.mid = mid
        self.unsent = ""
        self.finished = False
        self.idx = 0
        self._packet_bytes = packet_bytes

    @property
    def ready(self) -> bool:
        return bool(self.unsent) or self.finished

    def packet(self) -> tuple[Outgoing, int]:
        """The next packet as it would be now, and how many characters it takes."""
        if len(self.unsent) <= self._packet_bytes:
            data = self._encoded(len(self.unsent), last=self.finished)
            if len(data) <= self._packet_bytes:
                return Outgoing(self.mid, data, self.finished, begins=not self.idx), len(self.unsent)
        taken = chunk(self.unsent, self._packet_bytes - len(self._encoded(0, last=False)))
        last = self.finished and taken == len(self.unsent)
        return Outgoing(self.mid, self._encoded(taken, last=last), last, begins=not self.idx), taken

    def _encoded(self, taken: int, *, last: bool) -> bytes:
        return encode(Chat(self.mid, self.idx, last, self.unsent[:taken]))


class SendQueue:
    """Texts one after the other, each in packets as full as they can be; control overtakes between two packets."""

    def __init__(self, budget: Budget = DEFAULT_BUDGET) -> None:
        self._budget = budget
        self._meter = _Meter(budget)
        self._control: dict[str, bytes] = {}
        self._speeches: dict[str, _Speech] = {}
        self._speech_due = 0.0

    def open(self, mid: str) -> None:
        """Queue a text that is yet to be written. Raises `ValueError` while another is under way with this `mid`."""
        if mid in self._speeches:
            raise ValueError(f"{mid} is being said already")
        self._speeches[mid] = _Speech(mid, self._budget.packet_bytes)

    def write(self, mid: str, piece: str) -> None:
        """Add a piece to an open text; to one that was dropped it adds nothing."""
        if speech := self._speeches.get(mid):
            speech.unsent += well_formed(piece)

    def finish(self, mid: str) -> bool:
        """Nothing more will be written. False when no packet is to come, for nothing was written or all was dropped."""
        speech = self._speeches.get(mid)
        if speech is None:
            return False
        if not speech.idx and not speech.unsent:
            self.withdraw(mid)
            return False
        speech.finished = True
        return True

    def control(self, mid: str, packet: bytes) -> None:
        """Queue a command before all speech. The same `mid` again, while it is unsent, replaces it."""
        self._control[mid] = packet

    def withdraw(self, mid: str) -> None:
        """Drop what is unsent under `mid`, if anything."""
        self._control.pop(mid, None)
        self._speeches.pop(mid, None)

    def drop_speech(self) -> tuple[str, ...]:
        """Drop every text that is not sent to its end; returns their `mid`s."""
        dropped = tuple(self._speeches)
        self._speeches.clear()
        return dropped

    def next_packet(self, now: float) -> Outgoing | Wait | Idle:
        """The packet to send at this moment, if there is one and the budgets allow it."""
        if self._control:
            return self._next_control(now)
        speech = next(iter(self._speeches.values()), None)
        if speech is None or not speech.ready:
            return Idle()
        return self._next_of(speech, now)

    def _next_control(self, now: float) -> Outgoing | Wait:
        mid, packet = next(iter(self._control.items()))
        if (wait := self._meter.wait(now, len(packet))) > 0:
            return Wait(wait)
        del self._control[mid]
        self._meter.record(now, len(packet))
        return Outgoing(mid, packet, last=True)

    def _next_of(self, speech: _Speech, now: float) -> Outgoing | Wait:
        packet, taken = speech.packet()
        size, kept = len(packet.data), (self._budget.control_bytes, self._budget.control_packets)
        if (wait := max(self._speech_due - now, self._meter.wait(now, size, *kept))) > 0:
            return Wait(wait)
        # One by one at the pace of the budget, as AKOOL's own client sends: packets of a burst overtake one another.
        self._speech_due = now + size / self._budget.bytes_per_s
        self._meter.record(now, size)
        speech.unsent = speech.unsent[taken:]
        speech.idx += 1
        if packet.last:
            del self._speeches[speech.mid]
        return packet


# ---------------------------------------------------------------- the sender


class PacketSender:
    """One way to the avatar: closed at first, and whenever a packet would be lost because nobody is there to hear it.

    Everything that waits here ends with `RoomError` at `close`. `begun` is told the `mid` of each text whose first packet is sent.
    """

    def __init__(
        self, connection: RoomConnection, budget: Budget, begun: Callable[[str], object] = lambda _: None
    ) -> None:
        self._connection = connection
        self._begun = begun
        self._queue = SendQueue(budget)
        self._open = False
        self._changed = asyncio.Event()
        self._outcomes: dict[str, asyncio.Future[CommandAck | None]] = {}
        self._unanswered: dict[str, str] = {}
        self._closed: RoomError | None = None
        self.sent = 0

    async def run(self) -> None:
        """Send until cancelled."""
        clock = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            match self._queue.next_packet(clock.time()) if self._open else Idle():
                case Outgoing() as packet:
                    await self._send(packet)
                case Wait(seconds):
                    await rest(self._changed, seconds)
                case _:
                    await self._changed.wait()

    def set_open(self, is_open: bool) -> None:
        """Open or close the way; what is unsent waits."""
        self._open = is_open
        self._changed.set()

    def close(self, error: RoomError) -> None:
        """Give up: who waits gets `error`, and so does who comes later."""
        self._closed = error
        for mid in list(self._outcomes):
            self._fail(mid, error)

    # ------------------------------------------------------------ speech

    async def say(self, mid: str, text: str | AsyncIterable[str]) -> None:
        """Returns when the last packet is sent or the rest was dropped.

        What the pieces raise is raised when all that was written before is sent.
        """
        with self._outcome(mid) as sent:
            self._queue.open(mid)
            if isinstance(text, str):
                self._queue.write(mid, text)
                self._finish(mid)
                await sent
            else:
                await self._dictate(mid, text, sent)

    def drop_speech(self) -> None:
        for mid in self._queue.drop_speech():
            self._settle(mid)

    async def _dictate(self, mid: str, pieces: AsyncIterable[str], sent: asyncio.Future[CommandAck | None]) -> None:
        writing = asyncio.create_task(self._write(mid, pieces))
        try:
            await sent
        finally:
            self._queue.withdraw(mid)
            writing.cancel()
            (end,) = await asyncio.gather(writing, return_exceptions=True)
        if isinstance(end, Exception):
            raise end

    async def _write(self, mid: str, pieces: AsyncIterable[str]) -> None:
        try:
            async for piece in pieces:
                self._queue.write(mid, piece)
                self._changed.set()
        finally:
            self._finish(mid)

    def _finish(self, mid: str) -> None:
        if not self._queue.finish(mid):
            self._settle(mid)
        self._changed.set()

    # ------------------------------------------------------------ commands

    async def deliver(self, mid: str, packet: bytes) -> None:
        """Returns when the command is sent."""
        with self._outcome(mid) as sent:
            self._control(mid, packet)
            await sent

    async def request(self, mid: str, cmd: str, packet: bytes) -> CommandAck:
        """Send a command and wait for its acknowledgement. Raises `TimeoutError` after 5 s."""
        with self._outcome(mid) as answered:
            self._unanswered[mid] = cmd
            for patience in (RESEND_AFTER_S, ACK_TIMEOUT_S - RESEND_AFTER_S):
                self._control(mid, packet)
                await asyncio.wait([answered], timeout=patience)
                if answered.done() and (ack := answered.result()):
                    return ack
        raise TimeoutError

    def acknowledge(self, ack: CommandAck) -> None:
        """Match an acknowledgement by `mid`, or without one by command, oldest first."""
        same = (mid for mid, cmd in self._unanswered.items() if cmd == ack.cmd)
        mid = ack.mid or next(same, "")
        if mid in self._unanswered:
            self._settle(mid, ack)

    def _control(self, mid: str, packet: bytes) -> None:
        self._queue.control(mid, packet)
        self._changed.set()

    # ------------------------------------------------------------ outcomes

    @contextmanager
    def _outcome(self, mid: str) -> Iterator[asyncio.Future[CommandAck | None]]:
        if self._closed:
            raise self._closed
        if mid in self._outcomes:
            raise ValueError(f"{mid} is under way already")
        outcome: asyncio.Future[CommandAck | None] = asyncio.get_running_loop().create_future()
        self._outcomes[mid] = outcome
        try:
            yield outcome
        finally:
            self._queue.withdraw(mid)
            self._unanswered.pop(mid, None)
            del self._outcomes[mid]

    def _settle(self, mid: str, ack: CommandAck | None = None) -> None:
        if (outcome := self._outcomes.get(mid)) and not outcome.done():
            outcome.set_result(ack)

    def _fail(self, mid: str, error: RoomError) -> None:
        if (outcome := self._outcomes.get(mid)) and not outcome.done():
            outcome.set_exception(error)

    async def _send(self, packet: Outgoing) -> None:
        try:
            await self._connection.send(packet.data)
        except RoomError as error:
            self._fail(packet.mid, error)
        else:
            self.sent += 1
            if packet.begins:
                self._begun(packet.mid)
            if packet.last and packet.mid not in self._unanswered:
                self._settle(packet.mid)
