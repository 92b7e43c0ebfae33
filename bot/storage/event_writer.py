"""What happens, as others are told of it: written in the transaction in which it happens, and only where somebody listens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from bot.domain.disclosure import DIGITAL_SOURCE_TYPE
from bot.domain.hook_events import (
    EndedPayload,
    EventAvatar,
    EventPerson,
    EventType,
    SessionPayload,
    TurnPayload,
    UtterancePayload,
    encoded,
)
from bot.domain.posts import Speaker
from bot.domain.sessions import EndReason
from bot.ports.storage.hooks import HookListener, NewEvent
from bot.ports.storage.records import InboxOutcome, SessionRecord, UtteranceRecord
from bot.storage.functions import Tx

T_contra = TypeVar("T_contra", contravariant=True)


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
        return self._write(tx, event_id, session_id, kind, lambda session: _session(session, kind))

    def sessions_changed(self, tx: Tx, changes: Mapping[str, str], kind: EventType) -> bool:
        """Looked for first: where nobody listens it is one statement for all."""
        listens = bool(changes) and bool(self._outbox.listeners(tx))
        told = [listens and self.session_changed(tx, event_id, id_, kind) for id_, event_id in changes.items()]
        return any(told)

    def turn_spoken(self, tx: Tx, event_id: str, session_id: str, row_id: str, outcome: InboxOutcome) -> bool:
        def payload(session: SessionRecord) -> TurnPayload | None:
            turn = self._outbox.turn_in_flight(tx, row_id)
            return _turn(session, row_id, turn, outcome) if turn else None

        return self._write(tx, event_id, session_id, EventType.TURN_SPOKEN, payload, row_id)

    def utterance_final(self, tx: Tx, event_id: str, session_id: str, utterance: UtteranceRecord) -> bool:
        def payload(session: SessionRecord) -> UtterancePayload:
            return _utterance(session, utterance)

        author = utterance.mid if utterance.speaker is Speaker.USER else ""
        return self._write(tx, event_id, session_id, EventType.UTTERANCE_FINAL, payload, author)

    def _write(  # noqa: PLR0917
        self,
        tx: Tx,
        event_id: str,
        session_id: str,
        kind: EventType,
        payload: Callable[[SessionRecord], SessionPayload | None],
        author_row: str = "",
    ) -> bool:
        concerned = [each for each in self._outbox.listeners(tx) if kind in each.events]
        session = self._session(tx, session_id) if concerned else None
        if session is None:
            return False
        told = [each for each in concerned if each.scope.may_cover(session.place)]
        data = payload(session) if told else None
        if data is None:
            return False
        event = NewEvent(event_id, session_id, kind, encoded(kind, tx.now, data), author_row)
        self._outbox.write(tx, event, [each.id for each in told if not each.streams])
        return True


def _common(session: SessionRecord) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "place": str(session.place),
        "thread": str(session.talk),
        "avatar": EventAvatar(session.spec.avatar_name),
    }


def _session(session: SessionRecord, kind: EventType) -> SessionPayload:
    if kind is not EventType.SESSION_ENDED:
        return SessionPayload(**_common(session))
    return EndedPayload(reason=session.end_reason or EndReason.ERROR, **_common(session))


def _turn(session: SessionRecord, row_id: str, turn: SpokenTurn, outcome: InboxOutcome) -> TurnPayload:
    return TurnPayload(
        turn_id=row_id,
        outcome="spoken" if outcome is InboxOutcome.SPOKEN else "interrupted",
        person=EventPerson(turn.person_id, turn.person_name),
        text=turn.words,
        **_common(session),
    )


def _utterance(session: SessionRecord, utterance: UtteranceRecord) -> UtterancePayload:
    by_avatar = utterance.speaker is Speaker.BOT
    return UtterancePayload(
        utterance_id=utterance.id,
        turn_id=utterance.mid,
        speaker="avatar" if by_avatar else "person",
        text=utterance.text,
        digital_source_type=DIGITAL_SOURCE_TYPE if by_avatar else msgspec.UNSET,
        **_common(session),
    )
