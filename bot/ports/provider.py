"""Who hosts avatars, and what it offers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import Protocol

from bot.domain.provider import Capability, Offer
from bot.domain.sessions import SessionSpec
from bot.ports.avatar import AdjustableAvatar, Avatar, GesturingAvatar
from bot.ports.room import RoomCredentials
from bot.ports.words import LanguageModel


class ProviderState(StrEnum):
    """What becomes of a session at the provider."""

    QUEUEING = "queueing"
    LIVE = "live"
    OVER = "over"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProviderSession:
    """A session at the provider: paid in advance, to be closed."""

    id: str
    credentials: RoomCredentials


@dataclass(frozen=True, slots=True)
class ProviderSessionInfo:
    """A session as the provider lists it. `channel` is its room's name, which carries our session id in a room of our own."""

    id: str
    state: ProviderState
    channel: str = ""


@dataclass(frozen=True, slots=True)
class AvatarInfo:
    id: str
    name: str
    picture: str = ""
    preview: str = ""
    gender: str = ""
    voice_id: str | None = None
    official: bool = True
    available: bool = True


@dataclass(frozen=True, slots=True)
class VoiceInfo:
    id: str
    name: str
    language: str = ""
    gender: str = ""
    preview: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class LanguageInfo:
    code: str
    name: str
    picture: str = ""


class UploadState(IntEnum):
    """How far an avatar is that is made from a video. The numbers stand in the database."""

    QUEUEING = 1
    PROCESSING = 2
    READY = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Upload:
    """A streaming avatar being made from a video. `avatar_id` is ours, `record_id` the provider's."""

    avatar_id: str
    record_id: str
    name: str
    state: UploadState


@dataclass(frozen=True, slots=True)
class Document:
    """A file of a knowledge base, given by URL; `size` in bytes."""

    name: str
    url: str
    size: int


@dataclass(frozen=True, slots=True)
class Knowledge:
    """A knowledge base. `id` is empty before it is created."""

    name: str
    id: str = ""
    prologue: str = ""
    prompt: str = ""
    documents: tuple[Document, ...] = ()
    links: tuple[str, ...] = ()


# ---------------------------------------------------------------- what may be there


class AvatarLists(Protocol):
    """Avatars to choose from."""

    async def avatars(self) -> Sequence[AvatarInfo]: ...

    async def avatar_info(self, avatar_id: str) -> AvatarInfo:
        """One by its id, in a list or not."""
        ...


class VoiceLists(Protocol):
    async def voices(self) -> Sequence[VoiceInfo]: ...


class LanguageLists(Protocol):
    async def languages(self) -> Sequence[LanguageInfo]: ...


class CreditBalance(Protocol):
    async def credit(self) -> float:
        """How much is left in the account."""
        ...


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Bytes that a video may have, days that what was made of it is kept, and what it has to show, to follow “It wants …”."""

    video_bytes: int
    kept_days: int
    wants: str


class Uploads(Protocol):
    """Avatars made from videos."""

    @property
    def upload_limits(self) -> UploadLimits: ...

    async def upload(self, url: str, avatar_id: str, name: str) -> Upload: ...

    async def upload_state(self, upload: Upload) -> Upload: ...


@dataclass(frozen=True, slots=True)
class KnowledgeLimits:
    """Bytes of one document, and of all documents of a knowledge base."""

    document_bytes: int
    documents_bytes: int


class KnowledgeBases(Protocol):
    """What avatars know. Names are unique in an account."""

    @property
    def knowledge_limits(self) -> KnowledgeLimits: ...

    async def knowledge_bases(self) -> Sequence[Knowledge]: ...

    async def knowledge(self, knowledge_id: str) -> Knowledge: ...

    async def create_knowledge(self, knowledge: Knowledge) -> Knowledge: ...

    async def update_knowledge(self, knowledge: Knowledge) -> Knowledge: ...

    async def delete_knowledge(self, knowledge_id: str) -> None: ...


class OwnAccounts(Protocol):
    """Workspaces may bring accounts of their own."""

    def with_key(self, key: str) -> "AvatarProvider":
        """The same provider on the account of this key, to be closed. Raises `ProviderError` for what cannot be a key."""
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can beyond hosting, each None where it cannot: whoever fills one in fulfils all of it.

    `parameters` and `gestures` are the kind of its avatars that take them; `dialogue` says that they answer by themselves.
    """

    avatars: AvatarLists | None = None
    voices: VoiceLists | None = None
    languages: LanguageLists | None = None
    knowledge: KnowledgeBases | None = None
    uploads: Uploads | None = None
    credit: CreditBalance | None = None
    parameters: type[AdjustableAvatar] | None = None
    gestures: type[GesturingAvatar] | None = None
    accounts: OwnAccounts | None = None
    dialogue: bool = False

    @property
    def present(self) -> frozenset[Capability]:
        return frozenset(Capability(field.name) for field in fields(self) if getattr(self, field.name))


@dataclass(frozen=True, slots=True)
class ProviderLimits:
    """The longest that a session can be paid for, in seconds; how many the account has room for at once, None where it names no number;
    and whether a session can be followed by another, or has to end with what was paid.
    """

    longest_s: int
    sessions: int | None = None
    renews: bool = True


# ---------------------------------------------------------------- what always is


class AvatarProvider(Protocol):
    """Who hosts avatars. Every call may raise `ProviderError`; reads are retried inside, what has an effect is not."""

    @property
    def name(self) -> str:
        """What people call it, to begin a sentence."""
        ...

    @property
    def limits(self) -> ProviderLimits: ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def create(self, spec: SessionSpec, duration_s: int, tag: str) -> ProviderSession:
        """Create and pay in advance. Never retried. `tag` is ours and names the room where the room is ours (at most 64 characters)."""
        ...

    async def close(self, provider_session_id: str) -> None:
        """Close and stop paying. Closing what is closed or unknown succeeds."""
        ...

    async def state(self, provider_session_id: str) -> ProviderState: ...

    async def sessions(self) -> Sequence[ProviderSessionInfo]:
        """All sessions of the account that are queueing or live."""
        ...

    def avatar(self, session: ProviderSession) -> Avatar:
        """The avatar of a session, not joined yet."""
        ...

    async def aclose(self) -> None: ...


def offer_of(provider: AvatarProvider, model: LanguageModel | None = None) -> Offer:
    """The provider as commands, help and policy see it, and the answers of the team's own language model where there is one."""
    limits, answers = provider.limits, {Capability.DIALOGUE} if model else set()
    return Offer(provider.name, provider.capabilities.present | answers, limits.longest_s // 60, limits.sessions)
