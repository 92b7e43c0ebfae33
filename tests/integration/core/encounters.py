"""First encounters with an avatar, recorded where people meet it, and judged: told first, or with the first word."""

import asyncio
import json
from collections import defaultdict
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette

from bot.app.service import Service
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.disclosure import Disclosure, Disclosures
from bot.domain.posts import Card, Opened, TranscriptLine
from bot.ports.chat import RateLimits
from bot.testing.chat import FakeChat
from bot.web.app import mounted

SENTENCES = frozenset(Disclosures().of(language).sentence for language in ("en", "de"))


@dataclass
class Judge:
    """Of all threads together. `met` is everybody who was told in time, by where."""

    met: set[tuple[str, str]] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    said: dict[str, Disclosure] = field(default_factory=dict)  # by session, what its card says
    sessions: dict[ConversationRef, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # of avatars, by session
    told: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    wrote: defaultdict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def card(self, thread: ConversationRef, card: Card) -> None:
        """A card stands in the place of a thread."""
        if card.disclosure.sentence not in SENTENCES:
            self.faults.append(f"a card without disclosure: {card}")
        self.sessions[thread] = card.session_id
        self.said[card.session_id], self.names[card.session_id] = card.disclosure, card.avatar_name
        self._tell(card.session_id, {card.starter_name.lower()})

    def person(self, session_id: str, person_id: str) -> None:
        """Somebody's words for the avatar were accepted."""
        self.wrote[session_id].setdefault(person_id, asyncio.get_running_loop().time())

    def line(self, thread: ConversationRef, line: TranscriptLine) -> None:
        """A line is posted: what was accepted at this very moment may come after it."""
        session_id, now = self.sessions[thread], asyncio.get_running_loop().time()
        if line.speaker != self.names[session_id]:
            return
        due = {person for person, at in self.wrote[session_id].items() if at < now} - self.told[session_id]
        if line.disclosure == self.said[session_id]:
            self._tell(session_id, set(self.wrote[session_id]))
        elif due or session_id not in self.told:
            self.faults.append(f"{sorted(due)} read {line.text!r} first")

    def _tell(self, session_id: str, people: set[str]) -> None:
        self.told[session_id] |= people
        self.met |= {(session_id, person) for person in people}


class JudgedChat(FakeChat):
    """Everything that is shown passes the judge first."""

    def __init__(self) -> None:
        super().__init__(pace=RateLimits(calls_per_second=50, edit_interval=1.0, first_post=0.4))
        self.judge = Judge()

    def take_card(self, place: ConversationRef, card: Card) -> Opened:
        opened = super().take_card(place, card)
        self.judge.card(opened.thread, card)
        return opened

    def show_card(self, ref: MessageRef, card: Card) -> None:
        super().show_card(ref, card)
        for opened in self.opened:
            if opened.card == ref:
                self.judge.card(opened.thread, card)

    def take_line(self, place: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        self.judge.line(place, line)
        return super().take_line(place, line, key)


@dataclass
class SocketPage:
    """A viewer's page, as far as its socket goes. `came` is the kind of each frame, in order."""

    secret: str
    came: list[str] = field(default_factory=list)
    disclosure: str = ""
    _said: asyncio.Queue[MutableMapping[str, Any]] = field(default_factory=asyncio.Queue)

    async def watch(self, service: Service, seconds: float) -> None:
        """Open it, look for a while, and close it."""
        self._hand({"type": "websocket.connect"})
        self._send(type="present", grant=self.secret)
        self._send(type="visible", on=True, plays=True)
        scope = {"type": "websocket", "path": "/v/socket", "headers": [], "query_string": b"", "client": ("::1", 1)}
        app = Starlette(routes=mounted(service.mounts()))
        serving = asyncio.create_task(app(scope, self._said.get, self._take))
        await asyncio.sleep(seconds)
        self._hand({"type": "websocket.disconnect", "code": 1001})
        await serving

    def _send(self, **frame: object) -> None:
        self._hand({"type": "websocket.receive", "text": json.dumps(frame)})

    def _hand(self, message: MutableMapping[str, Any]) -> None:
        self._said.put_nowait(message)

    async def _take(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] != "websocket.send":
            return
        frame = json.loads(message["text"]) if message.get("text") else {"type": "picture"}
        self.came.append(frame["type"])
        self.disclosure = self.disclosure or frame.get("disclosure", "")

    @property
    def told_first(self) -> bool:
        return self.came[:1] == ["hello"] and self.disclosure in SENTENCES
