"""A provider of avatars in memory: an account with credit, a catalogue, and sessions that cost money."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bot.clock import Clock
from bot.domain.errors import ProviderError, RoomError, Verdict
from bot.domain.sessions import Mode, SessionSpec
from bot.ports.provider import (
    AvatarInfo,
    Capabilities,
    Knowledge,
    KnowledgeLimits,
    LanguageInfo,
    ProviderLimits,
    ProviderSession,
    ProviderSessionInfo,
    ProviderState,
    Upload,
    UploadLimits,
    UploadState,
    VoiceInfo,
)
from bot.ports.room import LossReason, RoomCredentials
from bot.testing.avatar import AvatarBehavior, FakeAvatar
from bot.testing.scripted_calls import ScriptedCalls

AVATARS = (
    AvatarInfo("alma-1", "Alma", gender="female", voice_id="voice-1"),
    AvatarInfo("kofi-1", "Kofi", gender="male", voice_id="voice-2"),
    AvatarInfo("noa-1", "Noa", official=False),
)
VOICES = (VoiceInfo("voice-1", "Alma, warm", "English"), VoiceInfo("voice-2", "Kofi, bright", "English"))
LANGUAGES = (LanguageInfo("en", "English"), LanguageInfo("fr", "French"))

LONGEST_S = 3_600
TAG_LIMIT = 64
"""Characters of a tag, as the port promises them."""

CREDITS_PER_MINUTE = 6.0
TOKEN_LIFE = timedelta(minutes=5)


@dataclass(slots=True)
class FakeProviderSession:
    """A session as the provider keeps it. `price` was paid in advance; what it did not use is given back when it is closed."""

    session: ProviderSession
    spec: SessionSpec
    duration_s: int
    price: float
    created_at: datetime
    avatars: list[FakeAvatar] = field(default_factory=list)
    state: ProviderState = ProviderState.LIVE

    @property
    def open(self) -> bool:
        return self.state is ProviderState.LIVE

    @property
    def given(self) -> list[str]:
        """Everything that its avatar was given, in order."""
        return [given.text for avatar in self.avatars for given in avatar.given]


class FakeAvatarProvider(ScriptedCalls):
    """An `AvatarProvider`. `hosted` has every session that was created, oldest first.

    It refuses what a provider refuses, with the verdict that leads the person on: an avatar that it does not have, a duration of
    no second or of more than an hour, one session more than `concurrency`, more than `credit` pays for. A refusal costs nothing.
    A session ends when it is closed or when its time is up, and throws out whoever is in its room.
    """

    name = "FakeAvatars"
    limits = ProviderLimits(LONGEST_S)
    upload_limits = UploadLimits(video_bytes=300 * 1024**2, kept_days=7, wants="about a minute of one person")
    knowledge_limits = KnowledgeLimits(document_bytes=100 * 1024**2, documents_bytes=500 * 1024**2)

    def __init__(
        self,
        clock: Clock,
        behavior: AvatarBehavior = AvatarBehavior(),  # noqa: B008 - frozen
        *,
        concurrency: int = 5,
        credit: float = 6_000.0,
        upload_s: float = 6.0,
    ) -> None:
        super().__init__()
        self.behavior = behavior
        self.concurrency = concurrency
        self.left = credit
        self.accounts: dict[str, FakeAvatarProvider] = {}
        """Other accounts at this provider, by their keys."""
        self.revoked = False
        """Whether the key of this account is refused from now on."""
        self.hosted: list[FakeProviderSession] = []
        self.catalog: dict[str, AvatarInfo] = {info.id: info for info in AVATARS}
        self.bases: dict[str, Knowledge] = {}
        self._clock = clock
        self._takes = timedelta(seconds=upload_s)
        self._uploads: dict[str, tuple[Upload, datetime]] = {}
        self._ids = itertools.count(1)
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            avatars=self,
            voices=self,
            languages=self,
            knowledge=self,
            uploads=self,
            credit=self,
            parameters=FakeAvatar,
            gestures=FakeAvatar,
            accounts=self,
            dialogue=True,
        )

    def with_key(self, key: str) -> "FakeAvatarProvider":
        if key in self.accounts:
            return self.accounts[key]
        nobody = FakeAvatarProvider(self._clock)
        nobody.revoked = True
        return nobody

    @contextlib.asynccontextmanager
    async def called(self, method: str, *args: object) -> AsyncIterator[None]:
        if self.revoked:
            raise _refused("The provider does not accept this key. Ask whoever runs this bot.", Verdict.FIX_SETTINGS)
        async with super().called(method, *args):
            yield

    # ------------------------------------------------ sessions

    async def create(self, spec: SessionSpec, duration_s: int, tag: str) -> ProviderSession:
        async with self.called("create", spec, duration_s, tag):
            if len(tag) > TAG_LIMIT:
                raise ValueError(f"a tag of {len(tag)} characters")
            self._check(spec, duration_s)
            price = self._charge(duration_s)
            return self._open(spec, duration_s, price).session

    async def close(self, provider_session_id: str) -> None:
        async with self.called("close", provider_session_id):
            self._end_due()
            if (hosted := self._find(provider_session_id)) and hosted.open:
                self._end(hosted)

    async def state(self, provider_session_id: str) -> ProviderState:
        async with self.called("state", provider_session_id):
            self._end_due()
            hosted = self._find(provider_session_id)
            return hosted.state if hosted else ProviderState.OVER

    async def sessions(self) -> Sequence[ProviderSessionInfo]:
        async with self.called("sessions"):
            self._end_due()
            return [
                ProviderSessionInfo(hosted.session.id, hosted.state, hosted.session.credentials.channel)
                for hosted in self.hosted
                if hosted.open
            ]

    def avatar(self, session: ProviderSession) -> FakeAvatar:
        hosted = self._find(session.id)
        behavior = replace(self.behavior, arrives_after=self._arrives_after(hosted), opening=self._opening(hosted))
        avatar = FakeAvatar(behavior, lambda: self._admit(hosted, avatar, session.credentials.token))
        return avatar

    def _opening(self, hosted: FakeProviderSession | None) -> str:
        """A knowledge base's greeting is said to the first who comes, by an avatar that only repeats."""
        greets = hosted and not hosted.avatars and hosted.spec.mode is Mode.RETELLING
        knowledge = self.bases.get(hosted.spec.knowledge_id or "") if hosted and greets else None
        return knowledge.prologue if knowledge else self.behavior.opening

    def _arrives_after(self, hosted: FakeProviderSession | None) -> float | None:
        if hosted is None or self.behavior.arrives_after is None:
            return self.behavior.arrives_after
        here_since = (self._clock.now() - hosted.created_at).total_seconds()
        return max(0.0, self.behavior.arrives_after - here_since)

    def _admit(self, hosted: FakeProviderSession | None, avatar: FakeAvatar, token: str) -> None:
        """One of us is in a room at a time; a token lets somebody in for five minutes."""
        self._end_due()
        if hosted is None or not hosted.open or token != hosted.session.credentials.token:
            raise RoomError("The room did not let us in.", "no such session, or another token")
        if self._clock.now() >= hosted.created_at + TOKEN_LIFE:
            raise RoomError("The room did not let us in: the token has expired.", "token expired")
        for earlier in hosted.avatars:
            earlier.lose(LossReason.THROWN_OUT, "the same uid joined again")
        hosted.avatars.append(avatar)

    def _check(self, spec: SessionSpec, duration_s: int) -> None:
        self._end_due()
        self._exhibit(spec.avatar_id)
        if not 0 < duration_s <= LONGEST_S:
            raise _refused("The session cannot last so long.", Verdict.FIX_INPUT)
        if spec.knowledge_id is not None and spec.knowledge_id not in self.bases:
            raise _refused("There is no such knowledge base.", Verdict.GONE)
        if sum(hosted.open for hosted in self.hosted) >= self.concurrency:
            raise _refused("The provider is busy. Try again in a minute.", Verdict.RETRY_LATER)

    def _exhibit(self, avatar_id: str) -> AvatarInfo:
        if avatar_id in self.catalog:
            return self.catalog[avatar_id]
        raise _refused("There is no such avatar.", Verdict.GONE)

    def _charge(self, duration_s: float) -> float:
        price = duration_s / 60 * CREDITS_PER_MINUTE
        if price > self.left:
            raise _refused("The account has not enough credit left.", Verdict.PAY)
        self.left -= price
        return price

    def _open(self, spec: SessionSpec, duration_s: int, price: float) -> FakeProviderSession:
        id_ = f"session-{next(self._ids)}"
        session = ProviderSession(id_, RoomCredentials("fake", f"room-{id_}", "1", f"token-{id_}"))
        hosted = FakeProviderSession(session, spec, duration_s, price, self._clock.now())
        self.hosted.append(hosted)
        self._timers[id_] = asyncio.get_running_loop().call_later(duration_s, self._end, hosted)
        return hosted

    def _find(self, id_: str) -> FakeProviderSession | None:
        return next((hosted for hosted in self.hosted if hosted.session.id == id_), None)

    def _end_due(self) -> None:
        now = self._clock.now()
        for hosted in self.hosted:
            if hosted.open and now >= hosted.created_at + timedelta(seconds=hosted.duration_s):
                self._end(hosted)

    def _end(self, hosted: FakeProviderSession) -> None:
        if not hosted.open:
            return
        hosted.state = ProviderState.OVER
        used = (self._clock.now() - hosted.created_at).total_seconds() / hosted.duration_s
        self.left += hosted.price * max(0.0, 1 - used)
        self._timers.pop(hosted.session.id).cancel()
        for avatar in hosted.avatars:
            avatar.lose(LossReason.LOST, "the session is over")

    # ------------------------------------------------ what there is to choose from

    async def avatars(self) -> Sequence[AvatarInfo]:
        async with self.called("avatars"):
            self._finish_uploads()
            return list(self.catalog.values())

    async def avatar_info(self, avatar_id: str) -> AvatarInfo:
        async with self.called("avatar_info", avatar_id):
            self._finish_uploads()
            return self._exhibit(avatar_id)

    async def voices(self) -> Sequence[VoiceInfo]:
        async with self.called("voices"):
            return VOICES

    async def languages(self) -> Sequence[LanguageInfo]:
        async with self.called("languages"):
            return LANGUAGES

    async def credit(self) -> float:
        async with self.called("credit"):
            self._end_due()
            return self.left

    # ------------------------------------------------ uploads

    async def upload(self, url: str, avatar_id: str, name: str) -> Upload:
        async with self.called("upload", url, avatar_id, name):
            if not _is_public(url) or not avatar_id.isalnum():
                raise _refused("A video needs a public link, and an avatar a plain id.", Verdict.FIX_INPUT)
            if avatar_id in self.catalog or avatar_id in self._uploads:
                raise _refused("This avatar exists already.", Verdict.FIX_INPUT)
            upload = Upload(avatar_id, f"record-{avatar_id}", name, UploadState.QUEUEING)
            self._uploads[avatar_id] = upload, self._clock.now()
            return upload

    async def upload_state(self, upload: Upload) -> Upload:
        async with self.called("upload_state", upload):
            if upload.avatar_id not in self._uploads:
                raise _refused("There is no such upload.", Verdict.GONE)
            self._finish_uploads()
            return self._uploads[upload.avatar_id][0]

    def _finish_uploads(self) -> None:
        for id_, (upload, begun_at) in self._uploads.items():
            if upload.state is not UploadState.READY and self._clock.now() >= begun_at + self._takes:
                self._uploads[id_] = replace(upload, state=UploadState.READY), begun_at
                self.catalog[id_] = AvatarInfo(id_, upload.name, official=False)

    # ------------------------------------------------ knowledge

    async def knowledge_bases(self) -> Sequence[Knowledge]:
        async with self.called("knowledge_bases"):
            return list(self.bases.values())

    async def knowledge(self, knowledge_id: str) -> Knowledge:
        async with self.called("knowledge", knowledge_id):
            return self._base(knowledge_id)

    async def create_knowledge(self, knowledge: Knowledge) -> Knowledge:
        async with self.called("create_knowledge", knowledge):
            return self._keep(replace(knowledge, id=f"knowledge-{next(self._ids)}"))

    async def update_knowledge(self, knowledge: Knowledge) -> Knowledge:
        async with self.called("update_knowledge", knowledge):
            self._base(knowledge.id)
            return self._keep(knowledge)

    async def delete_knowledge(self, knowledge_id: str) -> None:
        async with self.called("delete_knowledge", knowledge_id):
            del self.bases[self._base(knowledge_id).id]

    def _base(self, knowledge_id: str) -> Knowledge:
        if knowledge_id in self.bases:
            return self.bases[knowledge_id]
        raise _refused("There is no such knowledge base.", Verdict.GONE)

    def _keep(self, knowledge: Knowledge) -> Knowledge:
        if any(other.name == knowledge.name and other.id != knowledge.id for other in self.bases.values()):
            raise _refused("There is already a knowledge base with this name.", Verdict.FIX_INPUT)
        self.bases[knowledge.id] = knowledge
        return knowledge

    async def aclose(self) -> None:
        for timer in self._timers.values():
            timer.cancel()


def _is_public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port is None
    except ValueError:
        return False


def _refused(sentence: str, verdict: Verdict) -> ProviderError:
    return ProviderError(sentence, verdict=verdict)
