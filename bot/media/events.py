"""Publish and subscribe for what happens in a session, its video and audio included. Delivery is best effort: nothing goes here that must not be lost."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from weakref import WeakValueDictionary

from bot.domain.disclosure import Disclosed
from bot.domain.posts import Speaker
from bot.domain.sessions import Mode, SessionStatus
from bot.media.floor import Floor
from bot.media.keyframes import MediaFrame
from bot.media.voices import Voices
from bot.ports.room import VideoFrame


class SharedFrame:
    """A picture or sound as everybody in a session gets it. `number` counts them; `at` is when it came, by the clock of the loop."""

    __slots__ = ("_made", "at", "media", "number")

    def __init__(self, media: MediaFrame, number: int, at: float) -> None:
        self.media = media
        self.number = number
        self.at = at
        self._made: bytes | None = None

    def made(self, make: Callable[[MediaFrame, int], bytes]) -> bytes:
        """The bytes in which it travels, made once for all who are sent it."""
        if self._made is None:
            self._made = make(self.media, self.number)
        return self._made


class MediaSink(Protocol):
    """Whoever watches. No call may wait."""

    def take(self, frame: SharedFrame) -> None:
        """The next picture or sound."""
        ...

    def discontinuity(self) -> None:
        """What comes next does not continue what came before."""
        ...

    def interrupted(self) -> None:
        """Somebody stopped what is being said: nobody wants to hear more of it."""
        ...


class MediaFanout:
    """Video and audio of one session. `changed` is set when somebody comes or goes or needs a key frame.

    `pictured` is told by each viewer how many seconds its first picture took.
    """

    def __init__(self, pictured: Callable[[float], object] = lambda _: None) -> None:
        self.changed = asyncio.Event()
        self.pictured = pictured
        self._sinks: dict[MediaSink, Disclosed] = {}
        self._key_wanted = False
        self._shown = 0

    @property
    def watched(self) -> bool:
        return bool(self._sinks)

    @contextmanager
    def watching(self, sink: MediaSink, disclosed: Disclosed) -> Iterator[None]:
        """Be shown everything until the block ends, from a `discontinuity` on. Whoever is to see or hear it was told what it is."""
        sink.discontinuity()
        self._sinks[sink] = disclosed
        self.changed.set()
        try:
            yield
        finally:
            self._sinks.pop(sink, None)
            self.changed.set()

    def want_key_frame(self) -> None:
        """Somebody can show nothing before the next key frame."""
        if not self._key_wanted:
            self._key_wanted = True
            self.changed.set()

    @property
    def wants_key_frame(self) -> bool:
        return self._key_wanted

    def take_keyframe_request(self) -> bool:
        """Whether a key frame is wanted; it counts as asked for from now on."""
        wanted, self._key_wanted = self._key_wanted, False
        return wanted

    def show(self, frame: MediaFrame) -> None:
        if isinstance(frame, VideoFrame) and frame.key:
            self._key_wanted = False
        self._shown += 1
        shared = SharedFrame(frame, self._shown, asyncio.get_running_loop().time())
        for sink in tuple(self._sinks):
            sink.take(shared)

    def interrupted(self) -> None:
        """What is being said was stopped."""
        for sink in tuple(self._sinks):
            sink.interrupted()

    def discontinuity(self) -> None:
        """Another avatar or a restored link: pictures begin anew."""
        for sink in tuple(self._sinks):
            sink.discontinuity()


class MediaFanouts:
    """One for each session that runs or is watched here; each lasts as long as somebody holds it."""

    def __init__(self, pictured: Callable[[float], object]) -> None:
        self._pictured = pictured
        self._media: WeakValueDictionary[str, MediaFanout] = WeakValueDictionary()

    def of(self, session_id: str) -> MediaFanout:
        return self._media.setdefault(session_id, MediaFanout(self._pictured))


QUEUE_LIMIT = 256
"""Events a slow watcher may fall behind before its oldest are dropped; the snapshot it asks for next makes it whole."""


class Hears(StrEnum):
    """How people can speak aloud to an avatar."""

    NOTHING = ""
    SOUND = "sound"  # it listens by itself
    WORDS = "words"  # it would repeat what it hears: whatever recognises speech has to be the speaker's own


@dataclass(frozen=True, slots=True)
class SessionView:
    """The whole state of a session as a viewer sees it. `ends` is one sentence on what will end it, `ends_at` when, where that is known."""

    session_id: str
    status: SessionStatus
    avatar_name: str
    picture: str
    mode: Mode
    note: str
    ends_at: datetime | None = None
    speaking: bool = False
    waiting: int = 0
    ends: str = ""
    hears: Hears = Hears.NOTHING


@dataclass(frozen=True, slots=True)
class Caption:
    """One utterance, whole so far; replaces what came before under the same `id`. `name` is whose it is, where that is known, and `to`
    whom an answer is for.
    """

    id: str
    speaker: Speaker
    text: str
    final: bool
    name: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True)
class RunOver:
    """Nobody runs the session in this process any more."""


SessionEvent = SessionView | Caption | Floor | RunOver


class SessionEvents:
    """One channel per session, in this process. Publishing never waits. Video and audio go over `media`, people's voices over `voices`."""

    def __init__(self, pictured: Callable[[float], object] = lambda _: None) -> None:
        self.media = MediaFanouts(pictured)
        self.voices = Voices(self.publish)
        self.stirred: Callable[[str], None] = lambda _: None
        """Called with a session that is watched for the first time or no longer, or that nobody runs here any more."""
        self._views: dict[str, SessionView] = {}
        self._growing: defaultdict[str, dict[str, Caption]] = defaultdict(dict)
        self._watchers: defaultdict[str, dict[asyncio.Queue[SessionEvent], _Watcher]] = defaultdict(dict)

    def publish(self, session_id: str, event: SessionEvent) -> None:
        match event:
            case SessionView():
                self._views[session_id] = event
            case Caption(final=False):
                self._growing[session_id][event.id] = event
            case Caption():
                self._growing[session_id].pop(event.id, None)
            case _:
                pass
        for queue in self._watchers.get(session_id, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def view(self, session_id: str) -> SessionView | None:
        """The newest view, while the session runs in this process."""
        return self._views.get(session_id)

    def growing(self, session_id: str) -> Sequence[Caption]:
        """What is being said, while the session runs in this process."""
        return tuple(self._growing.get(session_id, {}).values())

    def forget(self, session_id: str) -> None:
        """The run of a session is over: drop its view. Watchers keep what they were sent."""
        self._views.pop(session_id, None)
        self._growing.pop(session_id, None)
        self.publish(session_id, RunOver())
        self.stirred(session_id)

    def withdraw(self, session_id: str, view: SessionView | None) -> None:
        """It is not known here any more how a session stands that runs elsewhere. A newer view stays."""
        if self._views.get(session_id) is view:
            self._views.pop(session_id, None)
            self._growing.pop(session_id, None)

    def watchers(self, session_id: str) -> int:
        """How many look on at the moment; another process, however many look on there, is one."""
        return len(self._watchers.get(session_id, ()))

    @property
    def all_watchers(self) -> int:
        """How many people look on at the moment in this process, at any session."""
        return sum(not each.passes_on for there in self._watchers.values() for each in there.values())

    @contextmanager
    def watch(
        self, session_id: str, disclosed: Disclosed, *, passes_on: bool = False
    ) -> Iterator[AsyncIterator[SessionEvent]]:
        """Everything published from now on, until the block ends. Whoever is to read it was told that the avatar is an AI.

        With `passes_on` it is nobody by themselves, but a process whose people look on.
        """
        queue: asyncio.Queue[SessionEvent] = asyncio.Queue(QUEUE_LIMIT)
        there = self._watchers[session_id]
        there[queue] = _Watcher(disclosed, passes_on)
        if len(there) == 1:
            self.stirred(session_id)
        try:
            yield _drain(queue)
        finally:
            del there[queue]
            if not there:
                del self._watchers[session_id]
                self.stirred(session_id)


@dataclass(frozen=True, slots=True)
class _Watcher:
    disclosed: Disclosed
    passes_on: bool


async def _drain(queue: asyncio.Queue[SessionEvent]) -> AsyncIterator[SessionEvent]:
    while True:
        yield await queue.get()


AWAITED_FOR_S: Final = 60.0
"""Seconds for which a process that asked is told what a run writes: nobody waits longer for a request."""


class SessionWrites:
    """Wakes whoever waits for something of a session to be written, here or in a process that asked. What was written is read from the storage."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._asked: dict[str, float] = {}  # by session, until when: in the running loop's time
        self.ask: Callable[[str], None] = lambda _: None
        """Asks the process that runs a session for its writes. It may not hear, so whoever asks looks now and then anyway."""
        self.tell: Callable[[str], None] = lambda _: None
        """Tells other processes that the run of a session has written."""

    def notify(self, session_id: str) -> None:
        """A run has written. Never waits."""
        self.wake_here(session_id)
        if self._asked.get(session_id, 0.0) > asyncio.get_running_loop().time():
            self.tell(session_id)

    def wake_here(self, session_id: str) -> None:
        """Whoever waits in this process looks again."""
        for event in self._waiting.get(session_id, ()):
            event.set()

    def asked(self, session_id: str) -> None:
        """Another process waits for what the run of a session writes, which may come here later."""
        now = asyncio.get_running_loop().time()
        self._asked = {each: until for each, until in self._asked.items() if until > now}
        self._asked[session_id] = now + AWAITED_FOR_S

    @property
    def waits(self) -> bool:
        """Whether anybody does."""
        return bool(self._waiting)

    def notify_all(self) -> None:
        """Whoever waits looks again."""
        for session_id in self._waiting:
            self.wake_here(session_id)

    @contextmanager
    def watch(self, session_id: str) -> Iterator[asyncio.Event]:
        """An event that is set by every write of the session's run, until the block ends."""
        event = asyncio.Event()
        self._waiting[session_id].add(event)
        try:
            yield event
        finally:
            self._waiting[session_id].discard(event)
            if not self._waiting[session_id]:
                del self._waiting[session_id]
