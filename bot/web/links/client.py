"""The end with pages: what comes over a link happens here as it does where the session runs, and what people here do goes there."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final
from weakref import WeakValueDictionary

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from bot.media.events import Caption, MediaFanout, SessionEvents, SessionView
from bot.media.floor import Floor
from bot.media.voices import NOBODY_LISTENS, Microphone
from bot.ports.storage.records import Placement
from bot.web.links.tokens import LinkKeys, LinkTarget
from bot.web.links.wire import (
    DOWN_BYTES,
    PATH,
    AudienceShown,
    CaptionShown,
    FloorAsked,
    FloorLeft,
    FloorStands,
    FramesTaken,
    FromWorker,
    KeyFrameAsked,
    LinkOpened,
    PeopleWatch,
    Plays,
    ToWorker,
    ViewShown,
    VoiceBegins,
    VoiceTold,
    WordsHeard,
    encode,
    from_worker,
    unpack,
    voice_frame,
)
from bot.web.page import ended_by
from bot.web.viewer.presence import People, Presence, Told

OPENS_WITHIN_S: Final = 3.0
PING_EVERY_S: Final = 2.0
"""A worker whose machine is gone, or that stands still, is noticed within twice as long."""

MOST_UNSENT: Final = 512
"""Frames that wait to be sent up: ten seconds of a voice. Nobody reads them then."""

SENT_WITHIN_S: Final = 2 * PING_EVERY_S
"""What a worker does not take keeps pings back as well."""

TOLD_EVERY_S: Final = 0.1
"""Between two messages on what was taken, or on who watches. The last is always told, for the worker waits for it before it goes on."""


class LinkLost(Exception):
    """It could not be opened, or is closed."""


class SessionLink:
    """One link, once. What it brings is published as if the session ran here."""

    def __init__(
        self,
        session_id: str,
        events: SessionEvents,
        presence: Presence,
        publish: Callable[[SessionView | Caption], None],
    ) -> None:
        self._publish = publish
        self._session_id = session_id
        self._presence = presence
        self._media = events.media.of(session_id)
        self._voices = events.voices.of(session_id)
        self._unsent: asyncio.Queue[str | bytes] = asyncio.Queue(MOST_UNSENT)
        self._microphones: WeakValueDictionary[str, Microphone] = WeakValueDictionary()  # each as long as its page
        self._asked: dict[str, FloorAsked] = {}  # by those who want the floor, or have it
        self._taken = 0
        self._took = asyncio.Event()
        self._people: People = {}
        self._came_or_went = asyncio.Event()
        self.opened = asyncio.Event()

    async def run(self, placement: Placement, token: str, keys: LinkKeys) -> None:
        """Until cancelled, or closed: raises `LinkLost`."""
        url = f"ws://{placement.address}{PATH}{self._session_id}?epoch={placement.epoch}"
        opening = connect(
            url,
            additional_headers={"authorization": token},
            compression=None,
            max_size=DOWN_BYTES,
            open_timeout=OPENS_WITHIN_S,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_EVERY_S,
            close_timeout=0.1,
            proxy=None,
        )
        try:
            with self._keeping_the_floor() as stand:
                async with opening as socket:
                    await self._require_answer(socket, token, keys)
                    await self._pass_on(socket, stand)
        except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidURI, ValueError) as error:
            raise LinkLost(f"{type(error).__name__} {error}") from error

    async def _require_answer(self, socket: ClientConnection, token: str, keys: LinkKeys) -> None:
        """Raises `ValueError` for a peer that has none of our keys: an address may be another program's by now."""
        async with asyncio.timeout(OPENS_WITHIN_S):
            match from_worker(_text(await socket.recv())):
                case LinkOpened(answer) if keys.is_answered(token, answer):
                    self.opened.set()
                case _:
                    raise ValueError("no worker of ours")

    async def _pass_on(self, socket: ClientConnection, stand: Callable[[Floor], None]) -> None:
        with self._presence.summed_by(self._session_id, self._note_people) as told, self._cut_at_the_end():
            self._send(Plays(self._media.watched))
            for asked in self._asked.values():  # while it was not open yet
                self._send(asked)
            with ended_by(ConnectionClosed, LinkLost, ValueError):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._write(socket))
                    tasks.create_task(self._ask_for_pictures(self._media))
                    tasks.create_task(self._tell_newest(self._took, lambda: FramesTaken(self._taken)))
                    tasks.create_task(self._tell_newest(self._came_or_went, lambda: PeopleWatch.of(self._people)))
                    async for message in socket:
                        if isinstance(message, bytes):
                            self._show(message)
                        elif isinstance(frame := from_worker(message), FloorStands):
                            stand(frame.at(asyncio.get_running_loop().time()))
                        else:
                            self._take(frame, told)
                    raise LinkLost("closed")

    @contextlib.contextmanager
    def _cut_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._media.discontinuity()

    # ------------------------------------------------------------ what comes

    def _show(self, message: bytes) -> None:
        self._taken, frame = unpack(message)
        self._media.show(frame)
        self._took.set()

    def _take(self, frame: FromWorker, told: Told) -> None:
        match frame:
            case ViewShown(view):
                self._publish(view)
            case CaptionShown(caption):
                self._publish(caption)
            case AudienceShown(audience):
                told(audience)
            case WordsHeard(claimant_id, text) if microphone := self._microphones.get(claimant_id):
                microphone.show(text)
            case VoiceTold(claimant_id, sentence) if microphone := self._microphones.get(claimant_id):
                microphone.tell(sentence)
            case _:
                pass

    # ------------------------------------------------------------ what goes

    def _send(self, frame: ToWorker) -> None:
        self._put(encode(frame))

    def _put(self, message: str | bytes) -> None:
        if not self._unsent.full():
            self._unsent.put_nowait(message)

    async def _tell_newest(self, changed: asyncio.Event, newest: Callable[[], ToWorker]) -> None:
        while True:
            await changed.wait()
            changed.clear()
            self._send(newest())
            await asyncio.sleep(TOLD_EVERY_S)

    def _note_people(self, people: People) -> None:
        self._people = people
        self._came_or_went.set()

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            if self._unsent.full():
                raise LinkLost("nobody reads it")
            message = await self._unsent.get()
            try:
                async with asyncio.timeout(SENT_WITHIN_S):
                    await socket.send(message)
            except TimeoutError:
                socket.transport.abort()  # a close would wait behind what is not taken
                raise LinkLost("nobody takes what is sent") from None

    async def _ask_for_pictures(self, media: MediaFanout) -> None:
        """As the run does where the session runs: while somebody watches, and a key frame when somebody needs one."""
        watched = media.watched
        while True:
            if media.watched is not watched:
                watched = media.watched
                self._send(Plays(watched))
            if media.take_keyframe_request():
                self._send(KeyFrameAsked())
            await media.changed.wait()
            media.changed.clear()

    # ------------------------------------------------------------ the floor, which is there

    @contextlib.contextmanager
    def _keeping_the_floor(self) -> Iterator[Callable[[Floor], None]]:
        """Also before it is open. Who asked meanwhile is told if nobody can be reached."""
        with self._voices.kept_by(self) as stand:
            try:
                yield stand
            finally:
                if not self.opened.is_set():
                    self._tell_who_asked(NOBODY_LISTENS)

    def _tell_who_asked(self, sentence: str) -> None:
        for claimant_id in self._asked:
            if microphone := self._microphones.get(claimant_id):
                microphone.tell(sentence)

    def ask(self, microphone: Microphone, *, take: bool) -> None:
        """`FloorElsewhere`."""
        claimant_id = microphone.claimant.id
        self._microphones[claimant_id] = microphone
        asked = FloorAsked(claimant_id, microphone.role, microphone.person, microphone.place, take)
        self._asked[claimant_id] = asked
        if self.opened.is_set():
            self._send(asked)

    def leave(self, claimant_id: str) -> None:
        """Their words may still come."""
        if self._asked.pop(claimant_id, None) and self.opened.is_set():
            self._send(FloorLeft(claimant_id))

    def say(self, claimant_id: str, frame: bytes) -> None:
        self._put(voice_frame(claimant_id, frame))

    def speaks(self, claimant_id: str) -> None:
        self._send(VoiceBegins(claimant_id))


def target_of(session_id: str, placement: Placement) -> LinkTarget:
    return LinkTarget(session_id, placement.worker_id, placement.epoch)


def _text(message: str | bytes) -> str:
    if isinstance(message, bytes):
        raise ValueError("a picture before a word")  # noqa: TRY004 - of what somebody sent, not of ours
    return message
