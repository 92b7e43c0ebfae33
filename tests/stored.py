"""What tests put into a storage: sessions and rows of the inbox, as admission would."""

from bot.domain.conversations import ConversationRef
from bot.domain.sessions import SessionSpec
from bot.ports.storage import Storage
from bot.ports.storage.records import NewRow
from bot.ports.storage.transactions import AdmissionQuery, Admitted, NewSession
from bot.testing.chat import ANN, CHANNEL

SPEC = SessionSpec("alma", "Alma")


async def started(
    storage: Storage, session_id: str, place: ConversationRef = CHANNEL, spec: SessionSpec = SPEC
) -> None:
    """A session of Ann's that nobody runs yet."""
    new = NewSession(session_id, place, ANN.id, ANN.name, spec)
    await storage.admit(AdmissionQuery, lambda _: Admitted(starts=[new]))


async def accepted(storage: Storage, *rows: NewRow) -> None:
    """These wait."""
    await storage.admit(AdmissionQuery, lambda _: Admitted(rows=list(rows)))
