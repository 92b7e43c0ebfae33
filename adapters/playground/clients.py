"""Who is in the playground: people, each of whom may be somebody else on every client, and the open clients, each brought up to date by its own cursor."""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections import Counter, deque
from dataclasses import dataclass, field

from starlette.websockets import WebSocket

from adapters.playground.message_store import MessageStore
from adapters.playground.protocol import Enter, Someone, ToClient, encode
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, Membership, Person

NAMES = (
    "Ann",
    "Ben",
    "Chidi",
    "Dana",
    "Emil",
    "Fatima",
    "Goran",
    "Hana",
    "Ines",
    "Jonas",
    "Kaya",
    "Luis",
    "Mei",
    "Noor",
)
NAME_LIMIT = 32

_STANDINGS = {"a": Membership.ADMIN, "m": Membership.MEMBER, "g": Membership.OUTSIDER}
"""The first letter of an id says who they are; the id is signed, so nobody can promote themselves."""

FLUSH = 0.03
"""Least time between two frames of changes to one client, in seconds: under a blink, and many edits become one frame."""
NOTES = 64
"""Frames to one client that are no messages and wait; a client that falls further behind loses the oldest."""
TOLD_WITHIN = 0.8
"""Seconds after which a client that takes nothing counts as closed for whoever is to be told something."""


class People:
    """Everybody who came in, and who is here. The first ever is the admin; a guest stands for somebody from outside."""

    def __init__(self, store: MessageStore, secret: str) -> None:
        self._store = store
        self._secret = secret.encode()
        self._clients: Counter[str] = Counter()

    def enter(self, enter: Enter) -> Person:
        """The one who comes back, or somebody new."""
        known = enter.person if self._proven(enter) else ""
        person_id = known or self._new_id(guest=enter.guest)
        if enter.name.strip() or person_id not in self._store.names:
            self._store.name(person_id, self._free_name(enter.name, person_id))
        return self.person(person_id)

    def person(self, person_id: str) -> Person:
        return Person(person_id, self._store.names.get(person_id, "Somebody"), _STANDINGS[person_id[0]], human=True)

    def rename(self, person: Person, name: str) -> Person:
        """The same person under another name, made unlike everybody else's."""
        if name.strip():
            self._store.name(person.id, self._free_name(name, person.id))
        return self.person(person.id)

    def mentioned(self, command: Command) -> Command:
        """The same with everybody whose name stands behind an @ as the core mentions them, but in free text."""
        verb = CATALOGUE.verb(command.verb)
        free = {option.name for option in verb.options if option.rest} if verb else set()
        return Command(
            command.verb,
            {name: value if name in free else self._with_ids(value) for name, value in command.options.items()},
        )

    def _with_ids(self, text: str) -> str:
        """Longer names first: Ann 2 is not Ann."""
        for person_id, name in sorted(self._store.names.items(), key=lambda named: -len(named[1])):
            text = re.sub(rf"(?<!\w)@{re.escape(name)}(?!\w)", f"<@{person_id}>", text, flags=re.IGNORECASE)
        return text

    def arrive(self, person: Person) -> None:
        self._clients[person.id] += 1

    def leave(self, person: Person) -> None:
        self._clients[person.id] -= 1

    def online(self, person_id: str) -> bool:
        return self._clients[person_id] > 0

    def proof(self, person_id: str) -> str:
        """What lets a client come back as this person."""
        return hmac.new(self._secret, b"person " + person_id.encode(), hashlib.sha256).hexdigest()

    def shown(self, person: Person) -> Someone:
        return Someone(person.id, person.name, person.standing.value, online=self.online(person.id))

    @property
    def everybody(self) -> tuple[Someone, ...]:
        return tuple(self.shown(self.person(person_id)) for person_id in self._store.names)

    def _proven(self, enter: Enter) -> bool:
        expected = self.proof(enter.person)
        return enter.person[:1] in _STANDINGS and hmac.compare_digest(expected.encode(), enter.proof.encode())

    def _new_id(self, *, guest: bool) -> str:
        standing = "g" if guest else "m" if self._store.names else "a"
        return standing + secrets.token_hex(4)

    def _free_name(self, wanted: str, person_id: str) -> str:
        taken = {name.casefold() for other, name in self._store.names.items() if other != person_id}
        wanted = " ".join(wanted.split())[:NAME_LIMIT]
        offers = [wanted, *(f"{wanted} {n}" for n in range(2, 100))] if wanted else list(NAMES)
        return next((name for name in offers if name.casefold() not in taken), f"Person {len(taken) + 1}")


# ---------------------------------------------------------------- clients


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
