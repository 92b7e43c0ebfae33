"""The messages of a transcript: what is to be shown, who has been told that the avatar is an AI, and a row before each message.

With its row none is posted twice or lost.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

import structlog

from bot.clock import Clock
from bot.delivery.rate_limiter import Priority, RateLimiter
from bot.domain.conversations import MessageRef
from bot.domain.disclosure import SAID_BEFORE, Disclosure
from bot.domain.errors import MessageGone, Throttled
from bot.domain.posts import Addressee, Speaker, TranscriptLine
from bot.media.events import SessionEvents
from bot.ports.chat import ChatPlatform, MessageEdits
from bot.ports.storage import Storage
from bot.ports.storage.records import LeaseLost, PostRecord, SessionRecord, UtteranceRecord
from bot.ports.storage.transactions import FencedWrites
from bot.telemetry import Metrics

FENCE_COUNTS_S = 2.0
"""Seconds for which a row that was written under the fence allows what it says: a lease that is renewed has longer to go."""


class Encounters:
    """The one place that decides "not yet told". One for each run: what an earlier run told is told again, rather than not at all."""

    def __init__(self) -> None:
        self._anybody = False
        self._people: set[str] = set()
        self._authors: set[str] = set()
        self._doubted = True

    def wrote(self, person_id: str) -> None:
        """Somebody wrote to the avatar; `''` is nobody."""
        self._authors |= {person_id} - {""}

    def doubt(self) -> None:
        """Others may have written."""
        self._doubted = True

    async def authors(self, read: Callable[[], Awaitable[Collection[str]]]) -> frozenset[str]:
        """Everybody who wrote to the avatar, read where that is in doubt. Raises `StoreUnavailable`."""
        if self._doubted:
            self._doubted = False
            try:
                self._authors |= set(await read())
            except BaseException:
                self._doubted = True
                raise
        return frozenset(self._authors)

    def due(self, people: Iterable[str]) -> bool:
        """Whether the next word of the avatar is somebody's first: of those who read along, or of these people, who wrote to it."""
        return not (self._anybody and self._people.issuperset(people))

    def told(self, people: Iterable[str]) -> None:
        """A message that discloses stands in the thread; these people wrote before it."""
        self._anybody = True
        self._people.update(people)


class TranscriptServices(Protocol):
    """The parts of the service that every session's transcript shares."""

    @property
    def storage(self) -> Storage: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def events(self) -> SessionEvents: ...

    @property
    def metrics(self) -> Metrics: ...


class TranscriptContext(Protocol):
    """One session that is run here: its row as last written, its platform, and its fenced way to the database."""

    @property
    def services(self) -> TranscriptServices: ...

    @property
    def session(self) -> SessionRecord: ...

    @property
    def platform(self) -> ChatPlatform: ...

    @property
    def limiter(self) -> RateLimiter: ...

    @property
    def disclosure(self) -> Disclosure: ...

    @property
    def encounters(self) -> Encounters: ...

    @property
    def log(self) -> structlog.stdlib.BoundLogger: ...

    def is_repetition(self, mid: str) -> bool:
        """Whether the avatar says under `mid` what stands in the channel already."""
        ...

    def is_spoken(self, mid: str) -> bool:
        """Whether what a person says under `mid` comes in as a message of theirs."""
        ...

    def asked_by(self, mid: str) -> Addressee | None:
        """Whom the avatar answers under `mid`; None where it answers nobody."""
        ...

    def note_post(self, mid: str, *, whole: bool) -> None:
        """What the avatar says under `mid` stands in the thread, all of it or its beginning."""
        ...

    @property
    def held_since(self) -> Callable[[float], bool]:
        """Whether its lease certainly held all the time since that moment of the loop's time: nobody else ran it."""
        ...

    def fenced(self, *, unhurried: bool = False) -> AbstractAsyncContextManager[FencedWrites]:
        """What the run writes, in one transaction. Raises `LeaseLost` and `StoreUnavailable` when the block is left."""
        ...


@dataclass(slots=True, eq=False)
class TranscriptEntry:
    """One thing to show in the thread, in its order: an utterance, or somebody's words that stand nowhere yet."""

    record: UtteranceRecord
    speaker: str
    began: float
    silent: bool = False  # the channel already holds the words
    announcement: bool = False
    resumed: bool = False  # an earlier run may have posted some of it
    before: str = ""  # what an earlier run heard of it
    saved: UtteranceRecord | None = None
    whole: UtteranceRecord | None = None  # what all stands in the thread of once the part that is being posted does
    marked: UtteranceRecord | None = None  # what is written down as shown
    next_save: float = 0.0
    next_edit: float = 0.0
    growing: bool = False  # it takes room among the messages that grow
    # By part: its message and what stands there; since when its post may have arrived although the call failed.
    shown: list[tuple[str, TranscriptLine | None]] = field(default_factory=list)
    tried: dict[int, datetime] = field(default_factory=dict)
    disclosure: Disclosure = SAID_BEFORE  # with its first part, whatever becomes of its text
    answers: Addressee | None = None
    fresh: bool = True  # this run has shown nothing of it

    @property
    def posted(self) -> bool:
        return self.silent or bool(self.shown)

    @property
    def pressing(self) -> bool:
        """Whether all of it is to be posted, and written before."""
        return self.record.final and not self.silent

    @property
    def unsaved(self) -> bool:
        """Whether its row does not hold all of it yet."""
        return not self.announcement and self.record != self.saved

    @property
    def visible(self) -> bool:
        """Whether there is anything of it to show in the thread."""
        return not self.silent and bool(self.record.text.strip())


class TranscriptPosts:
    """What stands in the thread of one session, one call at a time. Raises what the platform and the storage raise."""

    def __init__(self, context: TranscriptContext) -> None:
        self._context = context

    async def mark(self, entry: TranscriptEntry) -> None:
        """Write down that all of it is shown, unless that was written with its row or its last part."""
        if not (entry.announcement or entry.silent or entry.marked is entry.record):
            async with self._context.fenced() as run:
                run.shown(entry.record.id)

    async def recall(self, entry: TranscriptEntry) -> None:
        """What an earlier run has posted of it, or may have."""
        posts = await self._context.services.storage.transcripts.posts_of(entry.record.id)
        entry.shown = [(post.message_id, None) for post in posts]
        entry.tried = {post.part: post.intended_at for post in posts if not post.message_id}
        entry.resumed = False

    async def put(self, entry: TranscriptEntry, part: int, line: TranscriptLine, urgency: Priority | None) -> None:
        """Post or edit one part. Without an `urgency` its turn was taken before."""
        message_id, shown = await self._standing(entry, part)
        if shown == line:
            return
        edits = self._context.platform.features.edits
        if urgency is not None:
            await (self._context.limiter.edits if message_id and edits else self._context.limiter).turn(urgency)
        if entry.fresh and entry.record.speaker is Speaker.BOT:
            await self._put_first(entry, part, line)
        else:
            await self._write(entry, part, line)
        if entry.record.speaker is Speaker.BOT:
            self._context.note_post(entry.record.mid, whole=entry.whole is entry.record)

    async def _put_first(self, entry: TranscriptEntry, part: int, line: TranscriptLine) -> None:
        """Show the avatar's words, and with them that it is an AI where they are the first that somebody reads."""
        context = self._context
        inbox, session_id = context.services.storage.inbox, context.session.id
        people = await context.encounters.authors(lambda: inbox.authors(session_id))
        if context.encounters.due(people):
            entry.disclosure = context.disclosure
        await self._write(entry, part, replace(line, disclosure=entry.disclosure))
        context.encounters.told(people)
        entry.fresh = False

    async def _write(self, entry: TranscriptEntry, part: int, line: TranscriptLine) -> None:
        """Edit what stands there; post where nothing does, or not any more, or what stands there stays."""
        message_id, shown = entry.shown[part] if part < len(entry.shown) else ("", None)
        edits = self._context.platform.features.edits
        if message_id and edits:
            with contextlib.suppress(MessageGone):
                await self._edit(edits, entry, part, message_id, line)
                return
            self._remember(entry, part, "", None)
        await self._post(entry, part, line, line if edits else _rest_of(line, shown))

    async def _standing(self, entry: TranscriptEntry, part: int) -> tuple[str, TranscriptLine | None]:
        """The message of a part and what is known to stand there; what may have arrived is looked up where the platform lets us."""
        if part < len(entry.shown) and entry.shown[part][0]:
            return entry.shown[part]
        since, key = entry.tried.get(part), post_key(entry.record.id, part)
        search = self._context.platform.features.search
        if since and search and (found := await search.find(self._context.session.talk, key, since)):
            await self._arrived(entry, part, found.message_id, None)
            return found.message_id, None
        return "", None

    async def _edit(
        self, edits: MessageEdits, entry: TranscriptEntry, part: int, message_id: str, line: TranscriptLine
    ) -> None:
        context = self._context
        try:
            await edits.edit(MessageRef(context.session.talk, message_id), line)
        except Throttled as throttled:
            context.limiter.edits.throttled(throttled.retry_after)
            raise
        context.services.metrics.edits.labels(context.session.place.platform).inc()
        self._remember(entry, part, message_id, line)

    async def _post(self, entry: TranscriptEntry, part: int, line: TranscriptLine, words: TranscriptLine) -> None:
        """Post `words`, with which all of `line` stands there."""
        context = self._context
        now = context.services.clock.now()
        post = PostRecord(entry.record.id, part, post_key(entry.record.id, part), "", now)
        if not entry.announcement:
            await self._intend(post)
        entry.tried.setdefault(part, now)
        try:
            ref = await context.platform.post(context.session.talk, words, post.key)
        except Throttled as throttled:
            del entry.tried[part]  # nothing was done
            context.limiter.throttled(throttled.retry_after)
            raise
        context.services.metrics.posts.labels(context.session.place.platform).inc()
        await self._arrived(entry, part, ref.message_id, line)

    async def _intend(self, post: PostRecord) -> None:
        """Written before it is posted, and again where that took long and the lease did not hold all the while: another may have posted
        it since.
        """
        while True:
            began = _elapsed()
            async with self._context.fenced() as run:
                run.intend_post(post)
            took = _elapsed() - began
            if took < FENCE_COUNTS_S or self._context.held_since(began):
                return
            self._context.log.warning("written too late to be posted: the fence is asked again", seconds=round(took, 1))

    async def _arrived(self, entry: TranscriptEntry, part: int, message_id: str, line: TranscriptLine | None) -> None:
        """Remembered first: should the database not take it, it is not posted again. An announcement is taken up by no later run."""
        self._remember(entry, part, message_id, line)
        if entry.announcement:
            return
        source, whole = entry.record.id, entry.record if entry.record is entry.whole and line else None
        try:
            async with self._context.fenced() as run:
                run.posted(source, part, message_id)
                if whole:
                    run.shown(source)
        except LeaseLost:
            await self._context.services.storage.unfenced.posted(source, part, message_id)
            raise
        entry.marked = whole

    @staticmethod
    def _remember(entry: TranscriptEntry, part: int, message_id: str, line: TranscriptLine | None) -> None:
        entry.shown[part : part + 1] = [(message_id, line)]


def _rest_of(line: TranscriptLine, shown: TranscriptLine | None) -> TranscriptLine:
    """What is new of a line, where what is shown of it cannot be changed."""
    if shown is None:
        return line
    return replace(line, text=line.text.removeprefix(shown.text).lstrip() or line.text, disclosure=SAID_BEFORE)


def _elapsed() -> float:
    return asyncio.get_running_loop().time()


def post_key(source_id: str, part: int) -> str:
    """Identifies a post on its platform, in at most 25 characters: what the shortest nonce of a platform can hold."""
    return f"{source_id[-20:]}-{part}"
