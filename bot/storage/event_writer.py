"""What happens, as others are told of it: written in the transaction in which it happens, and only where somebody listens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

from bot.domain.disclosure import DIGITAL_SOURCE_TYPE
from bot.domain.hook_events import EventType
from bot.domain.posts import Speaker
from bot.ports.storage.hooks import HookListener, NewEvent
from bot.ports.storage.records import InboxOutcome, SessionRecord, UtteranceRecord
from bot.storage.functions import Tx

VERSION = 1
"""Of the payloads. It is raised when a field goes or means something else; new fields and new types come without."""

T_contra = TypeVar("T_contra", contravariant=True)

Data = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """What a person gave to the avatar, as they wrote it."""

    person_id: str
    person_name: str
    words: str


class OutboxFunctions(Protocol[T_contra]):
    def listeners(self, tx: T_contra, /) -> Sequence[HookListener]: ...
    def write(self, tx: T_contra, event: NewEvent, hook_ids: Sequence[str], /) -> None: ...
    def turn_in_flight(self, tx: T_contra, row_id: str, /) -> SpokenTurn | None:
        """A turn of a person's that has no outcome yet."""
        ...


class EventWriter(Generic[Tx]):
    """`EventFunctions` over the functions of either storage. Each answers whether somebody listened."""

    def __init__(self, session: Callable[[Tx, str], SessionRecord | None], outbox: OutboxFunctions[Tx]) -> None:
        self._session = session
        self._outbox = outbox

    def session_changed(self, tx: Tx, event_id: str, session_id: str, kind: EventType) -> bool:
        return self._write(tx, event_id, session_id, kind, lambda session: _ending(session, kind))

    def turn_spoken(self, tx: Tx, event_id: str, session_id: str, row_id: str, outcome: InboxOutcome) -> bool:
        def data(_: SessionRecord) -> Data | None:
            turn = self._outbox.turn_in_flight(tx, row_id)
            return _turn(row_id, turn, outcome) if turn else None

        return self._write(tx, event_id, session_id, EventType.TURN_SPOKEN, data, row_id)

    def utterance_final(self, tx: Tx, event_id: str, session_id: str, utterance: UtteranceRecord) -> bool:
        author = utterance.mid if utterance.speaker is Speaker.USER else ""
        return self._write(tx, event_id, session_id, EventType.UTTERANCE_FINAL, lambda _: _utterance(utterance), author)

    def _write(  # noqa: PLR0917
        self,
        tx: Tx,
        event_id: str,
        session_id: str,
        kind: EventType,
        data: Callable[[SessionRecord], Data | None],
        author_row: str = "",
    ) -> bool:
        concerned = [each for each in self._outbox.listeners(tx) if kind in each.events]
        session = self._session(tx, session_id) if concerned else None
        if session is None:
            return False
        told = [each for each in concerned if each.scope.may_cover(session.place)]
        particulars = data(session) if told else None
        if particulars is None:
            return False
        body = _body(kind, tx.now.isoformat(), {**_common(session), **particulars})
        hooks = [each.id for each in told if not each.streams]
        self._outbox.write(tx, NewEvent(event_id, session_id, kind, body, author_row), hooks)
        return True


def _body(kind: EventType, at: str, data: Data) -> str:
    whole = {"type": kind.value, "timestamp": at, "version": VERSION, "data": data}
    return msgspec.json.encode(whole).decode()


def _common(session: SessionRecord) -> Data:
    """Whatever is told, that the avatar is an AI is told with it."""
    return {
        "session_id": session.id,
        "place": str(session.place),
        "thread": str(session.talk),
        "avatar": {"name": session.spec.avatar_name, "digitalSourceType": DIGITAL_SOURCE_TYPE},
    }


def _ending(session: SessionRecord, kind: EventType) -> Data:
    ended = kind is EventType.SESSION_ENDED and session.end_reason
    return {"reason": session.end_reason} if ended else {}


def _turn(row_id: str, turn: SpokenTurn, outcome: InboxOutcome) -> Data:
    person = {"id": turn.person_id, "name": turn.person_name}
    return {"turn_id": row_id, "outcome": outcome, "person": person, "text": turn.words}


def _utterance(utterance: UtteranceRecord) -> Data:
    by_avatar = utterance.speaker is Speaker.BOT
    return {
        "utterance_id": utterance.id,
        "turn_id": utterance.mid,
        "speaker": "avatar" if by_avatar else "person",
        "text": utterance.text,
        **({"digitalSourceType": DIGITAL_SOURCE_TYPE} if by_avatar else {}),
    }
