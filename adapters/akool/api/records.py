"""What AKOOL's replies hold, read leniently: its documents contradict each other, and its service contradicts both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from adapters.akool.api.replies import nonsense

T = TypeVar("T")

log = structlog.get_logger(__name__)

OFFICIAL = 2  # `from` of an avatar; 3 and 4 are users'
VOICE_READY = 3


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
