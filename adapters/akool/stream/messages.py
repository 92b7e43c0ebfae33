"""Every message of AKOOL's stream protocol v2 as a frozen value, and what the core asks for as one of them.

Source: docs.akool.com, "Streaming Avatar API Overview". `Event` is undocumented and as AKOOL's own React client reads it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from msgspec import Struct

from bot.domain.errors import CommandRefused
from bot.domain.posts import Speaker
from bot.domain.sessions import ParamChanges, TurnDetection, VoiceParams

ACKNOWLEDGED: Final = 1000


class GestureName(StrEnum):
    """Gestures; AKOOL's changelog says that they are for "ultra" avatars."""

    HAND_WAVE = "hand_wave"
    CHEER = "cheer"
    THUMBS_UP = "thumbs_up"
    PUMP_FISTS = "pump_fists"
    NOD = "nod"
    SHAKE = "shake"
    WAFT_LEFT = "waft_left"
    WAFT_RIGHT = "waft_right"


class Expression(StrEnum):
    ANGRY = "angry"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPINESS = "happiness"
    SADNESS = "sadness"
    SURPRISE = "surprise"
    CONTEMPT = "contempt"


class Moment(StrEnum):
    """What an event tells: the avatar's voice began or stopped."""

    AUDIO_START = "audio_start"
    AUDIO_END = "audio_end"


class CommandName(StrEnum):
    SET_PARAMS = "set-params"
    INTERRUPT = "interrupt"
    SET_ACTION = "set-action"


# ---------------------------------------------------------------- to the avatar


class Chat(Struct, frozen=True):
    """A packet of a text for the avatar: `idx` counts from 0 under one `mid`, `fin` marks the last."""

    mid: str
    idx: int
    fin: bool
    text: str


class TurnDetectionParams(Struct, frozen=True, omit_defaults=True):
    """How the end of a spoken turn is heard; all but `type` are for `server_vad` only. Times in milliseconds."""

    type: str | None = None
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class VoiceParamsMessage(Struct, frozen=True, omit_defaults=True):
    """`vparams`. `speed` is 0.8 to 1.2."""

    vid: str | None = None
    vurl: str | None = None
    speed: float | None = None
    pron_map: Mapping[str, str] | None = None
    stt_language: str | None = None
    stt_type: str | None = None
    turn_detection: TurnDetectionParams | None = None


class Params(Struct, frozen=True, omit_defaults=True):
    """What a `set-params` changes; None leaves as it is. `mode` is 1 (retelling) or 2 (dialogue)."""

    lang: str | None = None
    mode: int | None = None
    bgurl: str | None = None
    vparams: VoiceParamsMessage | None = None


class SetParams(Struct, frozen=True):
    mid: str
    params: Params


class Interrupt(Struct, frozen=True):
    mid: str


class SetAction(Struct, frozen=True):
    """Never acknowledged."""

    mid: str
    action: GestureName | None = None
    expression: Expression | None = None


# ---------------------------------------------------------------- from the avatar


class Part(Struct, frozen=True):
    """A part of what the avatar says (`bot`), or of what it heard a person say (`user`)."""

    mid: str
    idx: int
    fin: bool
    speaker: Speaker
    text: str


class CommandAck(Struct, frozen=True):
    """The answer to a command. `mid` echoes the command's, or is empty."""

    mid: str
    cmd: str
    code: int
    msg: str

    @property
    def accepted(self) -> bool:
        return self.code == ACKNOWLEDGED


class Event(Struct, frozen=True):
    mid: str
    moment: Moment


class Unknown(Struct, frozen=True):
    """A message of protocol v2 whose kind we do not know: let it pass."""

    type: str


class UnreadableMessage(StrEnum):
    NOT_JSON = "not JSON"
    NOT_V2 = "not protocol v2"
    MALFORMED = "a known message with a field of the wrong type"


class NotOurs(Struct, frozen=True):
    """Bytes that are no message of protocol v2: count and drop them."""

    reason: UnreadableMessage


Outbound = Chat | SetParams | Interrupt | SetAction
Message = Outbound | Part | CommandAck | Event | Unknown


# ---------------------------------------------------------------- what the core asks for


def params(changes: ParamChanges) -> Params:
    """The changes as `set-params` takes them. It knows no ElevenLabs settings: those stay as they were created."""
    return Params(
        lang=changes.language,
        mode=None if changes.mode is None else int(changes.mode),
        bgurl=changes.background_url,
        vparams=_voice(changes),
    )


def gesture(mid: str, name: str | None, expression: str | None) -> SetAction:
    """The gesture and the face of those names. Raises `CommandRefused` with the names there are."""
    return SetAction(mid, _known(GestureName, "action", name), _known(Expression, "expression", expression))


def _voice(changes: ParamChanges) -> VoiceParamsMessage | None:
    voice = changes.voice or VoiceParams()
    wanted = VoiceParamsMessage(
        vid=changes.voice_id,
        vurl=changes.voice_url,
        speed=voice.speed,
        pron_map=dict(voice.pronunciation) or None,
        stt_language=voice.stt_language,
        stt_type=voice.stt_type,
        turn_detection=_turn_detection(voice.turn_detection),
    )
    return None if wanted == VoiceParamsMessage() else wanted


def _turn_detection(wanted: TurnDetection | None) -> TurnDetectionParams | None:
    if wanted is None:
        return None
    return TurnDetectionParams(wanted.type, wanted.threshold, wanted.prefix_padding_ms, wanted.silence_duration_ms)


Name = TypeVar("Name", GestureName, Expression)


def _known(names: type[Name], what: str, wanted: str | None) -> Name | None:
    if wanted is None:
        return None
    try:
        return names(wanted)
    except ValueError:
        raise CommandRefused(f"There is no {what} {wanted!r}. There are: {', '.join(names)}.") from None
