"""Admission in any storage, and the end of what sleeps: what is decided on is read, and what was decided is written, in one transaction."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from bot.clock import new_id
from bot.domain.conversations import ConversationRef
from bot.domain.hook_events import EventType
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage.records import (
    Conclusion,
    InboxOutcome,
    NewRow,
    SessionRecord,
)
from bot.ports.storage.transactions import (
    AdmissionQuery,
    Admitted,
    Situation,
    WorkspaceKey,
)
from bot.storage.functions import StorageFunctions, Tx
from bot.storage.unit_of_work import Repository

T = TypeVar("T")

# ---------------------------------------------------------------- admission


HAS_ENDED = "The sleeping session has ended."


def admit(
    functions: StorageFunctions[Tx],
    tx: Tx,
    query: AdmissionQuery,
    decide: Callable[[Situation], Admitted],
    earlier: "EarlierRuns",
) -> Admitted:
    if earlier.admitted and _stands(functions, tx, earlier.admitted):
        return earlier.admitted
    earlier.admitted = admitted = decide(_situation(functions, tx, query, earlier))
    _write(functions, tx, admitted)
    return admitted


@dataclass(slots=True)
class EarlierRuns:
    """What is known of earlier runs of the same admission: what the last one wrote may stand, and is not decided on again then."""

    admitted: Admitted | None = None
    spending: set[WorkspaceKey] = field(default_factory=set)
    """Where it turned out that somebody spends: this time that is locked first."""


def _stands(functions: StorageFunctions[Tx], tx: Tx, admitted: Admitted) -> bool:
    return bool(admitted.rows) and functions.inbox.stands(tx, admitted.rows[0].id)


def _situation(functions: StorageFunctions[Tx], tx: Tx, query: AdmissionQuery, earlier: EarlierRuns) -> Situation:
    spending = _workspaces(query.payers) | earlier.spending
    functions.usage.lock_budgets(tx, spending)
    there = functions.sessions.locked(tx, query.places, query.named)
    wakers = _wakers(query, there)
    earlier.spending |= _workspaces(wakers)
    functions.usage.lock_budgets(tx, earlier.spending - spending, wait=False)
    payers = query.payers | wakers
    ended = _ended(functions, tx, query, there)
    own = functions.channels.own_accounts(tx, None if payers else query.workspaces)
    said = functions.channels.said_of(tx, query.workspaces)
    known = functions.inbox.known_events(tx, query.events)
    return Situation(
        now=tx.now,
        known=frozenset(event for event, over in known.items() if over),
        answering=frozenset(event for event, over in known.items() if not over),
        sessions=tuple(there),
        settings=functions.channels.settings_of(tx, query.places),
        waiting=functions.inbox.waiting_authors(tx, [session.id for session in there]) if there else {},
        running=functions.sessions.count_running(tx) if payers else {},
        own_accounts=own if payers else frozenset(),
        used=functions.usage.of_people(tx, payers) if payers else {},
        allowed={key: True if key in own else said.get(key) for key in query.workspaces},
        earlier={session.id: session for session in (*_by_id(functions, tx, query.earlier), *ended.values())},
        ended=ended,
    )


def _by_id(functions: StorageFunctions[Tx], tx: Tx, session_ids: Iterable[str]) -> list[SessionRecord]:
    return [session for id_ in session_ids if (session := functions.sessions.get(tx, id_))]


def _workspaces(payers: Iterable[tuple[ConversationRef, str]]) -> set[WorkspaceKey]:
    return {(place.platform, place.workspace_id) for place, _ in payers}


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
        put_to_rest(functions, tx, session_id, reason, new_id(), set())
    functions.sessions.add(tx, admitted.starts)
    started = {new.id: new_id() for new in admitted.starts}
    functions.events.sessions_changed(tx, started, EventType.SESSION_STARTED)
    functions.sessions.wake(tx, admitted.wakes)
    functions.inbox.add(tx, admitted.rows)
    if used := admitted.used - started.keys() - admitted.wakes.keys():
        functions.sessions.touch(tx, used)
    answered = (row.id for row in admitted.rows if row.session_id in admitted.ends)
    functions.inbox.conclude(tx, (Conclusion(row_id, InboxOutcome.DONE, HAS_ENDED) for row_id in answered))
    for edited in admitted.edits:
        functions.inbox.edit_waiting(tx, edited.message, edited.text)
    for message in admitted.withdrawals:
        functions.inbox.withdraw_waiting(tx, message)


# ---------------------------------------------------------------- ending what sleeps


def put_to_rest(  # noqa: PLR0917
    functions: StorageFunctions[Tx], tx: Tx, session_id: str, reason: EndReason, event_id: str, earlier: set[str]
) -> bool:
    """`earlier` are the sessions that an earlier run of the same has put to rest."""
    if functions.sessions.put_to_rest(tx, session_id, reason):
        functions.events.session_changed(tx, event_id, session_id, EventType.SESSION_ENDED)
        earlier.add(session_id)
        return True
    session = functions.sessions.get(tx, session_id) if session_id in earlier else None
    return session is not None and session.status is SessionStatus.ENDED


def once_each(make: Callable[[SessionRecord], T]) -> Callable[[SessionRecord], T]:
    """The same for the same session, also where the transaction runs again."""
    made: dict[str, T] = {}
    return lambda session: made.get(session.id) or made.setdefault(session.id, make(session))


def ask_to_end(  # noqa: PLR0917
    functions: StorageFunctions[Tx],
    tx: Tx,
    session_ids: Collection[str],
    reason: EndReason,
    row: Callable[[SessionRecord], NewRow],
    event_id: Callable[[SessionRecord], str],
    earlier: set[str],
) -> list[SessionRecord]:
    """`row` and `event_id` answer the same for the same session."""
    there = functions.sessions.locked(tx, (), session_ids)
    asked = [each for each in there if each.status is not SessionStatus.ENDED or each.id in earlier]
    for session in asked:
        if not put_to_rest(functions, tx, session.id, reason, event_id(session), earlier):
            functions.inbox.add(tx, [row(session)])
    return asked


class SessionEndings(Repository[Tx]):
    """What ends sessions that have no run."""

    functions: StorageFunctions[Tx]

    async def put_to_rest(self, session_id: str, reason: EndReason) -> bool:
        return await self.transactions.write(partial(put_to_rest, self.functions), session_id, reason, new_id(), set())

    async def ask_to_end(
        self, session_ids: Collection[str], reason: EndReason, row: Callable[[SessionRecord], NewRow]
    ) -> list[SessionRecord]:
        event_id = once_each(lambda _: new_id())
        work = partial(ask_to_end, self.functions)
        return await self.transactions.write(work, session_ids, reason, once_each(row), event_id, set())
