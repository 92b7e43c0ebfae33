"""What each verb was asked for, typed: built from values that `checked` let through.

Names of avatars, voices, languages and knowledge bases are as typed; who has the lists finds out what they mean.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from bot.commands.parser import ParseError, Value, Values, shown
from bot.commands.policy import AllowList
from bot.domain.sessions import ElevenLabs, Mode, ParamChanges, TurnDetection, VoiceParams

SERVER_VAD_ONLY = ("threshold", "prefix_ms", "silence_ms")
DOCUMENT_FORMATS = ("pdf", "doc", "docx", "txt", "md", "json", "xml", "csv")

_MODES = {"dialogue": Mode.DIALOGUE, "retelling": Mode.RETELLING}
_WHO = re.compile(r"<[^<>]*>|[^,<>]+")
_AND = re.compile(r"^\s*and\b")
_PAIRS = re.compile(r"[,;\n]")


@dataclass(frozen=True, slots=True)
class StartOptions:
    """How to start; None takes the channel's default."""

    avatar: str | None = None
    voice: str | None = None
    language: str | None = None
    mode: Mode | None = None
    knowledge: str | None = None
    background_url: str | None = None
    minutes: int | None = None
    voice_url: str | None = None


@dataclass(frozen=True, slots=True)
class ActOptions:
    """A gesture and a face, of which at least one is given."""

    action: str | None
    expression: str | None


@dataclass(frozen=True, slots=True)
class KnowledgeOptions:
    """What to make of a knowledge base, or change; None leaves as it is. `knowledge` is which, as typed; empty for a new one."""

    knowledge: str = ""
    name: str | None = None
    prompt: str | None = None
    prologue: str | None = None
    documents: tuple[str, ...] | None = None
    links: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DefaultsChanges:
    """What `defaults` changes for a channel; None leaves as it is. `who` names people and groups; `()` means everybody."""

    start: StartOptions = StartOptions()
    listening: str | None = None
    names: bool | None = None
    greeting: str | None = None
    prompt: str | None = None
    voice: VoiceParams | None = None
    who: tuple[str, ...] | None = None


def start_options(values: Values) -> StartOptions:
    return StartOptions(
        avatar=_text(values, "avatar"),
        voice=_text(values, "voice"),
        voice_url=_text(values, "voice_url"),
        language=_text(values, "language"),
        mode=_mode(values),
        knowledge=_text(values, "knowledge"),
        background_url=_text(values, "background"),
        minutes=_integer(values, "minutes"),
    )


def set_changes(values: Values) -> ParamChanges | ParseError:
    """`voice_id` and `language` are as typed."""
    voice = voice_params(values)
    if isinstance(voice, ParseError):
        return voice
    if not values:
        return ParseError("Say what to set. For example: set language:fr speed:1.1")
    return ParamChanges(
        voice_id=_text(values, "voice"),
        voice_url=_text(values, "voice_url"),
        language=_text(values, "language"),
        mode=_mode(values),
        background_url=_text(values, "background"),
        voice=voice if voice != VoiceParams() else None,
    )


def act_options(values: Values) -> ActOptions | ParseError:
    if not values:
        return ParseError("Say which gesture or face. For example: act hand_wave happiness")
    return ActOptions(_text(values, "action"), _text(values, "expression"))


def knowledge_options(values: Values) -> KnowledgeOptions | ParseError:
    documents = _texts(values, "documents")
    for url in documents or ():
        if wrong := _document_fault(url):
            return wrong
    changes = KnowledgeOptions(
        knowledge=_text(values, "knowledge") or "",
        name=_text(values, "name"),
        prompt=_text(values, "prompt"),
        prologue=_text(values, "prologue"),
        documents=documents,
        links=_texts(values, "links"),
    )
    if changes == KnowledgeOptions(knowledge=changes.knowledge):
        return ParseError("Say what to change: name, prompt, prologue, documents or links.")
    return changes


def defaults_changes(values: Values) -> DefaultsChanges | ParseError:
    """For `defaults set`, `defaults voice`, `defaults elevenlabs` and `defaults access`."""
    voice = voice_params(values)
    if isinstance(voice, ParseError):
        return voice
    if not values:
        return ParseError("Say what to change. For example: defaults set avatar:Alex mode:dialogue")
    names, who = values.get("names"), _who(_text(values, "who"))
    if isinstance(who, ParseError):
        return who
    return DefaultsChanges(
        start=start_options(values),
        listening=_text(values, "listening"),
        names=None if names is None else names == "on",
        greeting=_text(values, "greeting"),
        prompt=_text(values, "prompt"),
        voice=voice if voice != VoiceParams() else None,
        who=who,
    )


def voice_params(values: Values) -> VoiceParams | ParseError:
    """The voice parameters among the values; what was not given is None, or an empty mapping."""
    pronunciation = _pronunciation(_text(values, "pronunciation"))
    if isinstance(pronunciation, ParseError):
        return pronunciation
    turn_detection = _turn_detection(values)
    if isinstance(turn_detection, ParseError):
        return turn_detection
    return VoiceParams(
        speed=_number(values, "speed"),
        pronunciation=pronunciation,
        stt_language=_text(values, "stt_language"),
        stt_type=_text(values, "stt_type"),
        turn_detection=turn_detection,
        elevenlabs=_elevenlabs(values),
    )


def merged(old: VoiceParams, new: VoiceParams) -> VoiceParams:
    """What was given now over what was there."""
    turn = new.turn_detection
    if turn and old.turn_detection and old.turn_detection.type == turn.type:
        turn = TurnDetection(**{f.name: _newer(turn, old.turn_detection, f.name) for f in fields(TurnDetection)})
    return VoiceParams(
        speed=_newer(new, old, "speed"),
        pronunciation={**old.pronunciation, **new.pronunciation},
        stt_language=_newer(new, old, "stt_language"),
        stt_type=_newer(new, old, "stt_type"),
        turn_detection=turn or old.turn_detection,
        elevenlabs=_newer(new, old, "elevenlabs"),
    )


def _newer(new: object, old: object, name: str) -> Any:
    given = getattr(new, name)
    return getattr(old, name) if given is None else given


def _pronunciation(text: str | None) -> Mapping[str, str] | ParseError:
    pairs = [pair.partition("=") for pair in _PAIRS.split(text or "") if pair.strip()]
    for word, _, sound in pairs:
        if not word.strip() or not sound.strip():
            return ParseError(f"“pronunciation” must be like Ana=ah na, SQL=sequel, not {shown(text or '')}.")
    return {word.strip(): sound.strip() for word, _, sound in pairs}


def _turn_detection(values: Values) -> TurnDetection | ParseError | None:
    kind = _text(values, "turn_detection")
    server_only = [name for name in SERVER_VAD_ONLY if name in values]
    if kind == "semantic_vad" and server_only:
        return ParseError(f"“{server_only[0]}” works only with turn_detection server_vad.")
    if kind is None and not server_only:
        return None
    return TurnDetection(
        type=kind or "server_vad",
        threshold=_number(values, "threshold"),
        prefix_padding_ms=_integer(values, "prefix_ms"),
        silence_duration_ms=_integer(values, "silence_ms"),
    )


def _elevenlabs(values: Values) -> ElevenLabs | None:
    key, boost = _text(values, "api_key"), values.get("speaker_boost")
    if key is None:
        return None
    return ElevenLabs(
        api_key=key,
        model_id=_text(values, "model"),
        stability=_number(values, "stability"),
        similarity_boost=_number(values, "similarity_boost"),
        style=_number(values, "style"),
        use_speaker_boost=None if boost is None else boost == "on",
    )


def _document_fault(url: str) -> ParseError | None:
    """Only a last path segment with an ending tells its format; whatever has none is left for the provider to judge."""
    file = url.partition("?")[0].partition("#")[0].partition("://")[2].partition("/")[2].rpartition("/")[2]
    ending = file.rpartition(".")[2].casefold() if "." in file else ""
    if not ending or ending in DOCUMENT_FORMATS:
        return None
    return ParseError(f"“documents” can be {', '.join(DOCUMENT_FORMATS)}, not {shown(ending)}.")


def _who(text: str | None) -> tuple[str, ...] | ParseError | None:
    names = tuple(filter(None, (_AND.sub("", found).strip() for found in _WHO.findall(text or ""))))
    if [name.casefold().removeprefix("@") for name in names] in (["everybody"], ["everyone"], ["all"]):
        return ()
    if text is not None and not names:
        return ParseError("“who” must name people or groups, or everybody.")
    return names or None


def _mode(values: Values) -> Mode | None:
    mode = _text(values, "mode")
    return None if mode is None else _MODES[mode]


def _text(values: Values, name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) else None


def _integer(values: Values, name: str) -> int | None:
    value = values.get(name)
    return value if isinstance(value, int) else None


def _number(values: Values, name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else None


def _texts(values: Values, name: str) -> tuple[str, ...] | None:
    value: Value | None = values.get(name)
    return value if isinstance(value, tuple) else None


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """Empty text and None mean "as usual". `listening` is `thread`, `channel` or `mention`; `allow` says who may start; `words` are
    those that avatars here neither say nor are asked.
    """

    avatar: str = ""
    voice: str = ""
    voice_url: str = ""
    language: str = ""
    mode: Mode | None = None
    knowledge: str = ""
    background: str = ""
    minutes: int | None = None
    listening: str = "thread"
    names: bool = True
    prompt: str = ""
    greeting: str = ""
    voice_params: VoiceParams = field(default_factory=VoiceParams)
    allow: AllowList = field(default_factory=AllowList)
    words: tuple[str, ...] = ()
