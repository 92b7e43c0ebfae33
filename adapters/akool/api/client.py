"""AKOOL's REST API for live avatars, each endpoint one method. https://docs.akool.com/ai-tools-suite/live-avatar"""

from collections.abc import Callable
from typing import Any, Self, TypeVar

import httpx
from pydantic import SecretStr

from adapters.akool.api.authentication import ApiKey
from adapters.akool.api.bodies import knowledge_body, session_body, upload_body
from adapters.akool.api.calls import CONNECT_S, CREATE_S, READ_S, ApiCalls
from adapters.akool.api.records import (
    AvatarRecord,
    CreditRecord,
    KnowledgeRecord,
    LanguageRecord,
    LiveSessionRecord,
    Page,
    VoiceRecord,
    one,
    page,
)
from adapters.akool.codes import NOT_RUNNING
from adapters.bounded import PLAIN, at_most
from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.provider import Knowledge
from bot.ports.room import RoomCredentials
from bot.telemetry import Metrics

T = TypeVar("T")

V3 = "/api/open/v3"
LIVE = "/api/open/v4/liveAvatar"
KNOWLEDGE = "/api/open/v4/knowledge"

PAGE_SIZE = 100  # AKOOL's most, and its default for avatars and sessions
PAGES_AT_MOST = 50

OWN_VOICES = 1
AKOOL_VOICES = 2
STREAMABLE = 1

LONGEST_BYTES = 8 * 1024 * 1024
"""Of one answer; a page of a hundred voices takes a hundredth of it."""


class AkoolApi:
    """Typed calls. Every one may raise `ProviderError`; lists are read to their end, at most 5,000 long."""

    def __init__(self, calls: ApiCalls, signed: "Callable[[httpx.Auth], AkoolApi] | None" = None) -> None:
        self._calls = calls
        self._signed = signed

    def with_key(self, key: str) -> "AkoolApi":
        """The same API on another account, to be closed. Raises `ProviderError` for what cannot be a key."""
        if self._signed is None or not (key.isascii() and key.isprintable() and key):
            raise ProviderError("That holds characters that no key has. Copy it again.", verdict=Verdict.FIX_INPUT)
        return self._signed(ApiKey(SecretStr(key)))

    @classmethod
    def at(
        cls,
        base_url: str,
        auth: httpx.Auth,
        transport: httpx.AsyncBaseTransport | None = None,
        metrics: Metrics | None = None,
    ) -> Self:
        """The API at `base_url`, to be closed."""
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        http = httpx.AsyncClient(
            base_url=base_url,
            auth=auth,
            timeout=timeout,
            transport=transport,
            headers=PLAIN,
            event_hooks=at_most(LONGEST_BYTES),
        )
        return cls(ApiCalls(http, metrics), lambda other: cls.at(base_url, other, transport, metrics))

    async def aclose(self) -> None:
        await self._calls.aclose()

    # ------------------------------------------------------------ sessions

    async def create_session(
        self, spec: SessionSpec, duration_s: int, avatar_credentials: RoomCredentials | None = None
    ) -> LiveSessionRecord:
        """Create a session and pay for `duration_s` (at most 3,600) in advance. Never retried."""
        body = session_body(spec, duration_s, avatar_credentials)
        content = await self._calls.once("POST", f"{LIVE}/session/create", body, within=CREATE_S)
        return one(LiveSessionRecord, content, certain=False)

    async def session(self, session_id: str) -> LiveSessionRecord:
        return one(LiveSessionRecord, await self._calls.read(f"{LIVE}/session/detail", id=session_id))

    async def close_session(self, session_id: str) -> None:
        """Close a session; one that is closed or unknown is fine."""
        try:
            await self._calls.repeatable(f"{LIVE}/session/close", {"id": session_id})
        except ProviderError as error:
            if error.code not in NOT_RUNNING:
                raise

    async def sessions(self, status: int) -> list[LiveSessionRecord]:
        return await self._all(LiveSessionRecord, lambda row: row.id, f"{LIVE}/session/list", status=status)

    # ------------------------------------------------------------ avatars

    async def avatars(self, platform: str = "open") -> list[AvatarRecord]:
        """Avatars that can be streamed: `open`, or `aigc` for those of AKOOL's web app."""
        return await self._all(AvatarRecord, lambda row: row.avatar_id, f"{LIVE}/avatar/list", platform=platform)

    async def avatar(self, avatar_id: str) -> AvatarRecord:
        return one(AvatarRecord, await self._calls.read(f"{LIVE}/avatar/detail", avatar_id=avatar_id))

    async def upload_avatar(self, url: str, avatar_id: str, name: str) -> AvatarRecord:
        """Make a streaming avatar of about a minute of video. `avatar_id` is ours to choose. Never retried."""
        content = await self._calls.once("POST", f"{V3}/avatar/create", upload_body(url, avatar_id, name))
        return one(AvatarRecord, content, certain=False)

    async def uploaded_avatar(self, record_id: str) -> AvatarRecord:
        """An upload, by AKOOL's `_id`: the one detail that is documented to carry `status`."""
        return one(AvatarRecord, await self._calls.read(f"{V3}/avatar/detail", id=record_id))

    # ------------------------------------------------------------ voices, languages, credit

    async def own_voices(self) -> list[VoiceRecord]:
        return await self._voices(OWN_VOICES)

    async def akool_voices(self) -> list[VoiceRecord]:
        return await self._voices(AKOOL_VOICES)

    async def _voices(self, kind: int) -> list[VoiceRecord]:
        path = "/api/open/v4/voice/list"
        return await self._all(VoiceRecord, lambda row: row.voice_id, path, type=kind, support_stream=STREAMABLE)

    async def languages(self) -> list[LanguageRecord]:
        return list(page(LanguageRecord, await self._calls.read(f"{V3}/language/list")).rows)

    async def credit(self) -> float:
        return one(CreditRecord, await self._calls.read(f"{V3}/faceswap/quota/info")).credit

    # ------------------------------------------------------------ knowledge

    async def knowledge_bases(self) -> list[KnowledgeRecord]:
        return await self._all(KnowledgeRecord, lambda row: row.id, f"{KNOWLEDGE}/list")

    async def knowledge(self, knowledge_id: str) -> KnowledgeRecord:
        return one(KnowledgeRecord, await self._calls.read(f"{KNOWLEDGE}/detail", id=knowledge_id))

    async def create_knowledge(self, knowledge: Knowledge) -> KnowledgeRecord:
        content = await self._calls.once("POST", f"{KNOWLEDGE}/create", knowledge_body(knowledge))
        return one(KnowledgeRecord, content, certain=False)

    async def update_knowledge(self, knowledge: Knowledge) -> None:
        await self._calls.once("POST", f"{KNOWLEDGE}/update", knowledge_body(knowledge))

    async def delete_knowledge(self, knowledge_id: str) -> None:
        await self._calls.once("DELETE", f"{KNOWLEDGE}/delete", {"id": knowledge_id})

    # ------------------------------------------------------------ lists

    async def _all(self, of: type[T], key: Callable[[T], str], path: str, **query: str | int) -> list[T]:
        """Every row, page by page, each key once: a list that ignores `page` brings nothing new and so ends."""
        rows: dict[str, T] = {}
        for number in range(1, PAGES_AT_MOST + 1):
            here = await self._page(of, path, number, query)
            known = len(rows)
            rows.update((key(row), row) for row in here.rows if key(row))
            if len(rows) == known or (here.count is not None and len(rows) >= here.count):
                break
        return list(rows.values())

    async def _page(self, of: type[T], path: str, number: int, query: dict[str, Any]) -> Page[T]:
        return page(of, await self._calls.read(path, page=number, size=PAGE_SIZE, **query))
