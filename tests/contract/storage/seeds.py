"""What the contract's tests put into a storage."""

from datetime import timedelta

from bot.commands.options import ChannelSettings
from bot.domain.conversations import (
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    Person,
    ReplyTo,
    Role,
)
from bot.domain.posts import Speaker
from bot.domain.sessions import SessionSpec
from bot.ports.room import RoomCredentials
from bot.ports.storage import Storage
from bot.ports.storage.records import SAY, InboxRecord, Lease, NewRow, ProcessProfile, SessionRecord, UtteranceRecord
from bot.ports.storage.transactions import (
    AdmissionQuery,
    Admitted,
    EventKey,
    FencedWrites,
    NewSession,
    Pending,
    Situation,
)
from tests.contract.storage.conftest import NOON

PLACE = ConversationRef("room", "W1", "C1")
ANN = Person("ann", "Ann", Membership.MEMBER)
BEN = Person("ben", "Ben", Membership.MEMBER)
SPEC = SessionSpec("alma", "Alma")
CREDENTIALS = RoomCredentials("app", "channel", "7", "token")
LIFE = timedelta(seconds=5)
OFTEN = timedelta(days=1)


async def enlist(storage: Storage, worker: str, lasts: timedelta = LIFE) -> None:
    await storage.workers.enlist(worker, ProcessProfile(), lasts=lasts)


async def start(storage: Storage, session_id: str, place: ConversationRef | None = None, starter: Person = ANN) -> None:
    """Each in a channel of its own."""
    place = place or ConversationRef("room", "W1", session_id)
    new = NewSession(session_id, place, starter.id, starter.name, SPEC)
    await storage.admit(AdmissionQuery, lambda _: Admitted(starts=[new]))


async def hosted(storage: Storage, session_id: str = "s", starter: Person = ANN) -> Lease:
    """A session that the worker "w" runs for as long as the test takes."""
    await start(storage, session_id, starter=starter)
    await enlist(storage, "w", OFTEN)
    (lease,) = await storage.workers.claim("w", room=1)
    return lease


def said(
    number: int, text: str = "Hello", *, session_id: str = "s", verb: str = SAY, person: Person = ANN, handle: str = ""
) -> NewRow:
    """A message in the session's channel, as it comes out of admission."""
    place = ConversationRef("room", "W1", session_id)
    ref = MessageRef(place, f"m{number}") if verb == SAY else None
    reply_to = ReplyTo(place, person, handle, NOON + OFTEN, 5) if handle else None
    inbound = Inbound(f"e{number}", number, place, person, MessagePosted(text, ref), reply_to)
    return NewRow(f"row{number}", session_id, inbound, verb, {"text": text}, ref, Role.STARTER)


async def accept(storage: Storage, *rows: NewRow) -> None:
    await storage.admit(AdmissionQuery, lambda _: Admitted(rows=list(rows)))


async def waiting(storage: Storage, session_id: str = "s") -> list[InboxRecord]:
    return await storage.inbox.waiting_turns(session_id)


def claim_turn(
    run: FencedWrites, row: InboxRecord, text: str, settings: ChannelSettings | None = None
) -> Pending[bool]:
    """For `PLACE`, judged by those settings."""
    return run.claim_turn(row, "p", text, place=PLACE, settings=settings or ChannelSettings())


async def session(storage: Storage, session_id: str = "s") -> SessionRecord:
    found = await storage.sessions.get(session_id)
    assert found is not None
    return found


def utterance(id_: str = "u", text: str = "Hi.", *, final: bool = True, shown: bool = False) -> UtteranceRecord:
    return UtteranceRecord(id_, "p", id_, Speaker.BOT, text, final, shown, NOON, NOON if final else None)


async def known(storage: Storage, *events: EventKey) -> frozenset[EventKey]:
    """Which of these admission knows already."""
    return (await situation(storage, *events)).known


async def situation(storage: Storage, *events: EventKey) -> Situation:
    """What admission knows of these."""
    found: list[Situation] = []

    def decide(situation: Situation) -> Admitted:
        found.append(situation)
        return Admitted()

    await storage.admit(lambda: AdmissionQuery(events=frozenset(events)), decide)
    return found[-1]
