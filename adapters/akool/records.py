"""What goes to AKOOL's REST API and what comes back, in its own names.

It answers with an envelope, `{"code", "msg", "data"}`, with success in `code` and nowhere else. What that holds is read leniently: its
documents contradict each other, and its service contradicts both. In a body what was not asked for is left out, except `mode_type`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx
import msgspec
import structlog

from adapters.akool.codes import OK, TOKEN_REFUSED, TOO_OFTEN, Passing, refusal
from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import ElevenLabs, SessionSpec, TurnDetection, VoiceParams
from bot.domain.text import read_json
from bot.ports.provider import Knowledge
from bot.ports.room import RoomCredentials

NO_PERMISSION = 1009
SAID_LIMIT = 200  # characters of AKOOL's own words that a log gets

T = TypeVar("T")

log = structlog.get_logger(__name__)

OFFICIAL = 2  # `from` of an avatar; 3 and 4 are users'
VOICE_READY = 3

STREAMING = 2  # `type` of an avatar
DIRECT_LINK = 1
VIDEO_PAGE = 2

VIDEO_PAGES = ("youtube.com", "youtu.be", "tiktok.com", "x.com", "twitter.com", "drive.google.com")
"""Sites whose pages, not files, AKOOL can take a video from."""

AVATAR_ID = re.compile(r"[a-zA-Z0-9]+")
"""Of an upload, where we choose it. AKOOL's own ids break it."""


class ApiReply(msgspec.Struct, frozen=True):
    """`token` stands at the top level in getToken's reply, and nowhere else."""

    code: int
    msg: Any = ""
    data: Any = None
    token: str = ""


def envelope(response: httpx.Response) -> ApiReply | None:
    """The reply in `response`, whatever its HTTP status, or None when it is not AKOOL's envelope."""
    try:
        return msgspec.convert(without_nulls(_decoded(response.content)), ApiReply, strict=False)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _decoded(content: bytes) -> Any:
    """JSON, also where a text in it was cut in the middle of an emoji: that must not cost what stands beside it. Raises `ValueError`."""
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError:
        return read_json(content)


def success(response: httpx.Response, *, harmless: bool = True) -> ApiReply:
    """The reply, if it says that the call succeeded. Otherwise raises `ProviderError`.

    Where the call is not `harmless`, a server's own failure leaves open whether it had its effect.
    """
    reply = envelope(response)
    certain = harmless or 400 <= response.status_code < 500
    if reply is None or (reply.code == OK and response.is_error):
        raise _not_an_envelope(response, certain=certain)
    if reply.code != OK:
        raise refusal(reply.code, str(reply.msg)[:SAID_LIMIT], certain=harmless or not response.is_server_error)
    return reply


def token_of(response: httpx.Response) -> str:
    """The token in getToken's reply: at the top level by AKOOL's example, under `data` by its best-practice page."""
    reply = success(response)
    token = reply.token or (reply.data.get("token") if isinstance(reply.data, dict) else None)
    if not isinstance(token, str) or not token:
        raise nonsense("getToken gave no token")
    return token


def refuses_token(response: httpx.Response) -> bool:
    """Whether AKOOL wants another token."""
    reply = envelope(response)
    return response.status_code == 401 if reply is None else reply.code == TOKEN_REFUSED


def nonsense(detail: str, *, certain: bool = True) -> ProviderError:
    return ProviderError(
        "AKOOL answered nonsense. Try again in a minute.", detail, verdict=Verdict.RETRY_LATER, certain=certain
    )


def without_nulls(value: Any) -> Any:
    """`value` without the fields that are null: AKOOL sends null and leaves out alike."""
    if isinstance(value, dict):
        return {name: without_nulls(field) for name, field in value.items() if field is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value


# Which HTTP status AKOOL's gateways use is not documented; these say the same as a code.
_CODE_BY_STATUS = {401: TOKEN_REFUSED, 403: NO_PERMISSION, 429: TOO_OFTEN}


def _not_an_envelope(response: httpx.Response, *, certain: bool) -> ProviderError:
    kind = response.headers.get("content-type", "no content type")
    seen = f"HTTP {response.status_code}, {kind}, {len(response.content)} bytes"
    if code := _CODE_BY_STATUS.get(response.status_code):
        return refusal(code, seen)
    if response.is_server_error:
        sentence = "AKOOL is down at the moment. Try again in a minute."
        return Passing(sentence, seen, verdict=Verdict.RETRY_LATER, certain=certain)
    return nonsense(f"not AKOOL's envelope: {seen}", certain=certain)


# ---------------------------------------------------------------- records


class AvatarRecord(msgspec.Struct, frozen=True, rename={"id": "_id", "source": "from", "picture": "thumbnailUrl"}):
    """An avatar as listed, detailed or just uploaded. `status` is documented for uploads only."""

    id: str = ""
    avatar_id: str = ""
    name: str = ""
    source: int = OFFICIAL
    status: int | None = None
    voice_id: str | None = None
    url: str = ""
    picture: str = ""
    gender: str = ""
    available: bool | None = None


class CredentialsRecord(msgspec.Struct, frozen=True):
    """A connection in an Agora room; the token comes from `create` alone."""

    agora_uid: int | str = ""
    agora_app_id: str = ""
    agora_channel: str = ""
    agora_token: str = ""

    def __repr__(self) -> str:
        return f"CredentialsRecord(channel={self.agora_channel!r}, uid={self.agora_uid!r})"


class LiveSessionRecord(msgspec.Struct, frozen=True, rename={"id": "_id"}):
    id: str
    status: int | None = None
    credentials: CredentialsRecord = CredentialsRecord()


class VoiceRecord(msgspec.Struct, frozen=True):
    voice_id: str
    name: str = ""
    language: str = ""
    locale: str = ""
    gender: str = ""
    preview: str = ""
    status: int = VOICE_READY
    support_stream: bool = True


class LanguageRecord(msgspec.Struct, frozen=True):
    lang_code: str
    lang_name: str = ""
    url: str = ""


class DocumentRecord(msgspec.Struct, frozen=True):
    name: str = ""
    url: str = ""
    size: int = 0


class KnowledgeRecord(msgspec.Struct, frozen=True, rename={"id": "_id"}):
    id: str
    name: str = ""
    prologue: str = ""
    prompt: str = ""
    docs: tuple[DocumentRecord, ...] = ()
    urls: tuple[str, ...] = ()


class CreditRecord(msgspec.Struct, frozen=True):
    credit: float


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `count` is the length of the whole, where AKOOL says it."""

    rows: Sequence[T]
    count: int | None = None


def one(of: type[T], content: Any, *, certain: bool = True) -> T:
    """The one record in `data`, which some pages of AKOOL's documents wrap in a list. Raises `ProviderError`."""
    record = content[0] if isinstance(content, list) and content else content
    try:
        return msgspec.convert(record, of, strict=False)
    except msgspec.ValidationError as wrong:
        raise nonsense(f"{of.__name__}: {wrong}", certain=certain) from wrong


_LIST_NAMES = ("result", "knowledge_list", "lang_list", "list")


def page(of: type[T], content: Any) -> Page[T]:
    """The records in `data`: a bare list, or a list under one of several names. What cannot be read is left out and logged."""
    if isinstance(content, dict):
        listed: Any = next((content[name] for name in _LIST_NAMES if name in content), [])
        return Page(_readable(of, listed), _count(content.get("count")))
    return Page(_readable(of, [] if content is None else content))


def _readable(of: type[T], listed: Any) -> list[T]:
    if not isinstance(listed, list):
        raise nonsense(f"a list of {of.__name__} is a {type(listed).__name__}")
    records: list[T] = []
    for row in listed:
        try:
            records.append(msgspec.convert(row, of, strict=False))
        except msgspec.ValidationError as wrong:
            log.warning("akool.row_unreadable", kind=of.__name__, why=str(wrong))
    return records


def _count(value: Any) -> int | None:
    try:
        return msgspec.convert(value, int, strict=False)
    except msgspec.ValidationError:
        return None


# ---------------------------------------------------------------- bodies


def session_body(spec: SessionSpec, duration_s: int, avatar_credentials: RoomCredentials | None) -> dict[str, Any]:
    """Of `session/create`; `avatar_credentials` is the avatar's in a room of ours, None for a room of AKOOL's."""
    asked = {
        "knowledge_id": spec.knowledge_id,
        "voice_id": spec.voice_id,
        "voice_url": spec.voice_url,
        "language": spec.language,
        "background_url": spec.background_url,
        "voice_params": _voice_params(spec.voice),
        "credentials": avatar_credentials and _room_credentials(avatar_credentials),
    }
    # Without `mode_type` a live session behaves as dialogue, whatever the documents say.
    always = {"avatar_id": spec.avatar_id, "duration": duration_s, "mode_type": int(spec.mode), "stream_type": "agora"}
    return always | _given(asked)


def upload_body(url: str, avatar_id: str, name: str) -> dict[str, Any]:
    """Of `avatar/create`. Raises `ProviderError` when AKOOL could not use the id."""
    if not AVATAR_ID.fullmatch(avatar_id):
        raise ProviderError("An avatar's id may hold only letters A to Z and digits.", verdict=Verdict.FIX_INPUT)
    return {"url": url, "avatar_id": avatar_id, "name": name, "type": STREAMING, "url_from": url_source(url)}


def url_source(url: str) -> int:
    """AKOOL's `url_from`: whether `url` is a video, or a page that shows one. Raises `ProviderError` when it is neither."""
    try:
        host = httpx.URL(url).host
    except httpx.InvalidURL as error:
        raise ProviderError("This is not a web address.", str(error), verdict=Verdict.FIX_INPUT) from error
    return VIDEO_PAGE if any(host == site or host.endswith(f".{site}") for site in VIDEO_PAGES) else DIRECT_LINK


def knowledge_body(knowledge: Knowledge) -> dict[str, Any]:
    """Of `knowledge/create`, or with an `id` of `knowledge/update`, where empty fields are sent because they clear."""
    content = {
        "name": knowledge.name,
        "prologue": knowledge.prologue,
        "prompt": knowledge.prompt,
        "docs": [{"name": doc.name, "url": doc.url, "size": doc.size} for doc in knowledge.documents],
        "urls": list(knowledge.links),
    }
    if knowledge.id:
        return {"id": knowledge.id} | content
    return {name: value for name, value in content.items() if value}


def _room_credentials(credentials: RoomCredentials) -> dict[str, Any]:
    return {
        "agora_uid": int(credentials.uid),
        "agora_app_id": credentials.app_id,
        "agora_channel": credentials.channel,
        "agora_token": credentials.token,
    }


def _voice_params(voice: VoiceParams) -> dict[str, Any] | None:
    asked = {
        "speed": voice.speed,
        "pron_map": dict(voice.pronunciation) or None,
        "stt_language": voice.stt_language,
        "stt_type": voice.stt_type,
        "turn_detection": voice.turn_detection and _turn_detection(voice.turn_detection),
        "elevenlabs_settings": voice.elevenlabs and _elevenlabs(voice.elevenlabs),
    }
    return _given(asked) or None


def _turn_detection(turn: TurnDetection) -> dict[str, Any]:
    if turn.type != "server_vad":  # the other fields belong to it alone
        return {"type": turn.type}
    asked = {
        "threshold": turn.threshold,
        "prefix_padding_ms": turn.prefix_padding_ms,
        "silence_duration_ms": turn.silence_duration_ms,
    }
    return {"type": turn.type} | _given(asked)


def _elevenlabs(settings: ElevenLabs) -> dict[str, Any]:
    asked = {
        "model_id": settings.model_id,
        "stability": settings.stability,
        "similarity_boost": settings.similarity_boost,
        "style": settings.style,
        "use_speaker_boost": settings.use_speaker_boost,
    }
    return {"api_key": settings.api_key} | _given(asked)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
