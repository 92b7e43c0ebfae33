"""One person's words, out of everything that is kept."""

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from bot.domain.conversations import ConversationRef
from bot.domain.transcript import Speaker
from bot.ports.storage.records import SAY, InboxOutcome, InboxState
from bot.storage.filters import in_workspace
from bot.storage.inbox import NO_WORDS
from bot.storage.tables import inbox, turns, utterances
from bot.storage.transaction import SqlTransaction


def count_of_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> int:
    kept = or_(inbox.c.state == InboxState.WAITING, inbox.c.id.in_(select(turns.c.id)))
    query = select(func.count()).where(_said_by(place, person_id), kept)
    return int(tx.connection.execute(query).scalar_one())


def forget_person(tx: SqlTransaction, place: ConversationRef, person_id: str) -> int:
    messages, theirs = count_of_person(tx, place, person_id), _said_by(place, person_id)
    ids = select(inbox.c.id).where(theirs)
    withdrawn = {"state": InboxState.DONE, "outcome": InboxOutcome.WITHDRAWN, "done_at": tx.now}
    tx.connection.execute(update(inbox).where(theirs, inbox.c.state == InboxState.WAITING).values(withdrawn))
    tx.connection.execute(delete(utterances).where(utterances.c.speaker == Speaker.USER, utterances.c.mid.in_(ids)))
    tx.connection.execute(delete(turns).where(turns.c.id.in_(ids)))
    tx.connection.execute(update(inbox).where(theirs).values(body=NO_WORDS))
    return messages


def _said_by(place: ConversationRef, person_id: str) -> ColumnElement[bool]:
    here = in_workspace(inbox, place.platform, place.workspace_id)
    return and_(here, inbox.c.person_id == person_id, inbox.c.verb == SAY)
