"""Admission as one transaction: what it asks, what it rests on, and what has to be written because of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.commands.channel_settings import ChannelSettings
from bot.domain.conversations import ConversationRef, MessageEdited, MessageRef, Outcome
from bot.domain.provider import Use
from bot.domain.sessions import EndReason, SessionSpec
from bot.ports.storage.records import NewRow, SessionRecord

WorkspaceKey = tuple[str, str]
"""Platform and workspace."""

PersonKey = tuple[str, str, str]
"""Platform, workspace and person."""

EventKey = tuple[str, str, str]
"""Platform, workspace and event id."""


@dataclass(frozen=True, slots=True)
class AdmissionQuery:
    """What has to be known to decide on a batch."""

    events: frozenset[EventKey] = frozenset()
    places: frozenset[ConversationRef] = frozenset()
    workspaces: frozenset[WorkspaceKey] = frozenset()  # where something came that may cost
    named: frozenset[str] = frozenset()  # ids of sessions that are to do something, of whichever channel
    earlier: frozenset[str] = frozenset()  # ids of sessions that are to be started again
    payers: frozenset[tuple[ConversationRef, str]] = frozenset()  # who may be about to pay
    payers_if_asleep: frozenset[tuple[ConversationRef, str]] = (
        frozenset()
    )  # who is, where a session of the channel sleeps
    spoken_in: frozenset[ConversationRef] = frozenset()  # where words may be for a session that has ended
    just_ended: timedelta = timedelta()  # how long ago such a session of the channel may have ended


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decisions rest on, read in the transaction that will write them."""

    now: datetime
    known: frozenset[EventKey] = frozenset()
    sessions: tuple[SessionRecord, ...] = ()  # that have not ended in the channels of the places, and those named
    settings: Mapping[ConversationRef, ChannelSettings] = field(default_factory=dict)
    waiting: Mapping[tuple[str, str], int] = field(default_factory=dict)  # messages by session and person
    running: Mapping[WorkspaceKey, int] = field(default_factory=dict)  # sessions, where somebody pays
    own_accounts: frozenset[WorkspaceKey] = frozenset()  # workspaces that pay themselves, where somebody pays
    used: Mapping[PersonKey, Use] = field(default_factory=dict)  # today, by payers
    allowed: Mapping[WorkspaceKey, bool | None] = field(
        default_factory=dict
    )  # what the operator said, None for nothing
    earlier: Mapping[str, SessionRecord] = field(default_factory=dict)  # sessions that may be started again, by id
    ended: Mapping[ConversationRef, SessionRecord] = field(default_factory=dict)  # the last one, where none runs


@dataclass(frozen=True, slots=True)
class NewSession:
    id: str
    place: ConversationRef
    starter_id: str
    starter_name: str
    spec: SessionSpec


@dataclass(slots=True)
class Admitted:
    """What came of a batch, in its order, and what has to be written because of it."""

    outcomes: list[Outcome] = field(default_factory=list)
    rows: list[NewRow] = field(default_factory=list)
    starts: list[NewSession] = field(default_factory=list)
    wakes: dict[str, tuple[str, int]] = field(default_factory=dict)  # session id -> who pays, seconds to reserve
    ends: dict[str, EndReason] = field(default_factory=dict)  # sleeping sessions; their rows are answered at once
    edits: list[MessageEdited] = field(default_factory=list)  # of messages that wait
    withdrawals: list[MessageRef] = field(default_factory=list)  # of messages that wait
    used: set[str] = field(default_factory=set)  # sessions that somebody uses, which keeps them awake
    told_ended: set[tuple[str, str]] = field(default_factory=set)  # not written: session and person
    since: datetime | None = None  # not written: when the rows began to wait, the `now` of the situation
