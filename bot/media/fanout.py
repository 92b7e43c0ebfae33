"""Passes a session's video and audio from its run to its viewers in this process. Never waits, and buffers nothing."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakValueDictionary

from bot.domain.disclosure import Disclosed
from bot.media.keyframes import MediaFrame
from bot.ports.room import VideoFrame


class MediaSink(Protocol):
    """Whoever watches. Neither call may wait."""

    def take(self, frame: MediaFrame) -> None:
        """The next picture or sound."""
        ...

    def discontinuity(self) -> None:
        """What comes next does not continue what came before."""
        ...

    def interrupted(self) -> None:
        """Somebody stopped what is being said: nobody wants to hear more of it."""
        ...


class MediaFanout:
    """Video and audio of one session. `changed` is set when somebody comes or goes or needs a key frame."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self._sinks: dict[MediaSink, Disclosed] = {}
        self._key_wanted = False

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
        for sink in tuple(self._sinks):
            sink.take(frame)

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

    def __init__(self) -> None:
        self._media: WeakValueDictionary[str, MediaFanout] = WeakValueDictionary()

    def of(self, session_id: str) -> MediaFanout:
        return self._media.setdefault(session_id, MediaFanout())
