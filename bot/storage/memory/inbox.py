"""The inbox: what was accepted, in which order it waits, what came of it, and how one person's words are forgotten."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.domain.conversations import ConversationRef, MessageRef, Suggestion
from bot.domain.errors import StoreRefused
from bot.domain.posts import Speaker
from bot.ports.storage.records import (
    SAY,
    Conclusion,
    InboxOutcome,
    InboxRecord,
    InboxState,
    NewRow,
    UnfinishedRow,
)
from bot.ports.storage.transactions import EventKey
from bot.storage.memory import hooks
from bot.storage.memory.rows import NOT_TAKEN, InboxRow, MemoryTransaction, TurnRow


def known_events(tx: MemoryTransaction, events: Collection[EventKey]) -> dict[EventKey, bool]:
    """Which of these were accepted or answered before, or else are being answered."""
    answers = {event: not row.holder for event, row in tx.data.seen.items() if row.until > tx.now}
    known = answers | dict.fromkeys((row.event for row in tx.data.inbox), True)
    return {event: known[event] for event in events if event in known}


def waiting_authors(tx: MemoryTransaction, session_ids: Collection[str]) -> dict[tuple[str, str], int]:
    """How many messages of (session id, person id) wait to be spoken."""
    here = (row for row in _waiting(tx) if row.verb == SAY and row.session_id in session_ids)
    return Counter((row.session_id, row.person_id) for row in here)


def stands(tx: MemoryTransaction, row_id: str) -> bool:
    return row_id in tx.data.inbox


def add(tx: MemoryTransaction, rows: Iterable[NewRow]) -> None:
    """What was admitted waits. Raises `StoreRefused` for an event that was accepted before."""
    known = {row.event for row in tx.data.inbox}
    for row in rows:
        if row.id in tx.data.inbox:
            continue
        event = row.inbound.place.platform, row.inbound.place.workspace_id, row.inbound.event_id
        if event in known or row.session_id not in tx.data.sessions:
            raise StoreRefused(NOT_TAKEN, f"{event} is known")
        known.add(event)
        tx.data.inbox.add(row.id, InboxRow(row.waiting(tx.now), event))


# ---------------------------------------------------------------- reading


def get(tx: MemoryTransaction, row_id: str) -> InboxRecord | None:
    row = tx.data.inbox.get(row_id)
    return row.record if row else None


def of_event(tx: MemoryTransaction, place: ConversationRef, event_id: str) -> InboxRecord | None:
    event = place.platform, place.workspace_id, event_id
    return next((row.record for row in tx.data.inbox if row.event == event), None)


def _waiting(tx: MemoryTransaction) -> Iterator[InboxRecord]:
    return (row.record for row in tx.data.inbox if row.record.state is InboxState.WAITING)


def _waiting_here(tx: MemoryTransaction, session_id: str) -> list[InboxRecord]:
    here = (row for row in _waiting(tx) if row.session_id == session_id)
    return sorted(here, key=lambda row: (row.sequence, row.id))


def waiting_turns(tx: MemoryTransaction, session_id: str) -> list[InboxRecord]:
    return [row for row in _waiting_here(tx, session_id) if row.verb == SAY]


def waiting_controls(tx: MemoryTransaction, session_id: str) -> list[InboxRecord]:
    return [row for row in _waiting_here(tx, session_id) if row.verb != SAY]


def unfinished(tx: MemoryTransaction, session_id: str) -> list[UnfinishedRow]:
    """All of a session that has no outcome yet."""
    here = (row.record for row in tx.data.inbox if row.record.session_id == session_id)
    return [UnfinishedRow(row.id, row.verb, row.state) for row in here if row.state is not InboxState.DONE]


def stopped_by(tx: MemoryTransaction, session_id: str) -> str:
    """The name of whoever asked for a session's end, the last if several did; `''` where nobody did."""
    here = (row.record for row in tx.data.inbox if row.record.session_id == session_id)
    stops = ((row.sequence, row.id, row.person_name) for row in here if row.verb == "stop")
    return max(stops, default=(0, "", ""))[2]


def waiting_ids(tx: MemoryTransaction, worker_id: str) -> Collection[tuple[str, str]]:
    held = {session.id for session in tx.data.sessions if session.worker_id == worker_id}
    return [(row.session_id, row.id) for row in _waiting(tx) if row.session_id in held]


def authors(tx: MemoryTransaction, session_id: str) -> frozenset[str]:
    here = (row.record for row in tx.data.inbox if row.record.session_id == session_id)
    return frozenset(row.person_id for row in here if row.verb == SAY and row.person_id)


def count_outcomes(
    tx: MemoryTransaction, platform: str, workspace_id: str, since: datetime, outcomes: Collection[InboxOutcome]
) -> Mapping[InboxOutcome, int]:
    there = (row for row in tx.data.inbox if row.event[:2] == (platform, workspace_id))
    recent = (row.record.outcome for row in there if row.done_at and row.done_at >= since)
    return Counter(outcome for outcome in recent if outcome in outcomes)


def count_all_waiting(tx: MemoryTransaction) -> int:
    return len(list(_waiting(tx)))


def count_waiting(tx: MemoryTransaction, session_id: str) -> int:
    return len(waiting_turns(tx, session_id))


# ---------------------------------------------------------------- writing


def claim_replies(
    tx: MemoryTransaction, platforms: Collection[str], most: int, by: str, *, lasts: timedelta
) -> list[InboxRecord]:
    due = [row for row in tx.data.inbox if row.reply_due and row.event[0] in platforms and _is_free(row, by, tx.now)]
    due = sorted(due, key=lambda row: (row.done_at, row.record.id))[:most]
    for row in due:
        tx.data.inbox.put(row.record.id, replace(row, told_by=by, told_until=tx.now + lasts))
    return [row.record for row in due]


def _is_free(row: InboxRow, by: str, now: datetime) -> bool:
    return row.told_until is None or row.told_until <= now or row.told_by == by


def put_off_replies(tx: MemoryTransaction, row_ids: Collection[str], *, lasts: timedelta) -> None:
    for row_id in row_ids:
        if row := tx.data.inbox.get(row_id):
            tx.data.inbox.put(row_id, replace(row, told_by="", told_until=tx.now + lasts))


def reply_sent(tx: MemoryTransaction, row_id: str) -> None:
    if row := tx.data.inbox.get(row_id):
        tx.data.inbox.put(row_id, replace(row, reply_due=False, record=replace(row.record, reply_to=None)))


def edit_waiting(tx: MemoryTransaction, ref: MessageRef, text: str) -> None:
    """A waiting message was edited."""
    for row in _waiting_message(tx, ref):
        tx.data.inbox.put(row.record.id, replace(row, record=replace(row.record, body={"text": text})))


def withdraw_waiting(tx: MemoryTransaction, ref: MessageRef) -> None:
    """A waiting message was deleted."""
    for row in _waiting_message(tx, ref):
        over = replace(row.record, state=InboxState.DONE, outcome=InboxOutcome.WITHDRAWN, body={})
        tx.data.inbox.put(row.record.id, replace(row, record=over, done_at=tx.now))


def _waiting_message(tx: MemoryTransaction, ref: MessageRef) -> list[InboxRow]:
    """A message's id is its channel's, whichever thread it was said to be in."""
    return [
        row
        for row in tx.data.inbox
        if row.record.state is InboxState.WAITING
        and row.record.message
        and row.record.message.message_id == ref.message_id
        and row.record.place.channel == ref.place.channel
    ]


def claim_turn(tx: MemoryTransaction, read: InboxRecord, provider_row: str, text: str) -> bool:  # noqa: ARG001 - nothing asks for it here
    row = tx.data.inbox.get(read.id)
    if row is None or row.record.state is not InboxState.WAITING or row.record.body != read.body:
        return False
    tx.data.inbox.put(read.id, replace(row, record=replace(row.record, state=InboxState.CLAIMED)))
    tx.data.turns.add(read.id, TurnRow(read.id, read.session_id, read.person_name, text, read.text, tx.now))
    return True


def is_claimed(tx: MemoryTransaction, row_id: str) -> bool:
    return row_id in tx.data.turns


def conclude(tx: MemoryTransaction, conclusions: Iterable[Conclusion]) -> None:
    """Give rows that have none an outcome. Good news is told to those only who wait for an answer; of what was refused no word is kept."""
    for each in conclusions:
        row = tx.data.inbox.get(each.row_id)
        if row is None or row.record.state is InboxState.DONE:
            continue
        record = row.record
        waits = record.reply_to is not None or each.outcome is not InboxOutcome.DONE
        over = replace(
            record,
            state=InboxState.DONE,
            outcome=each.outcome,
            sentence=each.sentence,
            suggestions=each.suggestions,
            body=record.body if each.outcome.keeps_words else {},
        )
        due = bool(each.sentence and record.person_id and waits)
        tx.data.inbox.put(each.row_id, replace(row, record=over, reply_due=due, done_at=tx.now))


def finish(
    tx: MemoryTransaction, row_id: str, outcome: InboxOutcome, sentence: str, suggestions: Sequence[Suggestion]
) -> None:
    conclude(tx, [Conclusion(row_id, outcome, sentence, tuple(suggestions))])
    if (turn := tx.data.turns.get(row_id)) and turn.outcome is InboxOutcome.NONE:
        tx.data.turns.put(row_id, replace(turn, outcome=outcome, ended_at=tx.now))


# ---------------------------------------------------------------- forgetting one person's words


def count_of_person(tx: MemoryTransaction, place: ConversationRef, person_id: str) -> int:
    said = _said_by(tx, place, person_id)
    return sum(row.record.state is InboxState.WAITING or row.record.id in tx.data.turns for row in said)


def forget_person(tx: MemoryTransaction, place: ConversationRef, person_id: str) -> int:
    messages, said = count_of_person(tx, place, person_id), _said_by(tx, place, person_id)
    ids = {row.record.id for row in said}
    for utterance in tx.data.utterances:
        if utterance.record.speaker is Speaker.USER and utterance.record.mid in ids:
            tx.data.utterances.delete(utterance.record.id)
    hooks.forget(tx, [event for event in tx.data.events if event.new.author_row in ids])
    for row in said:
        tx.data.turns.delete(row.record.id)
        tx.data.inbox.put(row.record.id, _without_words(tx, row))
    return messages


def _said_by(tx: MemoryTransaction, place: ConversationRef, person_id: str) -> list[InboxRow]:
    workspace = (place.platform, place.workspace_id)
    return [
        row
        for row in tx.data.inbox
        if row.event[:2] == workspace and row.record.person_id == person_id and row.record.verb == SAY
    ]


def _without_words(tx: MemoryTransaction, row: InboxRow) -> InboxRow:
    record = replace(row.record, body={})
    if record.state is not InboxState.WAITING:
        return replace(row, record=record)
    withdrawn = replace(record, state=InboxState.DONE, outcome=InboxOutcome.WITHDRAWN)
    return replace(row, record=withdrawn, done_at=tx.now)
