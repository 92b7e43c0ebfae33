"""What is left when everybody has fallen silent: database, chat services and provider, held against what people did."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from psycopg.rows import class_row
from sqlalchemy.engine import URL

from tests.acceptance.processes import Simulation
from tests.cluster.talk import Chat, PostedLine, Talker
from tests.integration.core.audit import ServerAudit
from tests.server import connected

NUMBERED = re.compile(r"this is number \d+ of \w+, loud and clear\.")
ON_PURPOSE = frozenset({"", "stopped"})
"""Ends of a session that somebody asked for."""

_ROWS = b"SELECT id, event_id, verb, person_id, place_channel_id, state, outcome, sentence, reply_due FROM inbox"
_STAMPS = b"""
    SELECT i.platform || ' ' || t.session_id, i.stamp FROM turns t JOIN inbox i ON i.id = t.id ORDER BY t.claimed_at, t.id
"""
_SESSIONS = b"SELECT platform || ' ' || channel_id, end_reason FROM sessions"
_OPEN = b"SELECT provider_id FROM provider_sessions WHERE state NOT IN ('closed', 'lost')"
_UNSHOWN = b"SELECT session_id || ' ' || id FROM utterances WHERE NOT shown OR NOT final"
_WAITING = b"""
    SELECT (SELECT count(*) FROM inbox WHERE state <> 'done' OR reply_due)
         + (SELECT count(*) FROM utterances WHERE NOT shown OR NOT final)
"""


@dataclass(frozen=True)
class InboxRow:
    id: str
    event_id: str
    verb: str
    person_id: str
    place_channel_id: str
    state: str
    outcome: str
    sentence: str
    reply_due: bool


@dataclass(frozen=True)
class Findings:
    """Each method answers with complaints; none is what is wanted."""

    talkers: Sequence[Talker]
    rows: Sequence[InboxRow]
    spoken: Mapping[str, int]
    """How often an avatar was given each row's words."""
    lines: Sequence[PostedLine]
    told: Sequence[tuple[str, str]]
    """Person and sentence."""
    stamps: Mapping[str, Sequence[int]]
    ends: Sequence[tuple[str, str]]
    stale: Sequence[tuple[str, ...]]
    unknown_rooms: Sequence[str]
    too_fast: Sequence[str]
    unshown: Sequence[str] = ()
    """Lines of a transcript that are not written out."""
    split: Mapping[str, int] = field(default_factory=dict)

    def complaints(self) -> dict[str, list[str]]:
        """By what they are about; what nobody complains of is left out."""
        counted: Mapping[str, Callable[[], Iterator[str]]] = {
            "lost": self.lost,
            "spoken twice": self.spoken_twice,
            "spoken wrongly": self.spoken_wrongly,
            "posted twice": self.posted_twice,
            "carded twice": self.carded_twice,
            "not posted": self.not_posted,
            "not shown": lambda: iter(self.unshown),
            "told twice": self.told_twice,
            "not told": self.not_told,
            "out of order": self.out_of_order,
            "ended for our fault": self.ended_wrongly,
            "stale writes": lambda: map(str, self.stale),
            "open and unknown": lambda: iter(self.unknown_rooms),
            "429": lambda: iter(self.too_fast),
            "two holders": lambda: (f"{workspace}: {looks} looks" for workspace, looks in self.split.items()),
        }
        found = {about: list(those()) for about, those in counted.items()}
        return {about: those for about, those in found.items() if those}

    def lost(self) -> Iterator[str]:
        """Taken, and neither carried out nor refused with a sentence."""
        known = {row.event_id for row in self.rows}
        for talker in self.talkers:
            missing = [said for said in talker.said if said.event_id not in known]
            if len(missing) > self._told_beside(talker.person):
                yield f"{talker.person} was not told of {missing}"
        for row in self.rows:
            if row.state != "done" or not row.outcome:
                yield f"no outcome: {row}"

    def spoken_twice(self) -> Iterator[str]:
        yield from (f"{times} times: {mid}" for mid, times in self.spoken.items() if times > 1)

    def spoken_wrongly(self) -> Iterator[str]:
        """Spoken: exactly once. Unheard: once or not at all. Anything else: never."""
        allowed = {"spoken": {1}, "interrupted": {1}, "unheard": {0, 1}}
        for row in self.rows:
            times = self.spoken.get(row.id, 0)
            if row.verb == "say" and times not in allowed.get(row.outcome, {0}):
                yield f"spoken {times} times: {row}"

    def posted_twice(self) -> Iterator[str]:
        keys = Counter((line.channel, line.key) for line in self.lines if line.key and not line.card)
        yield from (f"{times} under one key: {key}" for key, times in keys.items() if times > 1)
        yield from (f"{times} lines: {text}" for text, times in self._posted.items() if times > 1)

    def carded_twice(self) -> Iterator[str]:
        keys = Counter((line.channel, line.key) for line in self.lines if line.card)
        yield from (f"{times} cards: {key}" for key, times in keys.items() if times > 1)

    def not_posted(self) -> Iterator[str]:
        """Spoken to its end, and not to be read as a whole."""
        said = {said.event_id: said.text for talker in self.talkers for said in talker.said}
        posted = self._posted
        for row in self.rows:
            if row.outcome == "spoken" and row.event_id in said and said[row.event_id] not in posted:
                yield f"{said[row.event_id]}: {row}"

    def told_twice(self) -> Iterator[str]:
        known = {row.event_id for row in self.rows}
        for talker in self.talkers:
            taken = sum(row.verb != "say" and row.person_id == talker.person for row in self.rows)
            refused = sum(said.event_id not in known for said in talker.said) + max(0, talker.typed - taken)
            if (beside := self._told_beside(talker.person)) > refused:
                yield f"{talker.person} was told {beside} times of {refused}: {self._told_to(talker.person)}"

    def not_told(self) -> Iterator[str]:
        told = Counter(self.told)
        for (person, sentence), times in self._due.items():
            if told[person, sentence] < times:
                yield f"{person} was told {told[person, sentence]} times of {times}: {sentence}"
        yield from (f"still due: {row}" for row in self.rows if row.reply_due)

    def out_of_order(self) -> Iterator[str]:
        yield from (session for session, stamps in self.stamps.items() if list(stamps) != sorted(stamps))

    def ended_wrongly(self) -> Iterator[str]:
        yield from (f"{where}: {reason}" for where, reason in self.ends if reason not in ON_PURPOSE)

    @cached_property
    def _posted(self) -> Counter[str]:
        """How often each text of our people's is to be read."""
        return Counter(text for line in self.lines for text in NUMBERED.findall(line.text))

    @cached_property
    def _due(self) -> Counter[tuple[str, str]]:
        return Counter((row.person_id, row.sentence) for row in self.rows if row.sentence)

    def _told_to(self, person: str) -> Counter[tuple[str, str]]:
        return Counter(told for told in self.told if told[0] == person)

    def _told_beside(self, person: str) -> int:
        """What somebody was told that stands in no row: what was refused."""
        return sum(max(0, times - self._due[told]) for told, times in self._told_to(person).items())


@dataclass(frozen=True)
class Sources:
    """Where findings come from."""

    url: URL
    simulation: Simulation
    audit: ServerAudit
    chats: Sequence[Chat]

    def gathered(self, talkers: Sequence[Talker], split: Mapping[str, int]) -> Findings:
        spoken = Counter(each.mid for session in self.simulation.state().sessions for each in session.spoken)
        with connected(self.url) as connection:
            rows = connection.cursor(row_factory=class_row(InboxRow)).execute(_ROWS).fetchall()
            stamps = connection.execute(_STAMPS).fetchall()
            sessions = connection.execute(_SESSIONS).fetchall()
            known = {provider_id for (provider_id,) in connection.execute(_OPEN)}
            unshown = [line for (line,) in connection.execute(_UNSHOWN)]
        return Findings(
            talkers,
            rows,
            spoken,
            [line for chat in self.chats for line in chat.lines()],
            [told for chat in self.chats for told in chat.told()],
            _grouped(stamps),
            sessions,
            self.audit.stale_writes(),
            sorted(set(self.simulation.open) - known),
            [call for chat in self.chats for call in chat.refused()],
            unshown,
            split,
        )

    def settled(self) -> bool:
        """Whether nothing waits any more: every row has its outcome, everybody was told, every line stands."""
        with connected(self.url) as connection:
            return connection.execute(_WAITING).fetchone() == (0,)


def _grouped(pairs: Sequence[tuple[str, int]]) -> Mapping[str, Sequence[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for name, value in pairs:
        found[name].append(value)
    return found
