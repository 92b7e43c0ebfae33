"""Admission in any storage: what a batch rests on is read, and what was decided is written, in one transaction."""

from collections.abc import Callable, Collection, Iterable, Sequence

from bot.domain.conversations import ConversationRef
from bot.ports.storage.admission import AdmissionQuery, Admitted, Situation
from bot.ports.storage.records import Conclusion, InboxOutcome, SessionRecord
from bot.storage.functions import StorageFunctions
from bot.storage.repository import Tx

HAS_ENDED = "The sleeping session has ended."


def admit(
    functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery, decide: Callable[[Situation], Admitted]
) -> Admitted:
    admitted = decide(_situation(functions, tx, query))
    _write(functions, tx, admitted)
    return admitted


def _situation(functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery) -> Situation:
    there = [*functions.sessions.in_channels_of(tx, query.places), *_by_id(functions, tx, query.named)]
    payers = query.payers | _wakers(query, there)
    ended = _ended(functions, tx, query, there)
    return Situation(
        now=tx.now,
        known=frozenset(functions.inbox.known_events(tx, query.events)),
        sessions=tuple(there),
        settings=functions.channels.settings_of(tx, query.places),
        waiting=functions.inbox.waiting_authors(tx, [session.id for session in there]) if there else {},
        running=functions.sessions.count_running(tx) if payers else {},
        own_accounts=functions.channels.own_accounts(tx) if payers else frozenset(),
        used={
            (place.platform, place.workspace_id, person): functions.usage.of_person(tx, place, person)
            for place, person in payers
        },
        allowed={key: functions.channels.allowed(tx, *key) for key in query.workspaces},
        earlier={session.id: session for session in (*_by_id(functions, tx, query.earlier), *ended.values())},
        ended=ended,
    )


def _by_id(functions: StorageFunctions[Tx], tx: Tx, session_ids: Iterable[str]) -> list[SessionRecord]:
    return [session for id_ in session_ids if (session := functions.sessions.get(tx, id_))]


def _wakers(query: AdmissionQuery, there: Sequence[SessionRecord]) -> set[tuple[ConversationRef, str]]:
    """Who pays if what they write wakes a session."""
    sleeping = {session.place.channel for session in there if session.slept_at}
    return {payer for payer in query.payers_if_asleep if payer[0].channel in sleeping} if sleeping else set()


def _ended(
    functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery, there: Collection[SessionRecord]
) -> dict[ConversationRef, SessionRecord]:
    """The session that has ended last where something was said and none runs."""
    hosted = {place for session in there for place in (session.place, session.talk)}
    return {
        place: session
        for place in query.spoken_in - hosted
        if (session := functions.sessions.last_ended(tx, place, ended_within=query.just_ended))
    }


def _write(functions: StorageFunctions[Tx], tx: Tx, admitted: Admitted) -> None:
    for session_id, reason in admitted.ends.items():
        functions.sessions.put_to_rest(tx, session_id, reason)
    for new in admitted.starts:
        functions.sessions.add(tx, new)
    for session_id, (payer_id, seconds) in admitted.wakes.items():
        functions.sessions.wake(tx, session_id, payer_id, seconds)
    functions.inbox.add(tx, admitted.rows)
    if admitted.used:
        functions.sessions.touch(tx, admitted.used)
    answered = (row.id for row in admitted.rows if row.session_id in admitted.ends)
    functions.inbox.conclude(tx, (Conclusion(row_id, InboxOutcome.DONE, HAS_ENDED) for row_id in answered))
    for edited in admitted.edits:
        functions.inbox.edit_waiting(tx, edited.message, edited.text)
    for message in admitted.withdrawals:
        functions.inbox.withdraw_waiting(tx, message)
