"""The open clients, each brought up to date by its own cursor."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from starlette.websockets import WebSocket

from adapters.playground.message_store import MessageStore
from adapters.playground.protocol import ToClient, encode
from bot.domain.conversations import Person

FLUSH = 0.03
"""Least time between two frames of changes to one client, in seconds: under a blink, and many edits become one frame."""
NOTES = 64
"""Frames to one client that are no messages and wait; a client that falls further behind loses the oldest."""
TOLD_WITHIN = 0.8
"""Seconds after which a client that takes nothing counts as closed for whoever is to be told something."""


@dataclass(slots=True)
class _Note:
    """A frame that waits to be written, and whether it was."""

    frame: str
    written: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, *, written: bool) -> None:
        if not self.written.done():
            self.written.set_result(written)


class Client:
    """One page that is connected. What it has seen is a cursor, so a slow one skips to the newest instead of filling memory."""

    def __init__(self, socket: WebSocket, store: MessageStore, person: Person, seq: int) -> None:
        self._socket = socket
        self._store = store
        self._seq = seq
        self._notes: deque[_Note] = deque()
        self._woken = asyncio.Event()
        self._woken.set()
        self.person = person

    def wake(self) -> None:
        self._woken.set()

    def note(self, frame: str) -> None:
        """A frame that is not a message."""
        self._add(frame)

    async def tell(self, frame: str) -> bool:
        """Whether it was written to the client: only what was counts as told."""
        try:
            async with asyncio.timeout(TOLD_WITHIN):
                return await self._add(frame)
        except TimeoutError:
            return False

    def close(self) -> None:
        """Nothing more is written."""
        while self._notes:
            self._notes.popleft().settle(written=False)

    async def write(self) -> None:
        """Send whatever there is to send, until cancelled or the client is gone."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._notes:
                await self._send(self._notes.popleft())
            if self._seq < self._store.seq:
                frame, self._seq = self._store.since(self._seq), self._store.seq
                await self._socket.send_text(frame)
            await asyncio.sleep(FLUSH)

    def _add(self, frame: str) -> asyncio.Future[bool]:
        if len(self._notes) == NOTES:
            self._notes.popleft().settle(written=False)
        note = _Note(frame)
        self._notes.append(note)
        self.wake()
        return note.written

    async def _send(self, note: _Note) -> None:
        written = False
        try:
            await self._socket.send_text(note.frame)
            written = True
        finally:
            note.settle(written=written)


class Clients:
    """All of them, in front of one board."""

    def __init__(self, store: MessageStore) -> None:
        self.store = store
        self._open: set[Client] = set()

    def open(self, client: Client) -> None:
        self._open.add(client)

    def close(self, client: Client) -> None:
        self._open.discard(client)
        client.close()

    def wake(self) -> None:
        """Messages changed."""
        for client in self._open:
            client.wake()

    def announce(self, frame: ToClient) -> None:
        """To everybody."""
        encoded = encode(frame)
        for client in self._open:
            client.note(encoded)

    async def whisper(self, person_id: str, frame: ToClient) -> bool:
        """To every client of one person; whether it reached any."""
        encoded = encode(frame)
        theirs = [client for client in self._open if client.person.id == person_id]
        return any(await asyncio.gather(*(client.tell(encoded) for client in theirs)))
