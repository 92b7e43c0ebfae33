"""What is read, and what people and jobs write, by subject. Everything raises `StoreUnavailable`; a write is whole or not at all."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from bot.commands.options import ChannelSettings
from bot.domain.api_tokens import ApiToken
from bot.domain.conversations import Consent, ConversationRef, Person, ReplyTo
from bot.domain.ledger import CreditReading, LedgerLine
from bot.domain.provider import Use, UsedMinutes
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.grants import Scope
from bot.ports.provider import Upload
from bot.ports.storage.records import (
    GrantRecord,
    InboxOutcome,
    InboxRecord,
    NewRow,
    OwnedKind,
    Past,
    PostRecord,
    ProviderSessionRecord,
    SessionRecord,
    TurnRecord,
    UploadRecord,
    UtteranceRecord,
)

OWN_ACCOUNT = "own-account"
"""Where a workspace's own account at the provider is kept: one that has it pays for itself, and needs nobody's leave."""


class SecretVault(Protocol):
    """A small encrypted table; the core's store brings it."""

    async def get(self, platform: str, workspace_id: str, key: str) -> bytes | None: ...

    async def named(self, platform: str, key: str) -> frozenset[str]:
        """The workspaces of a platform that have something under this key."""
        ...

    async def put(self, platform: str, workspace_id: str, key: str, value: bytes) -> None: ...

    async def delete(self, platform: str, workspace_id: str, key: str) -> None: ...

    async def delete_workspace(self, platform: str, workspace_id: str) -> None: ...

    async def claim(self, platform: str, workspace_id: str, key: str, by: str, *, lasts: timedelta) -> bool:
        """Whether a secret is for that process alone to replace, from now on for so long: with a vendor that takes the old one once."""
        ...


class SessionRepository(Protocol):
    async def get(self, session_id: str) -> SessionRecord | None:
        """By its id alone: for its run, for the operator and for links, which name their session."""
        ...

    async def in_channel(self, place: ConversationRef) -> list[SessionRecord]:
        """Those of its channel that have not ended."""
        ...

    async def in_workspace(self, platform: str, workspace_id: str) -> list[SessionRecord]:
        """Those that have not ended, oldest first."""
        ...

    async def everywhere(self) -> list[SessionRecord]:
        """All that have not ended, oldest first: for the operator, never for a channel."""
        ...

    async def concerns(self, place: ConversationRef, *, ended_within: timedelta) -> bool:
        """Whether one has not ended in the channel of a place or only so recently, or one has that talked in this very thread."""
        ...

    async def last_ended(self, place: ConversationRef, *, ended_within: timedelta) -> SessionRecord | None:
        """The last that has ended in this very place, or else so recently in its channel. One without a card never was there."""
        ...

    async def talked_in(self, place: ConversationRef, most: int) -> list[SessionRecord]:
        """Those of its channel in which something was said, newest first; those of this very thread before all others."""
        ...

    async def past(self, session_id: str) -> Past:
        """What can be said of it once it has ended."""
        ...

    async def kept(self, session_ids: Collection[str]) -> frozenset[str]:
        """Which of these ids are sessions that have not been forgotten, of any workspace."""
        ...

    async def count_by_status(self) -> Mapping[SessionStatus, int]:
        """Those that have not ended, of all workspaces together: for the gauges."""
        ...

    async def asleep_for(self, age: timedelta) -> Sequence[str]:
        """Ids of those that fell asleep so long ago and were not woken."""
        ...

    async def put_to_rest(self, session_id: str, reason: EndReason) -> bool:
        """End one that sleeps: nothing runs, nothing is open, nothing waits. Whether it slept."""
        ...

    async def ask_to_end(
        self, session_ids: Collection[str], reason: EndReason, row: Callable[[SessionRecord], NewRow]
    ) -> list[SessionRecord]:
        """End those that sleep, and put a row into the inbox of those that run. Answers both; those that have ended already are left out."""
        ...

    async def forget(self, session_ids: Collection[str]) -> int:
        """Delete those of them that have ended, with everything that was said in them. How many."""
        ...

    async def forget_older(self, age: timedelta) -> int:
        """Delete those that ended so long ago, with everything that was said in them. How many."""
        ...


class InboxRepository(Protocol):
    async def get(self, row_id: str) -> InboxRecord | None:
        """By its id alone: for whoever accepted it."""
        ...

    async def of_event(self, place: ConversationRef, event_id: str) -> InboxRecord | None:
        """What a platform's delivery, by its id in the workspace of a place, became."""
        ...

    async def waiting_turns(self, session_id: str) -> list[InboxRecord]:
        """What waits to be spoken, lowest sequence first."""
        ...

    async def waiting_controls(self, session_id: str) -> list[InboxRecord]:
        """What waits and overtakes turns, lowest sequence first."""
        ...

    async def authors(self, session_id: str) -> frozenset[str]:
        """The ids of everybody who has written to the avatar of a session."""
        ...

    async def count_waiting(self, session_id: str) -> int:
        """How many messages wait to be spoken."""
        ...

    async def count_all_waiting(self) -> int:
        """How much waits for all sessions together, whoever runs them: for the operator."""
        ...

    async def count_outcomes(
        self, platform: str, workspace_id: str, since: datetime, outcomes: Collection[InboxOutcome]
    ) -> Mapping[InboxOutcome, int]:
        """How often each of these was the outcome in a workspace since then, of what is kept; what never was is left out."""
        ...

    async def waiting_ids(self, worker_id: str) -> Collection[tuple[str, str]]:
        """(session id, row id) of all that waits for the sessions that a worker holds: it may have missed a wakeup."""
        ...

    async def claim_replies(
        self, platforms: Collection[str], most: int, by: str, *, lasts: timedelta
    ) -> list[InboxRecord]:
        """Rows of these platforms whose author is still to be told something, oldest outcome first; any workspace's.

        For so long nobody else is given them, unless they are put off. `by` is another each time.
        """
        ...

    async def put_off_replies(self, row_ids: Collection[str], *, lasts: timedelta) -> None:
        """Rows that were claimed and not told: nobody is given them for so long."""
        ...

    async def reply_sent(self, row_id: str) -> None:
        """The author was told, so the handle is deleted."""
        ...


class TranscriptRepository(Protocol):
    async def of_session(self, session_id: str) -> list[UtteranceRecord]:
        """All that was heard, oldest first."""
        ...

    async def recent(self, session_id: str, most: int) -> list[UtteranceRecord]:
        """The newest utterances and whatever an earlier run left to be posted or completed, oldest first."""
        ...

    async def given(self, session_id: str) -> list[TurnRecord]:
        """What people gave to the avatar, oldest first; a greeting is nobody's."""
        ...

    async def conversation(self, session_id: str, most: int, but_turn: str) -> list[tuple[str | None, str]]:
        """The last lines of a conversation, oldest first: (who, what), None for the avatar; without one turn."""
        ...

    async def count_of_person(self, place: ConversationRef, person_id: str) -> int:
        """How many messages of a person to avatars in the workspace of a place are kept, those that wait included."""
        ...

    async def forget_person(self, place: ConversationRef, person_id: str) -> int:
        """Delete what `count_of_person` counts, and what is kept of what they said aloud. What waits is not spoken; what is spoken at the
        moment is, and not kept. That something came in stays known, so that it is not taken for something new. How many messages.
        """
        ...

    async def posts_of(self, source_id: str) -> list[PostRecord]:
        """In order of their parts."""
        ...


class ProviderSessionRepository(Protocol):
    async def unclosed(self, session_id: str) -> list[ProviderSessionRecord]:
        """What a session still has open or intended, oldest first."""
        ...

    async def leftovers(self, create_takes: timedelta, close_takes: timedelta) -> list[ProviderSessionRecord]:
        """What sessions that have ended still have open, or have intended for longer than a `create` takes; and what is not closed for
        longer than that takes, of any session. Of any workspace.
        """
        ...

    async def running(self, create_takes: timedelta) -> tuple[frozenset[str], int]:
        """The provider's ids of all of ours that may run, and how many creates may be under way."""
        ...

    async def unsettled(self) -> list[ProviderSessionRecord]:
        """Those of which nobody knows whether they came to be, while they may run."""
        ...


class ChannelRepository(Protocol):
    """What belongs to a channel or a workspace, and outlives sessions."""

    async def settings(self, place: ConversationRef) -> ChannelSettings:
        """Of the channel of a place; all defaults where nothing is saved."""
        ...

    async def save_settings(self, place: ConversationRef, settings: ChannelSettings) -> None: ...

    async def allowed(self, platform: str, workspace_id: str) -> bool | None:
        """What the operator said of a workspace, None for nothing."""
        ...

    async def allow(self, platform: str, workspace_id: str, *, yes: bool) -> None:
        """Let a workspace spend the operator's credit, or not."""
        ...


class GrantRepository(Protocol):
    """Links to watch, by the hash of their secret."""

    async def add(
        self, digest: str, session_id: str, scope: Scope, person: Person | None, expires_at: datetime
    ) -> None:
        """The person's older grants of this session go."""
        ...

    async def find(self, digest: str) -> GrantRecord | None:
        """Also one that has expired and is not forgotten yet."""
        ...

    async def owners(self) -> Collection[tuple[ConversationRef, str]]:
        """(workspace, person) of every link that can still be used, each once."""
        ...

    async def revoke_of_person(self, place: ConversationRef, person_id: str) -> None:
        """All that somebody has in a channel; in a whole workspace where the place names no channel."""
        ...

    async def revoke_all(self) -> int:
        """How many there were."""
        ...

    async def forget(self, *, ended_for: timedelta) -> None:
        """Those that have expired, and those of sessions that ended so long ago."""
        ...


class TokenRepository(Protocol):
    """Tokens of the HTTP API, by the hash of their secret and by their name."""

    async def add(self, digest: str, token: ApiToken) -> bool:
        """Whether it was taken, now or by this very call before: a name stands for one token."""
        ...

    async def find(self, digest: str) -> ApiToken | None:
        """Also one that has expired."""
        ...

    async def of_person(self, person_id: str) -> ApiToken | None:
        """The one whose person has this id, None for people and for one that was revoked."""
        ...

    async def everything(self) -> list[ApiToken]:
        """All there are, by their names."""
        ...

    async def revoke(self, name: str) -> bool:
        """Whether there was one. It is gone at once, and its name is free."""
        ...


class UploadRepository(Protocol):
    """Avatars that are being made of videos: followed across restarts until they are ready or have failed."""

    async def add(self, upload: Upload, place: ConversationRef, reply_to: ReplyTo | None, consent: Consent) -> None:
        """Before the provider is asked. The avatar belongs to the workspace of that place; the consent of whom it shows is kept as long."""
        ...

    async def take_back(self, avatar_id: str) -> None:
        """The provider certainly took nothing: it belongs to nobody."""
        ...

    async def unfinished(self) -> list[UploadRecord]:
        """What is being made, or whose end somebody is still to be told, oldest first; of all workspaces."""
        ...

    async def follow(self, avatar_id: str, upload: Upload) -> None:
        """What the provider says of it now."""
        ...

    async def posted(self, avatar_id: str, message_id: str) -> None:
        """The message that shows its progress."""
        ...

    async def told(self, avatar_id: str) -> None:
        """Whoever asked for it knows how it ended, so the handle is deleted."""
        ...

    async def forget_older(self, age: timedelta) -> int:
        """What was made or has failed so long ago needs no row, nor what nobody heard the end of, `UPLOAD_LEFT` later. How many."""
        ...


class OwnershipRepository(Protocol):
    """Whose the things are that were made at the provider from a channel: one account serves many workspaces."""

    async def add(self, kind: OwnedKind, provider_id: str, place: ConversationRef) -> None:
        """From now on it belongs to the workspace of that place."""
        ...

    async def remove(self, kind: OwnedKind, provider_id: str) -> None: ...

    async def owners(self, kind: OwnedKind) -> Mapping[str, tuple[str, str]]:
        """(platform, workspace) of everything of a kind, of all workspaces: for telling what one of them may see."""
        ...

    async def forget_consents(self, age: timedelta) -> int:
        """Who consented so long ago is nobody's business any more; what they made stays its workspace's. How many."""
        ...

    async def consents(self, place: ConversationRef) -> Mapping[str, Consent]:
        """Of the avatars that the workspace of a place made, by their id; one for whom nobody gave any is left out."""
        ...


class UsageRepository(Protocol):
    async def of_person(self, place: ConversationRef, person_id: str) -> Use:
        """What a person has used today in the workspace of a place, and what is set aside for sessions that run or are about to."""
        ...

    async def of_session(self, session_id: str) -> Use:
        """What one session has used so far, and what is set aside for it."""
        ...

    async def minutes(self, platform: str, workspace_id: str, since: datetime) -> list[UsedMinutes]:
        """What a workspace has used since then, oldest first."""
        ...


class LedgerRepository(Protocol):
    """The books of what was paid: written with what they record, kept for longer than sessions, and with nobody's name in them."""

    async def days(self, since: datetime, platform: str = "", workspace_id: str = "") -> list[LedgerLine]:
        """What was booked since then in a workspace, or in all of them: a line for each day, workspace and account, oldest first."""
        ...

    async def note_credit(self, credit: float) -> None:
        """What the provider says is left in the operator's account: the first of a day (UTC) is kept."""
        ...

    async def credit_since(self, since: datetime) -> CreditReading | None:
        """The first that is kept from then on."""
        ...

    async def forget_older(self, age: timedelta) -> int:
        """How many entries."""
        ...
