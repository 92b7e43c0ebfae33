"""AKOOL as the provider of avatars: its records as values of the domain."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType

import structlog

from adapters.akool.avatar import AkoolAvatar
from adapters.akool.client import AkoolApi
from adapters.akool.codes import NOT_RUNNING, TOO_OFTEN
from adapters.akool.records import (
    OFFICIAL,
    VOICE_READY,
    AvatarRecord,
    KnowledgeRecord,
    LiveSessionRecord,
    VoiceRecord,
    nonsense,
)
from bot.domain.errors import ProviderError, RoomError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.avatar import Avatar
from bot.ports.processes import Budgets, CallRate, LocalBudgets
from bot.ports.provider import (
    AvatarInfo,
    Capabilities,
    Document,
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
from bot.ports.room import ConnectRoom, OwnRoom, RoomCredentials
from bot.telemetry import Metrics

log = structlog.get_logger(__name__)

CREATES = CallRate(interval=1 / 50, burst=50)
"""Sessions that are created: AKOOL does not say how many it takes, so this is only to be no flood."""

TOO_OFTEN_S = 5.0
"""Seconds without a new session after AKOOL said that it is asked too often."""

WEB_APP = "aigc"
"""AKOOL's name for the list of its web app's avatars."""

STATES: Mapping[int, ProviderState] = MappingProxyType(
    {1: ProviderState.QUEUEING, 2: ProviderState.LIVE, 3: ProviderState.OVER, 4: ProviderState.FAILED}
)
"""AKOOL's `status` of a session."""

UPLOAD_STATES: Mapping[int, UploadState] = MappingProxyType(
    {1: UploadState.QUEUEING, 2: UploadState.PROCESSING, 3: UploadState.READY, 4: UploadState.FAILED}
)
"""AKOOL's `status` of an avatar that is made from a video."""

QUEUEING, LIVE = 1, 2


_WEB = re.compile(r"https?://[^\s\x00-\x1f\x7f]{1,2000}", re.IGNORECASE)


class AkoolProvider:
    """An `AvatarProvider` on AKOOL's API.

    The avatar comes to a room of ours where there is an `own_room`, and otherwise to one that AKOOL opens, with a single
    credentials for us. A session that AKOOL no longer knows counts as over. `ready` is asked before anything is paid for and raises
    `RoomError` when no room can be joined.
    """

    name = "AKOOL"
    limits = ProviderLimits(longest_s=3_600)
    # Bytes as AKOOL documents them with its code 1207, and with its knowledge bases.
    upload_limits = UploadLimits(
        video_bytes=314_572_800, kept_days=7, wants="about a minute of one person who hardly turns"
    )
    knowledge_limits = KnowledgeLimits(document_bytes=104_857_600, documents_bytes=524_288_000)

    def __init__(
        self,
        api: AkoolApi,
        connect: ConnectRoom,
        own_room: OwnRoom | None = None,
        metrics: Metrics | None = None,
        ready: Callable[[], None] | None = None,
        *,
        budgets: Budgets | None = None,
        account: str = "",
    ) -> None:
        self._budgets = budgets or LocalBudgets()
        self._creates = self._budgets.of("akool:create", CREATES, account)
        self._ready = ready
        self._metrics = metrics
        self._api = api
        self._connect = connect
        self._own_room = own_room

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            avatars=self,
            voices=self,
            languages=self,
            knowledge=self,
            uploads=self,
            credit=self,
            parameters=AkoolAvatar,
            gestures=AkoolAvatar,
            accounts=self,
            dialogue=True,
        )

    async def aclose(self) -> None:
        await self._api.aclose()

    def with_key(self, key: str) -> "AkoolProvider":
        """In rooms that AKOOL opens: those of our own Agora project are for the operator's account."""
        account, api = sha256(key.encode()).hexdigest()[:16], self._api.with_key(key)
        return AkoolProvider(
            api, self._connect, None, self._metrics, self._ready, budgets=self._budgets, account=account
        )

    # ------------------------------------------------------------ sessions

    async def create(self, spec: SessionSpec, duration_s: int, tag: str) -> ProviderSession:
        self._rooms_ready()
        if self._own_room is None:
            session = await self._created(spec, duration_s)
            return ProviderSession(session.id, await self._credentials_in(session))
        avatar_credentials, our_credentials = self._own_room.credentials(tag)
        session = await self._created(spec, duration_s, avatar_credentials)
        return ProviderSession(session.id, our_credentials)

    async def _created(
        self, spec: SessionSpec, duration_s: int, avatar_credentials: RoomCredentials | None = None
    ) -> LiveSessionRecord:
        """In its turn among all processes of the account."""
        await self._creates.turn()
        try:
            return await self._api.create_session(spec, duration_s, avatar_credentials)
        except ProviderError as error:
            if error.code == TOO_OFTEN:
                await self._creates.pause(TOO_OFTEN_S)
            raise

    def _rooms_ready(self) -> None:
        """A room that we could not sit in must not be paid for."""
        try:
            if self._ready:
                self._ready()
        except RoomError as error:
            raise ProviderError(error.sentence, error.detail, verdict=Verdict.FIX_SETTINGS) from error

    async def _credentials_in(self, session: LiveSessionRecord) -> RoomCredentials:
        given = session.credentials
        if given.agora_app_id and given.agora_channel and given.agora_uid != "":
            return RoomCredentials(given.agora_app_id, given.agora_channel, str(given.agora_uid), given.agora_token)
        lost = f"session {session.id} came without a room"
        try:
            await self._api.close_session(session.id)  # it is paid for, and nobody can join it
        except ProviderError as error:
            raise nonsense(f"{lost}, and was not closed: {error.detail}", certain=False) from error
        raise nonsense(lost)

    async def close(self, provider_session_id: str) -> None:
        await self._api.close_session(provider_session_id)

    async def state(self, provider_session_id: str) -> ProviderState:
        try:
            session = await self._api.session(provider_session_id)
        except ProviderError as error:
            if error.code in NOT_RUNNING:
                return ProviderState.OVER
            raise
        return _state(session.status)

    async def sessions(self) -> Sequence[ProviderSessionInfo]:
        found: dict[str, ProviderSessionInfo] = {}
        for asked in (QUEUEING, LIVE):  # in this order, so that one on its way is not missed
            for session in await self._api.sessions(asked):
                state = _state(asked if session.status is None else session.status)
                found[session.id] = ProviderSessionInfo(session.id, state, session.credentials.agora_channel)
        return [info for info in found.values() if info.state in {ProviderState.QUEUEING, ProviderState.LIVE}]

    def avatar(self, session: ProviderSession) -> Avatar:
        ours = session.credentials
        return AkoolAvatar(
            self._connect(ours), own_uid=ours.uid, avatar_uid=self._avatar_uid(ours), metrics=self._metrics
        )

    def _avatar_uid(self, ours: RoomCredentials) -> str | None:
        """The avatar's uid where it sits in a room of ours; AKOOL does not say which it uses in its own."""
        if self._own_room is None:
            return None
        avatar_credentials, _ = self._own_room.credentials(ours.channel)
        return avatar_credentials.uid if avatar_credentials.app_id == ours.app_id else None

    # ------------------------------------------------------------ what there is to choose from

    async def avatars(self) -> Sequence[AvatarInfo]:
        """Those of the API, then those of AKOOL's web app, which sessions take too."""
        listed = {record.avatar_id: record for record in await self._api.avatars()}
        for record in await self._web_avatars():
            listed.setdefault(record.avatar_id, record)
        return [_avatar_info(record) for record in listed.values()]

    async def _web_avatars(self) -> Sequence[AvatarRecord]:
        """None where AKOOL does not list them: the others are enough to go on with."""
        try:
            return await self._api.avatars(WEB_APP)
        except ProviderError as error:
            log.info("the avatars of the web app are not listed", reason=error.detail)
            return ()

    async def avatar_info(self, avatar_id: str) -> AvatarInfo:
        return replace(_avatar_info(await self._api.avatar(avatar_id)), id=avatar_id)

    async def voices(self) -> Sequence[VoiceInfo]:
        own, akools = await self._api.own_voices(), await self._api.akool_voices()
        return [
            *(_voice_info(record, own=True) for record in own if _usable(record)),
            *(_voice_info(record, own=False) for record in akools if _usable(record)),
        ]

    async def languages(self) -> Sequence[LanguageInfo]:
        found = await self._api.languages()
        return [LanguageInfo(row.lang_code, row.lang_name or row.lang_code, row.url) for row in found]

    async def credit(self) -> float:
        return await self._api.credit()

    # ------------------------------------------------------------ uploads

    async def upload(self, url: str, avatar_id: str, name: str) -> Upload:
        record = await self._api.upload_avatar(url, avatar_id, name)
        return _followed(Upload(record.avatar_id or avatar_id, record.id, name, UploadState.QUEUEING), record)

    async def upload_state(self, upload: Upload) -> Upload:
        if upload.record_id:
            record = await self._api.uploaded_avatar(upload.record_id)
            if record.status is not None:
                return _followed(upload, record)
        return _followed(upload, await self._api.avatar(upload.avatar_id))

    # ------------------------------------------------------------ knowledge

    async def knowledge_bases(self) -> Sequence[Knowledge]:
        return [_knowledge(record) for record in await self._api.knowledge_bases()]

    async def knowledge(self, knowledge_id: str) -> Knowledge:
        return _knowledge(await self._api.knowledge(knowledge_id))

    async def create_knowledge(self, knowledge: Knowledge) -> Knowledge:
        created = await self._api.create_knowledge(replace(knowledge, id=""))
        return replace(knowledge, id=created.id)

    async def update_knowledge(self, knowledge: Knowledge) -> Knowledge:
        await self._api.update_knowledge(knowledge)
        return knowledge

    async def delete_knowledge(self, knowledge_id: str) -> None:
        await self._api.delete_knowledge(knowledge_id)


def _state(status: int | None) -> ProviderState:
    state = STATES.get(status or 0)
    if state is None:
        raise nonsense(f"a session has status {status}")
    return state


def _web(url: str) -> str:
    """`url` if it is one of the web, else `''`: what people click and browsers fetch is never a `javascript:` or a `file:`."""
    return url if _WEB.fullmatch(url) else ""


def _avatar_info(record: AvatarRecord) -> AvatarInfo:
    return AvatarInfo(
        id=record.avatar_id,
        name=record.name or record.avatar_id,
        picture=_web(record.picture),
        preview=_web(record.url),
        gender=record.gender,
        voice_id=record.voice_id or None,
        official=record.source == OFFICIAL,
        available=record.available is not False,
    )


def _usable(voice: VoiceRecord) -> bool:
    return voice.support_stream and voice.status == VOICE_READY


def _voice_info(record: VoiceRecord, *, own: bool) -> VoiceInfo:
    return VoiceInfo(
        id=record.voice_id,
        name=record.name or record.voice_id,
        language=record.language or record.locale,
        gender=record.gender,
        preview=_web(record.preview),
        own=own,
    )


def _followed(upload: Upload, record: AvatarRecord) -> Upload:
    """`upload` as `record` shows it. v4's detail has no `status`; what can be used there is ready."""
    if record.status is not None:
        state = UPLOAD_STATES.get(record.status)
        if state is None:
            raise nonsense(f"an upload has status {record.status}")
        return replace(upload, state=state)
    return replace(upload, state=UploadState.READY) if record.available else upload


def _knowledge(record: KnowledgeRecord) -> Knowledge:
    return Knowledge(
        name=record.name,
        id=record.id,
        prologue=record.prologue,
        prompt=record.prompt,
        documents=tuple(Document(doc.name, doc.url, doc.size) for doc in record.docs),
        links=record.urls,
    )
