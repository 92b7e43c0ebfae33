"""The end with pages: what comes over a link happens here as it does where the session runs, and what people here do goes there."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from bot.media.events import Caption, MediaFanout, SessionEvents, SessionView
from bot.media.voices import Microphone
from bot.ports.storage.records import Placement
from bot.web.incoming import ended_by
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
from bot.web.viewer.presence import Presence, Told

OPENS_WITHIN_S: Final = 3.0
PING_EVERY_S: Final = 2.0
"""A worker whose machine is gone, or that stands still, is noticed within twice as long."""

MOST_UNSENT: Final = 512
"""Frames that wait to be sent up: ten seconds of a voice. Nobody reads them then."""

TAKEN_EVERY_S: Final = 0.1
"""Between two messages on what was taken. The last frame is always told of, for the worker waits for that before it goes on."""


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
        self._microphones: dict[str, Microphone] = {}
        self._taken = 0
        self._took = asyncio.Event()
        self.opened = asyncio.Event()

    async def run(self, placement: Placement, token: str, keys: LinkKeys) -> None:
        """Until cancelled, or closed: raises `LinkLost`."""
        url = f"ws://{placement.address}{PATH}{self._session_id}?epoch={placement.epoch}"
        try:
            async with connect(
                url,
                additional_headers={"authorization": token},
                compression=None,
                max_size=DOWN_BYTES,
                open_timeout=OPENS_WITHIN_S,
                ping_interval=PING_EVERY_S,
                ping_timeout=PING_EVERY_S,
                close_timeout=0.1,
                proxy=None,
            ) as socket:
                await self._require_answer(socket, token, keys)
                await self._pass_on(socket)
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

    async def _pass_on(self, socket: ClientConnection) -> None:
        summed = self._presence.summed_by(self._session_id, lambda people: self._send(PeopleWatch(people)))
        with summed as told, self._voices.kept_by(self) as stand, self._cut_at_the_end():
            self._send(Plays(self._media.watched))
            with ended_by(ConnectionClosed, LinkLost, ValueError):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._write(socket))
                    tasks.create_task(self._ask_for_pictures(self._media))
                    tasks.create_task(self._tell_what_was_taken())
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

    async def _tell_what_was_taken(self) -> None:
        while True:
            await self._took.wait()
            self._took.clear()
            self._send(FramesTaken(self._taken))
            await asyncio.sleep(TAKEN_EVERY_S)

    def _take(self, frame: FromWorker, told: Told) -> None:
        match frame:
            case ViewShown(view):
                self._publish(view)
            case CaptionShown(caption):
                self._publish(caption)
            case AudienceShown(audience):
                told(audience)
            case WordsHeard(claimant_id, text) if claimant_id in self._microphones:
                self._microphones[claimant_id].show(text)
            case VoiceTold(claimant_id, sentence) if claimant_id in self._microphones:
                self._microphones[claimant_id].tell(sentence)
            case _:
                pass

    # ------------------------------------------------------------ what goes

    def _send(self, frame: ToWorker) -> None:
        self._put(encode(frame))

    def _put(self, message: str | bytes) -> None:
        if not self._unsent.full():
            self._unsent.put_nowait(message)

    async def _write(self, socket: ClientConnection) -> None:
        while True:
            if self._unsent.full():
                raise LinkLost("nobody reads it")
            await socket.send(await self._unsent.get())

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

    def ask(self, microphone: Microphone, *, take: bool) -> None:
        """`FloorElsewhere`."""
        claimant_id = microphone.claimant.id
        self._microphones[claimant_id] = microphone
        self._send(FloorAsked(claimant_id, microphone.role, microphone.person, microphone.place, take))

    def leave(self, claimant_id: str) -> None:
        if self._microphones.pop(claimant_id, None):
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
