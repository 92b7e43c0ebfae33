"""A batch on its way into the inbox: who writes, where, and what stands there already."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from bot.commands.policy import Limits, Policy, Workspace
from bot.domain.conversations import (
    Command,
    ConversationRef,
    Inbound,
    Membership,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageRef,
    Outcome,
    Person,
)
from bot.domain.sessions import SessionSpec, SessionStatus
from bot.ingress.admission import Admission, starting
from bot.ports.storage.records import SessionRecord
from bot.ports.storage.transactions import Admitted, NewSession, Situation

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
ANN, BEN = Person("ann", "Ann", Membership.MEMBER), Person("ben", "Ben", Membership.MEMBER)
GUEST, BOSS = Person("guest", "Guest", Membership.OUTSIDER), Person("boss", "Boss", Membership.ADMIN)
LOBBY, YARD = ConversationRef("fake", "W1", "lobby"), ConversationRef("fake", "W1", "yard")
THREAD = LOBBY.in_thread("t1")
NOTHING = Situation(NOW, allowed={("fake", "W1"): True})

USUAL = Limits()
_numbers = count()


def session(
    status: SessionStatus = SessionStatus.LIVE, place: ConversationRef = LOBBY, id_: str = "s1"
) -> SessionRecord:
    """One of Ann's, with its thread."""
    new = NewSession(id_, place, ANN.id, ANN.name, SessionSpec("alma", "Alma"))
    return replace(starting(new, NOW), status=status, thread=place.in_thread("t1"))


def said(
    text: str = "Hello",
    place: ConversationRef = THREAD,
    person: Person = ANN,
    *,
    mentioned: bool = False,
    direct: bool = False,
) -> Inbound:
    return inbound(MessagePosted(text, MessageRef(place, "m1"), mentioned, direct=direct), place, person)


def command(verb: str, place: ConversationRef = LOBBY, person: Person = ANN, **options: str) -> Inbound:
    return inbound(Command(verb, options), place, person)


def inbound(
    body: Command | MessagePosted | MessageEdited | MessageDeleted, place: ConversationRef = LOBBY, person: Person = ANN
) -> Inbound:
    number = next(_numbers)
    return Inbound(f"e{number}", number, place, person, body)


def funded(place: ConversationRef, said: bool | None) -> Workspace:
    return Workspace(place.platform, place.workspace_id, funded=bool(said))


def admitted(situation: Situation, *inbounds: Inbound, limits: Limits = USUAL) -> tuple[Sequence[Outcome], Admitted]:
    ids = count()
    admission = Admission(situation, Policy(limits), funded, lambda: f"new{next(ids)}")
    return [admission.admit(each) for each in inbounds], admission.admitted


def provider_sessions(*sessions: SessionRecord, **more: object) -> Situation:
    return replace(NOTHING, sessions=sessions, running={("fake", "W1"): len(sessions)}, **more)  # type: ignore[arg-type]


KEY = "defaults elevenlabs api_key:0123456789abcdef"
LIVE, ASLEEP = provider_sessions(session()), provider_sessions(session(SessionStatus.SLEEPING))
LEAVING = provider_sessions(session(SessionStatus.STOPPING))
