"""One connection on the SDK's side: its calls run one after the other in a thread of its own, its callbacks end on the event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from agora.rtc.agora_base import (
    AgoraServiceConfig,
    AudioPublishType,
    AudioScenarioType,
    AudioSubscriptionOptions,
    ChannelProfileType,
    RTCConnConfig,
    RtcConnectionPublishConfig,
    VideoSubscriptionOptions,
)
from agora.rtc.agora_service import AgoraService

from adapters.agora.reasons import refusal
from adapters.agora.sdk import SdkHangs
from adapters.agora.sdk.observers import (
    Connected,
    Disconnected,
    PictureObserver,
    RoomObserver,
    SdkLogLine,
    Sign,
    SoundObserver,
    UserObserver,
)
from adapters.agora.sdk.published_voice import PublishedVoice
from adapters.agora.wrapper import WrapperMissing
from bot.domain.errors import RoomError
from bot.ports.room import AudioFrame, ConnectionLost, RoomEvent, VideoFrame

JOIN_WITHIN: Final = 10.0
CALL_WITHIN: Final = 4.0
"""Seconds until a call of the SDK is held to hang: it only asks for something, what comes of it is told by a callback."""
LEAVE_WITHIN: Final = 2.0
KEEP_FOR: Final = 5.0
"""Seconds for which the native side may still use what a released connection pointed to."""

REMARKS: Final = 20
"""Different remarks of one connection that go to the log."""
SAMPLE_RATE: Final = 16_000
CHANNELS: Final = 1


def new_service(app_id: str, profile: int, folder: Path) -> Any:
    """Start it; its logs and what it stores go into `folder`. Raises `WrapperMissing`."""
    config = AgoraServiceConfig(
        appid=app_id,
        enable_video=1,
        channel_profile=ChannelProfileType(profile),
        audio_scenario=AudioScenarioType.AUDIO_SCENARIO_DEFAULT,
        log_path=str(folder / "agora.log"),
        data_dir=str(folder),
        config_dir=str(folder),
    )
    service = AgoraService()
    code = service.initialize(config)
    if not service.inited:  # `initialize` returns the code of a later call
        raise WrapperMissing("Agora's SDK did not start.", f"initialize: inited is False (last code {code})")
    return service


class SdkConnection:
    """Joined once: `join`, then everything else, then `leave`.

    `report` is called on the event loop with what happens, `note` with what only the log should know: once for each text.
    """

    def __init__(
        self, service: Any, profile: int, report: Callable[[RoomEvent], None], note: Callable[[str], None]
    ) -> None:
        self._service = service
        self._profile = ChannelProfileType(profile)
        self._report = report
        self._note = note
        self._noted: set[str] = set()
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "agora-connection")
        self._joined: asyncio.Future[None] = self._loop.create_future()
        self._left = asyncio.Event()
        self._connection: Any = None
        self._observers = (RoomObserver(self._hand_over), UserObserver(self._hand_over))
        self._media: tuple[Any, ...] = ()
        self._watched: str | None = None
        self._kept: list[Any] = []
        self._voice = PublishedVoice(self._call, self._live, self._remark)

    async def join(self, channel: str, uid: str, token: str) -> None:
        await self._call(self._connect, channel, uid, token)
        try:
            async with asyncio.timeout(JOIN_WITHIN):
                await self._joined
        except TimeoutError:
            raise RoomError("The avatar's room does not answer.", f"no answer within {JOIN_WITHIN:g} s") from None

    async def send(self, packet: bytes) -> None:
        await self._call(self._send, packet)

    async def watch(self, uid: str | None) -> None:
        await self._call(self._watch, uid)

    async def request_key_frame(self, uid: str) -> None:
        await self._call(self._request_key_frame, uid)

    def publish(self, frame: bytes) -> Coroutine[Any, Any, None] | None:
        """Let a piece of a voice be heard. Never waits. Returns what publishes the voice that begins with it, to be run."""
        return self._voice.put(frame)

    async def leave(self) -> None:
        """Disconnect, wait for the native side to be done, release. Whatever was called before comes first."""
        self._voice.close()
        await self._call(self._disconnect)
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        try:
            async with asyncio.timeout(LEAVE_WITHIN):
                await self._left.wait()
        except TimeoutError:
            self._left.set()  # what was never connected is never disconnected
        await self._call(connection.release)
        self._loop.call_later(KEEP_FOR, self._kept.clear)
        self._thread.shutdown(wait=False)

    # ------------------------------------------------------------ on the event loop

    def _take(self, sign: Sign) -> None:
        match sign:
            case Connected() if not self._joined.done():
                self._joined.set_result(None)
            case Connected():
                pass
            case Disconnected():
                self._end("we left")
            case ConnectionLost() if self._end(sign.detail):
                self._report(sign)
            case ConnectionLost():
                pass
            case SdkLogLine(text):
                self._remark(text)
            case VideoFrame() | AudioFrame() if sign.uid != self._watched:
                pass
            case _:
                self._report(sign)

    def _remark(self, text: str) -> None:
        if text not in self._noted and len(self._noted) < REMARKS:
            self._noted.add(text)
            self._note(text)

    def _end(self, why: str) -> bool:
        """Whether we had joined; if not yet, `join` fails."""
        self._left.set()
        if self._joined.done():
            return self._joined.exception() is None
        self._joined.set_exception(RoomError("The avatar's room did not let us in.", why))
        self._joined.exception()  # seen, even when nobody waits any more
        return False

    async def _call(self, step: Callable[..., Any], *arguments: Any) -> None:
        try:
            async with asyncio.timeout(CALL_WITHIN):
                await self._loop.run_in_executor(self._thread, step, *arguments)
        except TimeoutError:
            raise SdkHangs(getattr(step, "__name__", "a call")) from None

    # ------------------------------------------------------------ on the SDK's threads

    def _hand_over(self, sign: Sign) -> None:
        try:
            self._loop.call_soon_threadsafe(self._take, sign)
        except RuntimeError:  # the loop is closed: the process ends, and nobody is left to tell
            return

    # ------------------------------------------------------------ on the connection's thread

    def _connect(self, channel: str, uid: str, token: str) -> None:
        # AI_SERVER, the wrapper's default, calls the SDK in a callback and has the peer degrade its sound.
        publish = RtcConnectionPublishConfig(
            audio_scenario=AudioScenarioType.AUDIO_SCENARIO_DEFAULT,
            audio_publish_type=AudioPublishType.AUDIO_PUBLISH_TYPE_PCM,
        )
        connection = self._service.create_rtc_connection(self._config(), publish)
        if connection is None or connection.conn_handle is None:  # the wrapper returns a half-built one
            raise RoomError("The avatar's room cannot be joined.", "the SDK made no connection")
        room, user = self._observers
        connection.register_observer(room)
        connection.register_local_user_observer(user)
        self._connection = connection
        _expect(connection.connect(token, channel, uid), "connect")

    def _config(self) -> Any:
        sound = AudioSubscriptionOptions(
            pcm_data_only=1, bytes_per_sample=2, number_of_channels=CHANNELS, sample_rate_hz=SAMPLE_RATE
        )
        return RTCConnConfig(channel_profile=self._profile, audio_subs_options=sound)  # subscribes to nothing by itself

    def _disconnect(self) -> None:
        if self._connection is None or self._kept:
            return
        connection, user = self._connection, self._connection.local_user
        # Each step from here drops the wrapper's own references, and the native side knows nothing of Python's.
        self._kept += [connection, user, connection.con_observer_handle, user.user_observer_inner]
        self._kept += [user.audio_frame_observer, user.video_encoded_frame_observer, self._observers, self._media]
        connection.disconnect()

    def _send(self, packet: bytes) -> None:
        _expect(self._live().send_stream_message(packet), "send_stream_message")

    def _watch(self, uid: str | None) -> None:
        connection = self._live()
        before, self._watched = self._watched, uid
        if before is not None:
            connection.local_user.unsubscribe_video(before)
            connection.local_user.unsubscribe_audio(before)
        if uid is not None:
            self._observe_media(connection)
            options = VideoSubscriptionOptions(encodedFrameOnly=True)
            _expect(connection.local_user.subscribe_video(uid, options), "subscribe_video")
            _expect(connection.local_user.subscribe_audio(uid), "subscribe_audio")

    def _observe_media(self, connection: Any) -> None:
        if self._media:  # registering twice raises AttributeError in the wrapper
            return
        picture, sound = self._media = (PictureObserver(self._hand_over), SoundObserver(self._hand_over))
        connection.register_video_encoded_frame_observer(picture)
        connection.local_user.set_playback_audio_frame_before_mixing_parameters(CHANNELS, SAMPLE_RATE)
        connection.register_audio_frame_observer(sound, 0, None)

    def _request_key_frame(self, uid: str) -> None:
        _expect(self._live().send_intra_request(uid), "send_intra_request")

    def _live(self) -> Any:
        """The connection: after a release the wrapper would pass NULL to the native side."""
        if self._connection is None:
            raise RoomError("The avatar's room is not joined.")
        return self._connection


def _expect(code: int, call: str) -> None:
    if code != 0:
        raise RoomError("The avatar's room refused.", f"{call}: {refusal(code)}")
