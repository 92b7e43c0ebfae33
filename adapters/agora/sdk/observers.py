# ruff: noqa: ARG002, PLR0917 - the signatures are the wrapper's
"""What the SDK calls on its own threads. A callback copies and hands over, and never calls the SDK.

Each observer must outlive the connection: the native side may keep its pointers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from agora.rtc.agora_base import AudioFramePosition
from agora.rtc.audio_frame_observer import IAudioFrameObserver
from agora.rtc.local_user_observer import IRTCLocalUserObserver
from agora.rtc.rtc_connection_observer import IRTCConnectionObserver
from agora.rtc.video_encoded_frame_observer import IVideoEncodedFrameObserver

from adapters.agora.media import FrameCoalescer
from adapters.agora.reasons import LEFT, fatal_error, loss_of
from bot.ports.room import (
    AudioFrame,
    Codec,
    ConnectionLost,
    LinkDown,
    LinkUp,
    LossReason,
    Packet,
    PeerJoined,
    PeerLeft,
    RoomEvent,
    TokenExpiring,
    VideoFrame,
)


@dataclass(frozen=True, slots=True)
class Connected:
    """The join succeeded."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """We left, as we wanted."""


@dataclass(frozen=True, slots=True)
class SdkLogLine:
    """Changes nothing, but an operator who looks for a reason should find it."""

    text: str


Sign = RoomEvent | Connected | Disconnected | SdkLogLine
HandOver = Callable[[Sign], None]

CODECS: Final = {1: Codec.VP8, 2: Codec.H264, 5: Codec.VP9, 12: Codec.AV1}
KEY_FRAME: Final = 3


class RoomObserver(IRTCConnectionObserver):  # type: ignore[misc]  # the wrapper has no types
    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over

    def on_connected(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        self._hand_over(Connected())

    def on_disconnected(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        self._hand_over(Disconnected() if reason == LEFT else loss_of(reason))

    def on_connection_failure(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        self._hand_over(loss_of(reason))

    def on_connection_lost(self, agora_rtc_conn: Any, conn_info: Any) -> None:
        self._hand_over(ConnectionLost(LossReason.LOST, "no connection for 10 s"))

    def on_reconnecting(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        self._hand_over(LinkDown())

    def on_reconnected(self, agora_rtc_conn: Any, conn_info: Any, reason: int) -> None:
        self._hand_over(LinkUp())

    def on_user_joined(self, agora_rtc_conn: Any, user_id: str) -> None:
        self._hand_over(PeerJoined(user_id))

    def on_user_left(self, agora_rtc_conn: Any, user_id: str, reason: int) -> None:
        self._hand_over(PeerLeft(user_id))

    def on_token_privilege_will_expire(self, agora_rtc_conn: Any, token: str) -> None:
        self._hand_over(TokenExpiring())

    def on_token_privilege_did_expire(self, agora_rtc_conn: Any) -> None:
        self._hand_over(ConnectionLost(LossReason.EXPIRED, "the token expired"))

    def on_error(self, agora_rtc_conn: Any, error_code: int, error_msg: str) -> None:
        self._hand_over(fatal_error(error_code) or SdkLogLine(f"error {error_code} of Agora's SDK: {error_msg}"))

    def on_stream_message_error(  # for reliable streams, which the wrapper does not make
        self, agora_rtc_conn: Any, user_id: str, stream_id: int, code: int, missed: int, cached: int
    ) -> None:
        self._hand_over(SdkLogLine(f"a packet was not delivered (error {code})"))

    def on_aiqos_capability_missing(self, agora_rtc_conn: Any, recommended: int) -> int:
        return -1  # the inherited one returns None, which the wrapper compares with 0


class UserObserver(IRTCLocalUserObserver):  # type: ignore[misc]
    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over

    def on_stream_message(self, agora_local_user: Any, user_id: str, stream_id: int, data: bytes, length: int) -> None:
        # What holds a NUL was cut off by the wrapper and filled up with somebody else's memory.
        garbled = b"\0" in data
        self._hand_over(SdkLogLine("a packet with a NUL was dropped") if garbled else Packet(user_id, data))


class PictureObserver(IVideoEncodedFrameObserver):  # type: ignore[misc]
    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over

    def on_encoded_video_frame(self, uid: int, image_buffer: bytes, length: int, info: Any) -> None:
        codec = CODECS.get(int(info.codec_type))
        if codec is None:
            self._hand_over(SdkLogLine(f"the picture is in a codec that no viewer can show ({int(info.codec_type)})"))
            return
        key = int(info.frame_type) == KEY_FRAME
        pts = info.presentation_ms * 1_000
        self._hand_over(VideoFrame(str(uid), codec, key, info.width, info.height, pts, image_buffer))


class SoundObserver(IAudioFrameObserver):  # type: ignore[misc]
    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over
        self._pairs = FrameCoalescer()

    def on_get_audio_frame_position(self, agora_local_user: Any) -> int:
        return int(AudioFramePosition.AUDIO_FRAME_POSITION_BEFORE_MIXING)

    def on_playback_audio_frame_before_mixing(
        self,
        agora_local_user: Any,
        channel: str,
        uid: str,
        frame: Any,
        vad_state: int,
        vad_bytes: Any,
    ) -> int:
        pts = frame.presentation_ms * 1_000
        for piece in self._pairs.put(AudioFrame(uid, frame.samples_per_sec, frame.channels, pts, bytes(frame.buffer))):
            self._hand_over(piece)
        return 1
