"""What is left when everybody has gone home: the database, the channel and what the avatars spoke, held against each other."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from adapters.playground.message_store import History, MessageChanged
from adapters.playground.protocol import Message, Told
from adapters.simulator.avatar import Spoken
from bot.domain.sessions import SessionStatus
from bot.transcript.publisher import LOST
from tests.acceptance.member import Member
from tests.acceptance.processes import Deployment, Simulation

TAKEN_BACK = frozenset({"handed back", "stale", "withdrawn"})
"""Outcomes of what was never given to an avatar."""


@dataclass(frozen=True)
class Row:
    """One thing accepted: a row of the inbox."""

    id: str
    verb: str
    person: str
    nonce: str
    state: str
    outcome: str
    sentence: str
    reply_due: bool


@dataclass(frozen=True)
class Utterance:
    mid: str
    text: str
    final: bool
    shown: bool
    key: str


@dataclass(frozen=True)
class Evidence:
    """Every method answers with complaints; none is what is wanted."""

    rows: Sequence[Row]
    utterances: Sequence[Utterance]
    spoken: dict[str, list[Spoken]]
    messages: Sequence[Message]
    told: Sequence[Told]

    def complaints(self) -> list[str]:
        return [
            *self.without_outcome(),
            *self.spoken_wrongly(),
            *self.untold(),
            *self.doubled(),
            *self.torn(),
            *self.left_open(),
        ]

    def without_outcome(self) -> Iterator[str]:
        for row in self.rows:
            if row.state != "done" or not row.outcome or row.reply_due:
                yield f"no outcome, or nobody told of it: {row}"

    def spoken_wrongly(self) -> Iterator[str]:
        """Spoken: exactly once. Unheard: once or not at all. Anything else: never."""
        for row in self._sayings:
            times = len(self.spoken[row.id])
            allowed = {"spoken": {1}, "interrupted": {1}, "unheard": {0, 1}}.get(
                row.outcome, {0} if row.outcome in TAKEN_BACK else set()
            )
            if times not in allowed:
                yield f"spoken {times} times: {row}"

    def untold(self) -> Iterator[str]:
        """Whose words were not, or perhaps not, spoken has been told so: in their window, or by a mention while they were away."""
        whispered = Counter((told.nonce, told.text) for told in self.told)
        mentions = Counter(
            (person, message.text.partition(" ")[2]) for message in self.messages for person in message.mentions
        )
        for row in self._sayings:
            if row.outcome in {"spoken", "interrupted"} or whispered[row.nonce, row.sentence]:
                continue
            away = (row.person, row.sentence)
            mentions[away] -= 1
            if not row.sentence or mentions[away] < 0:
                yield f"its author was not told: {row}"

    def doubled(self) -> Iterator[str]:
        """Every line of the transcript stands once: by the key it was posted under, and by its words."""
        lines = [message for message in self.messages if message.key and not message.deleted]
        for key, times in Counter((message.channel, message.key) for message in lines).items():
            if times > 1:
                yield f"{times} lines under one key: {key}"
        said = Counter(spoken.said.strip() for each in self.spoken.values() for spoken in each)
        for text, times in Counter(message.text for message in self._lines).items():
            if times > max(1, said[text]):
                yield f"{times} lines where {said[text]} were spoken: {text}"

    def torn(self) -> Iterator[str]:
        """What was finished stands whole in the database and in the channel; what was lost says so."""
        posted = {message.key.rpartition("-")[0]: message for message in self._lines}
        for utterance in self.utterances:
            line = posted.get(utterance.key)
            if not utterance.final or not utterance.shown:
                yield f"never finished: {utterance}"
            elif line is None or line.growing or line.text != utterance.text:
                yield f"the channel shows {line and line.text!r}: {utterance}"
            elif not self._is_what_was_said(utterance):
                yield f"not what was spoken: {utterance}, {self.spoken[utterance.mid]}"
        heard = {utterance.mid for utterance in self.utterances}
        yield from (f"no transcript: {row}" for row in self._sayings if row.outcome == "spoken" and row.id not in heard)

    def left_open(self) -> Iterator[str]:
        for message in self.messages:
            if message.card and message.card.status is not SessionStatus.ENDED:
                yield f"a card says {message.card.status}: {message.card}"

    @property
    def _sayings(self) -> list[Row]:
        return [row for row in self.rows if row.verb == "say"]

    @property
    def _lines(self) -> list[Message]:
        return [message for message in self.messages if message.author.kind == "avatar"]

    def _is_what_was_said(self, utterance: Utterance) -> bool:
        said = [spoken.said for spoken in self.spoken[utterance.mid]]
        if utterance.text.endswith(LOST):
            return any(each.startswith(utterance.text.removesuffix(LOST)) for each in said)
        return utterance.text in said


def gathered(services: Deployment, simulation: Simulation, members: Iterable[Member]) -> Evidence:
    spoken: defaultdict[str, list[Spoken]] = defaultdict(list)
    for session in simulation.state().sessions:
        for each in session.spoken:
            spoken[each.mid].append(each)
    told = [told for member in members for told in member.told]
    return Evidence(_rows(services), _utterances(services), spoken, _messages(services), told)


def _rows(services: Deployment) -> list[Row]:
    query = "SELECT id, verb, person_id, event_id, state, outcome, sentence, reply_due FROM inbox"
    return [
        Row(id_, verb, person, event.partition(":")[2], state, outcome, sentence, bool(due))
        for id_, verb, person, event, state, outcome, sentence, due in _select(services, query)
    ]


def _utterances(services: Deployment) -> list[Utterance]:
    query = "SELECT mid, text, final, shown, substr(id, -20) FROM utterances WHERE text <> ''"
    return [
        Utterance(mid, text, bool(final), bool(shown), key) for mid, text, final, shown, key in _select(services, query)
    ]


def _select(services: Deployment, query: str) -> list[tuple[str, ...]]:
    connection = sqlite3.connect(services.database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _messages(services: Deployment) -> list[Message]:
    newest: dict[str, Message] = {}
    for record in History(services.history).read():
        if isinstance(record, MessageChanged):
            newest[record.message.id] = record.message
    return list(newest.values())
