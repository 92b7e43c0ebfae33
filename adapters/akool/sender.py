"""Takes what is to be said to the connection, packet by packet, and tells whoever waits for it what came of it."""

import asyncio
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager, suppress

from adapters.akool.stream.messages import CommandAck
from adapters.akool.stream.send_queue import Budget, Idle, Outgoing, SendQueue, Wait
from bot.domain.errors import RoomError
from bot.ports.room import RoomConnection

ACK_TIMEOUT_S = 5.0
RESEND_AFTER_S = 1.5
"""A command without an answer is sent once more: the stream may have lost it, or its acknowledgement."""


class PacketSender:
    """One way to the avatar: closed at first, and whenever a packet would be lost because nobody is there to hear it.

    Everything that waits here ends with `RoomError` at `close`.
    """

    def __init__(self, connection: RoomConnection, budget: Budget) -> None:
        self._connection = connection
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
                    await self._change(seconds)
                case Idle():
                    await self._change(None)

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
            if packet.last and packet.mid not in self._unanswered:
                self._settle(packet.mid)

    async def _change(self, within: float | None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._changed.wait()
