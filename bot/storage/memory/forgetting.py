"""One person's words, out of everything that is kept."""

from dataclasses import replace

from bot.domain.conversations import ConversationRef
from bot.domain.transcript import Speaker
from bot.ports.storage.records import SAY, InboxOutcome, InboxState
from bot.storage.memory.rows import InboxRow
from bot.storage.memory.transaction import MemoryTransaction


def count_of_person(tx: MemoryTransaction, place: ConversationRef, person_id: str) -> int:
    said = _said_by(tx, place, person_id)
    return sum(row.record.state is InboxState.WAITING or row.record.id in tx.data.turns for row in said)


def forget_person(tx: MemoryTransaction, place: ConversationRef, person_id: str) -> int:
    messages, said = count_of_person(tx, place, person_id), _said_by(tx, place, person_id)
    ids = {row.record.id for row in said}
    for utterance in tx.data.utterances:
        if utterance.record.speaker is Speaker.USER and utterance.record.mid in ids:
            tx.data.utterances.delete(utterance.record.id)
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
