"""What `set-params` changes: how an avatar speaks and looks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.simulator.refusal import AkoolRefusal, Code
from bot.domain.sessions import Mode

SLOWEST, FASTEST = 0.8, 1.2
"""Of `vparams.speed`, as AKOOL documents it."""


@dataclass(frozen=True, slots=True)
class AvatarParams:
    mode: Mode = Mode.DIALOGUE
    """A session created without a mode behaves as dialogue, as was seen live."""
    voice_id: str | None = None
    voice_url: str | None = None
    language: str | None = None
    background_url: str | None = None
    speed: float = 1.0
    voice_params: Mapping[str, Any] | None = None
    """What else was given of `vparams`, without its effect and without anybody's secret."""

    def changed(self, data: Mapping[str, Any]) -> "AvatarParams":
        """After `set-params` with this `data`. Raises `AkoolRefusal`."""
        voice = data.get("vparams", {})
        if not isinstance(voice, Mapping):
            raise AkoolRefusal(Code.BAD_PARAMETER, "vparams must be an object")
        given = {
            "mode": _mode(data.get("mode")),
            "voice_id": voice.get("vid", data.get("vid")),
            "voice_url": voice.get("vurl", data.get("vurl")),
            "language": data.get("lang"),
            "background_url": data.get("bgurl"),
            "speed": speed(voice.get("speed")),
            "voice_params": {**(self.voice_params or {}), **unspoken(voice)} or None,
        }
        return replace(self, **{name: value for name, value in given.items() if value is not None})


def _mode(value: object) -> Mode | None:
    if value is None:
        return None
    if type(value) is not int or value not in tuple(Mode):  # a string "1" is the documents' slip, not the wire's type
        raise AkoolRefusal(Code.BAD_PARAMETER, "mode must be 1 or 2")
    return Mode(value)


def speed(value: object) -> float | None:
    """A checked `speed`. Raises `AkoolRefusal`."""
    if value is None:
        return None
    if not isinstance(value, int | float) or not SLOWEST <= value <= FASTEST:
        raise AkoolRefusal(Code.BAD_PARAMETER, f"speed must be {SLOWEST} to {FASTEST}")
    return float(value)


def unspoken(voice: Mapping[str, Any]) -> dict[str, Any]:
    """The voice parameters that only real speech would show, less the ElevenLabs account, which holds a key."""
    return {name: voice[name] for name in ("pron_map", "stt_language", "stt_type", "turn_detection") if name in voice}
