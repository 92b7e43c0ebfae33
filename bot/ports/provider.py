"""Who hosts avatars, and what it offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from bot.domain.sessions import SessionSpec
from bot.ports.avatar import Avatar
from bot.ports.room import RoomCredentials


class ProviderState(IntEnum):
    """AKOOL's `status` of a session."""

    QUEUEING = 1
    LIVE = 2
    OVER = 3
    FAILED = 4


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
    QUEUEING = 1
    PROCESSING = 2
    READY = 3
    FAILED = 4


@dataclass(frozen=True, slots=True)
class Upload:
    """A streaming avatar being made from a video. `avatar_id` is ours, `record_id` AKOOL's."""

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


class AvatarProvider(Protocol):
    """Who hosts avatars. Every call may raise `ProviderError`; reads are retried inside, what has an effect is not."""

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

    async def avatars(self) -> Sequence[AvatarInfo]: ...

    async def avatar_info(self, avatar_id: str) -> AvatarInfo: ...

    async def voices(self) -> Sequence[VoiceInfo]: ...

    async def languages(self) -> Sequence[LanguageInfo]: ...

    async def credit(self) -> float: ...

    async def upload(self, url: str, avatar_id: str, name: str) -> Upload: ...

    async def upload_state(self, upload: Upload) -> Upload: ...

    async def knowledge_bases(self) -> Sequence[Knowledge]: ...

    async def knowledge(self, knowledge_id: str) -> Knowledge: ...

    async def create_knowledge(self, knowledge: Knowledge) -> Knowledge: ...

    async def update_knowledge(self, knowledge: Knowledge) -> Knowledge: ...

    async def delete_knowledge(self, knowledge_id: str) -> None: ...

    async def aclose(self) -> None: ...
