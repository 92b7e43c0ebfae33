"""Chat platforms: what the core needs of one, what it serves for it over HTTP, and what it offers to it."""

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from bot.domain.conversations import (
    Channel,
    Choice,
    ConversationRef,
    Inbound,
    MessageRef,
    Outcome,
    Person,
    PlatformFeature,
    Reply,
    ReplyTo,
)
from bot.domain.posts import Card, Opened, TranscriptLine
from bot.ports.voice import VoiceChannels

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
AsgiApp = Callable[[Scope, Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Awaitable[None]]
"""https://asgi.readthedocs.io/en/latest/specs/main.html"""


@dataclass(frozen=True, slots=True)
class HttpMount:
    """Everything below `path` (`/chat`) goes to `app`; `""` is all that no longer path takes."""

    path: str
    app: AsgiApp
    exact: bool = False
    """Whether the path itself is the app's too."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How fast a platform may be written to.

    `calls_per_second` is shared by all sessions of one workspace, or of the whole bot where `shared_by_bot`; edits are part of
    it unless `edits_per_second` gives them a budget of their own;
    `edit_interval` is the least time between two edits of one message; `first_post` is how long an utterance may grow before
    its first post is due; `hold` is how long a message waits for earlier ones, where a platform delivers out of order. Seconds.
    """

    calls_per_second: float
    edit_interval: float = 1.2
    first_post: float = 0.4
    hold: float = 0.0
    shared_by_bot: bool = False
    edits_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """Whether a platform hears what people write, and since when. `problem` is empty while it does.

    Otherwise it is one sentence for the operator: what is wrong and what to do about it. It holds no secret. A platform says what
    it knows at this moment; what mends itself soon (a routine reconnection) is left out by the core, which reports what lasts.
    """

    since: datetime
    problem: str = ""


# ---------------------------------------------------------------- what may be there


class MessageEdits(Protocol):
    """Messages can be changed once they are posted."""

    async def update_card(self, card_ref: MessageRef, thread: ConversationRef, card: Card) -> MessageRef:
        """Bring the card up to date; where the old message cannot be edited any more, post a new one and return it."""
        ...

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        """Replace a posted line. Raises `MessageGone` when only this message is lost."""
        ...


class PostSearch(Protocol):
    """What was posted can be found again after a crash."""

    async def find(self, thread: ConversationRef, key: str, since: datetime) -> MessageRef | None:
        """The line or card posted with `key`, not before `since` by our clock."""
        ...


class SpokenMarks(Protocol):
    async def mark_spoken(self, ref: MessageRef) -> None:
        """Mark a person's message as spoken (a reaction), in retelling."""
        ...


class TypingSigns(Protocol):
    async def start_typing(self, thread: ConversationRef) -> None:
        """Show that an answer is on its way (typing). Called every few seconds while it is."""
        ...


class MemberLookups(Protocol):
    """Who is in a workspace can be asked, where nobody is told who leaves."""

    async def is_member(self, place: ConversationRef, person_id: str) -> bool:
        """Whether somebody is in the workspace of a place. Raises `PlatformError` where that cannot be known now."""
        ...


class HttpMounts(Protocol):
    def mounts(self) -> Sequence[HttpMount]:
        """What the service's web app serves for this platform."""
        ...


@dataclass(frozen=True, slots=True)
class Features:
    """What a platform can beyond posting and answering. A part is None where it cannot: whoever fills one in fulfils all of it.

    Without `edits` only what is final is posted, and the card anew when its session goes live, falls asleep or ends. A platform without
    threads gives the place of a card as its thread. With `files` answers can carry a file; without, they hold its text, or say that it is
    left out.
    """

    edits: MessageEdits | None = None
    search: PostSearch | None = None
    marks: SpokenMarks | None = None
    typing: TypingSigns | None = None
    members: MemberLookups | None = None
    http: HttpMounts | None = None
    files: bool = False
    voice: VoiceChannels | None = None

    @property
    def commands(self) -> frozenset[PlatformFeature]:
        """The features that commands depend on."""
        return frozenset({PlatformFeature.VOICE_CHANNELS}) if self.voice else frozenset()


# ---------------------------------------------------------------- what always is


class ChatPlatform(Protocol):
    """A chat platform that hosts sessions. Every call may raise `Throttled`, `PlaceGone` or `PlatformError`.

    Texts are plain words; the platform escapes them, so that they can never mention anybody or break the markup.
    """

    name: str
    pace: RateLimits
    text_limit: int  # of one message, as counted by `measure`

    @property
    def features(self) -> Features: ...

    def is_home(self, workspace_id: str) -> bool:
        """Whether a workspace is the operator's own, as their tokens and settings say: it spends without being allowed first."""
        ...

    def measure(self, text: str) -> int:
        """How long `text` is for this platform's limit, once escaped."""
        ...

    async def channel(self, place: ConversationRef) -> Channel:
        """What people call the channel of a place, and who sees it. Never raises: where the platform does not tell within a second it goes
        by its id and is private, and so is its thread.
        """
        ...

    async def post_card(self, place: ConversationRef, card: Card, *, since: datetime | None = None) -> Opened:
        """Post the card as a message of its own and open the thread in which the talk goes on; the place itself where there are no threads.

        With `since` an earlier run may have done so after that and died before it wrote down where: what can be found by `card.key` is
        taken up.
        """
        ...

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        """Post one line. `key` (at most 25 characters) identifies it for a search, and as a nonce where the platform has one."""
        ...

    async def notify(self, thread: ConversationRef, text: str) -> None:
        """Say something to everybody in the thread, as the bot itself."""
        ...

    async def reply(self, to: ReplyTo, reply: Reply) -> None:
        """Answer one person: by the handle while it lasts, else ephemerally, or addressed to them alone where they asked.

        What is their own (`private`, a link, a file, a listing) nobody else sees: it comes by the handle, ephemerally or directly. Where
        none of these is open, they are told where they asked that it could not be delivered, and never what it was.
        """
        ...

    def connection(self) -> ConnectionState:
        """Whether it hears people now. Asked every few seconds; answers from memory and never raises."""
        ...

    async def run(self) -> None:
        """Receive until cancelled. Returns only when there is nothing to receive with; raises `SettingsError` for what only the operator can mend."""
        ...


@dataclass(frozen=True, slots=True)
class ValueQuery:
    """What must be answered at the rim at once: the values of one option as somebody types."""

    place: ConversationRef
    person: Person
    verb: str
    option: str
    typed: str = ""
    limit: int = 25


Give = Callable[[], Awaitable[None]]
"""Gives one answer."""


class CoreApi(Protocol):
    """What chat platforms call in the core."""

    async def accept(self, inbound: Inbound) -> Outcome:
        """Commit what came in, within 2 s. Raises `StoreUnavailable` when it was not taken: let the platform deliver again, or
        say what `told` answers, as it may be in doubt. `BeingAnswered` while another delivery of the same is, for 1.5 s or longer.
        """
        ...

    async def concerns(self, place: ConversationRef) -> bool:
        """Whether what people write in a place may be for an avatar though it does not address the bot: one is, or was, there.

        For platforms that have to ask before they know who wrote. Raises `StoreUnavailable`.
        """
        ...

    async def first_to_answer(self, inbound: Inbound, give: Give) -> Give | None:
        """What is to be called to `give` the answer, if this delivery is the one to answer: of what leaves no row behind, a question
        or a refusal, and may come again. Else None.

        Once it was given, for some minutes, the same is a `Duplicate`, whichever process it reaches. Where the process dies before,
        the next delivery is answered. Raises `StoreUnavailable`; what is returned raises what `give` does.
        """
        ...

    async def talks(self, platform: str) -> Mapping[ConversationRef, str]:
        """Where what people write may be for a session of a platform, and the id of the last message that was accepted there, or of its card.

        For platforms that deliver once: what was written since then may be lost. Raises `StoreUnavailable`.
        """
        ...

    async def answer(self, inbound: Inbound) -> Reply:
        """Answer a `Question`. Never raises for what a person did; the reply says what is wrong."""
        ...

    async def ask(self, ask: ValueQuery) -> Sequence[Choice]:
        """Values to choose from, within 1.5 s, from a warm and perhaps stale cache."""
        ...

    async def channel_removed(self, place: ConversationRef, *, whole_workspace: bool = False) -> None:
        """The bot can no longer be in a place (or workspace): its sessions end and are closed at the provider."""
        ...

    async def own_accounts(self, platform: str) -> frozenset[str]:
        """The workspaces that brought an account of their own: where the bot is not any more, `channel_removed` forgets it.

        For platforms that are not told what happened while they were away. Raises `StoreUnavailable`.
        """
        ...

    async def person_gone(self, place: ConversationRef, person_id: str) -> None:
        """Somebody has left a channel, or the workspace where the place names none: their links to what is there are revoked.

        Raises `StoreUnavailable`.
        """
        ...

    async def kept(self, session_ids: Collection[str]) -> frozenset[str]:
        """Those of these sessions that have not been forgotten; what a platform keeps of the others it deletes.

        Raises `StoreUnavailable`.
        """
        ...
