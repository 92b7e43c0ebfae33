"""What the core asks for, in the words of the protocol."""

import json
from types import MappingProxyType

import pytest

from adapters.akool.stream.protocol import (
    Expression,
    GestureName,
    Params,
    SetAction,
    SetParams,
    VoiceParamsMessage,
    encode,
    gesture,
    params,
)
from bot.domain.errors import CommandRefused
from bot.domain.sessions import ElevenLabs, Mode, ParamChanges, TurnDetection
from bot.domain.sessions import VoiceParams as Voice


def test_everything_that_can_be_set_is_said() -> None:
    changes = ParamChanges(
        voice_id="v1",
        voice_url="https://example.com/v",
        language="de",
        mode=Mode.DIALOGUE,
        background_url="https://example.com/b",
        voice=Voice(
            speed=0.9,
            pronunciation=MappingProxyType({"akool": "ai ku er"}),
            stt_language="de",
            stt_type="openai_realtime",
            turn_detection=TurnDetection("server_vad", 0.6, 200, 400),
        ),
    )
    assert json.loads(encode(SetParams("m", params(changes))))["pld"]["data"] == {
        "lang": "de",
        "mode": 2,
        "bgurl": "https://example.com/b",
        "vparams": {
            "vid": "v1",
            "vurl": "https://example.com/v",
            "speed": 0.9,
            "pron_map": {"akool": "ai ku er"},
            "stt_language": "de",
            "stt_type": "openai_realtime",
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.6,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 400,
            },
        },
    }


def test_what_stays_as_it_is_is_not_said() -> None:
    assert params(ParamChanges(language="en")) == Params(lang="en")
    assert params(ParamChanges(voice_id="v1")) == Params(vparams=VoiceParamsMessage(vid="v1"))
    assert params(ParamChanges()) == Params()


def test_elevenlabs_is_not_for_a_running_session() -> None:
    assert params(ParamChanges(voice=Voice(elevenlabs=ElevenLabs(api_key="secret")))) == Params()


def test_a_gesture_is_known_by_its_name() -> None:
    assert gesture("m", "nod", None) == SetAction("m", action=GestureName.NOD)
    assert gesture("m", None, "fear") == SetAction("m", expression=Expression.FEAR)


@pytest.mark.parametrize(
    ("action", "expression", "sentence"),
    [
        ("somersault", None, "There is no action 'somersault'. There are: hand_wave, cheer, "),
        (None, "boredom", "There is no expression 'boredom'. There are: angry, disgust, "),
    ],
)
def test_an_unknown_gesture_names_the_known(action: str | None, expression: str | None, sentence: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        gesture("m", action, expression)
    assert refused.value.sentence.startswith(sentence)
