"""Who is in the playground: every client may be somebody else."""

import hashlib
import hmac
import re
import secrets
from collections import Counter

from adapters.playground.message_store import MessageStore
from adapters.playground.protocol import Enter, Someone
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
