"""What the core asks for, in the words of the protocol."""

from typing import TypeVar

from adapters.akool.stream import messages
from adapters.akool.stream.messages import Expression, GestureName, Params, SetAction
from bot.domain.errors import CommandRefused
from bot.domain.sessions import ParamChanges, TurnDetection, VoiceParams

Name = TypeVar("Name", GestureName, Expression)


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


def _voice(changes: ParamChanges) -> messages.VoiceParamsMessage | None:
    voice = changes.voice or VoiceParams()
    wanted = messages.VoiceParamsMessage(
        vid=changes.voice_id,
        vurl=changes.voice_url,
        speed=voice.speed,
        pron_map=dict(voice.pronunciation) or None,
        stt_language=voice.stt_language,
        stt_type=voice.stt_type,
        turn_detection=_turn_detection(voice.turn_detection),
    )
    return None if wanted == messages.VoiceParamsMessage() else wanted


def _turn_detection(wanted: TurnDetection | None) -> messages.TurnDetectionParams | None:
    if wanted is None:
        return None
    return messages.TurnDetectionParams(
        wanted.type, wanted.threshold, wanted.prefix_padding_ms, wanted.silence_duration_ms
    )


def _known(names: type[Name], what: str, wanted: str | None) -> Name | None:
    if wanted is None:
        return None
    try:
        return names(wanted)
    except ValueError:
        raise CommandRefused(f"There is no {what} {wanted!r}. There are: {', '.join(names)}.") from None
