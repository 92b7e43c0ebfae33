"""Follows avatars that are being made of videos: one message each, from queueing to ready or failed."""

import contextlib
from dataclasses import replace
from datetime import timedelta

import structlog

from bot.delivery.rate_limiter import Priority
from bot.domain.conversations import Command, Item, MessageRef, Reply, ReplyTo
from bot.domain.errors import MessageGone, PlaceGone, PlatformError, ProviderError, Throttled, Verdict
from bot.domain.posts import Delivery, TranscriptLine
from bot.ports.chat import ChatPlatform
from bot.ports.provider import Upload, UploadLimits, UploadState
from bot.ports.storage.records import UPLOAD_OVER, UploadRecord
from bot.queries.uploads import megabytes
from bot.runtime.services import Services

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds."""

APPEARS_WITHIN = timedelta(minutes=5)
"""After which an upload that the provider does not know was never begun."""

MADE_WITHIN = timedelta(days=1)
"""After which nobody expects it any more."""

KEY_LIMIT = 25
"""Characters of a post's key."""


class UploadPoller:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def look(self) -> None:
        """Go on with every upload that is not settled. Raises `StoreUnavailable`."""
        for record in await self._services.storage.uploads.unfinished():
            platform = self._services.platforms.get(record.place.platform)
            if platform is None:
                continue
            try:
                await self._go_on(record, platform)
            except (ProviderError, PlatformError) as error:
                log.info("an upload was not followed", upload=record.upload.avatar_id, reason=error.detail)

    async def _go_on(self, record: UploadRecord, platform: ChatPlatform) -> None:
        """What people see is brought up to date before the row is: after a crash it is shown once more, never once less."""
        now = await self._state(record)
        if record.message is None or now.state != record.upload.state:
            with contextlib.suppress(MessageGone, PlaceGone):  # somebody wants no message about it
                await self._show(record, now, platform)
        if now != record.upload:
            await self._services.storage.uploads.follow(record.upload.avatar_id, now)
        if now.state in UPLOAD_OVER:
            await self._finish(record, now, platform)

    async def _state(self, record: UploadRecord) -> Upload:
        """What the provider says; what it never heard of, or never finishes, has failed. Raises `ProviderError`."""
        age = self._services.clock.now() - record.created_at
        makes = (await self._services.accounts.of(record.place)).provider.capabilities.uploads
        if record.upload.state in UPLOAD_OVER:
            return record.upload
        if makes is None or age > MADE_WITHIN:
            return replace(record.upload, state=UploadState.FAILED)
        try:
            return await makes.upload_state(record.upload)
        except ProviderError as error:
            if error.verdict is Verdict.GONE and age > APPEARS_WITHIN:
                return replace(record.upload, state=UploadState.FAILED)
            raise

    async def _show(self, record: UploadRecord, upload: Upload, platform: ChatPlatform) -> None:
        await self._services.limiters.of(record.place, platform.pace).turn(Priority.FINAL)
        line = TranscriptLine(
            None, self._progress(upload), Delivery.FINAL if upload.state in UPLOAD_OVER else Delivery.GROWING
        )
        edits = platform.features.edits
        if record.message is not None and edits:
            await edits.edit(record.message, line)
            return
        if record.message is not None and upload.state not in UPLOAD_OVER:
            return
        message = await self._posted(record, line, platform)
        await self._services.storage.uploads.posted(upload.avatar_id, message.message_id)

    async def _posted(self, record: UploadRecord, line: TranscriptLine, platform: ChatPlatform) -> MessageRef:
        """By us, or by a process that died before it could write that down."""
        key, can = record.upload.avatar_id[:KEY_LIMIT], platform.features
        if can.edits and can.search and (found := await can.search.find(record.place, key, record.created_at)):
            await can.edits.edit(found, line)
            return found
        return await platform.post(record.place, line, key)

    def _progress(self, upload: Upload) -> str:
        provider = self._services.provider
        limits = provider.capabilities.uploads.upload_limits if provider.capabilities.uploads else None
        return progress(upload, provider.name, limits)

    async def _finish(self, record: UploadRecord, upload: Upload, platform: ChatPlatform) -> None:
        if upload.state is UploadState.READY:
            await (await self._services.accounts.of(record.place)).catalog.avatars.fresh()
        if record.reply_to:
            await self._tell(record.reply_to, upload, platform)
        await self._services.storage.uploads.told(upload.avatar_id)

    async def _tell(self, to: ReplyTo, upload: Upload, platform: ChatPlatform) -> None:
        """Whoever asked for it; the message says the same, so somebody who cannot be reached misses only a button."""
        try:
            await platform.reply(to, Reply(self._progress(upload), _start_it(upload)))
        except Throttled:
            raise
        except PlatformError as error:
            log.info("could not tell of an upload", upload=upload.avatar_id, reason=error.detail)


def _start_it(upload: Upload) -> tuple[Item, ...]:
    if upload.state is not UploadState.READY:
        return ()
    return (Item(upload.name, "your own avatar: start it now", command=Command("start", {"avatar": upload.avatar_id})),)


def progress(upload: Upload, provider: str, limits: UploadLimits | None) -> str:
    """How far it is, for everybody. Without `limits` the provider makes none any more."""
    match upload.state:
        case UploadState.QUEUEING:
            return f"“{upload.name}” waits at {provider} to be made into an avatar"
        case UploadState.PROCESSING:
            return f"{provider} is making the avatar “{upload.name}”"
        case UploadState.READY:
            kept = f" {provider} keeps it for {limits.kept_days} days." if limits else ""
            return f"“{upload.name}” is ready: /avatar start {upload.name}.{kept}"
        case UploadState.FAILED:
            return f"{provider} could not make “{upload.name}”.{_advice(limits)}"


def _advice(limits: UploadLimits | None) -> str:
    if limits is None:
        return ""
    most = f"of at most {megabytes(limits.video_bytes)}"
    return f" It wants {limits.wants}, as a video that anybody can open, {most}. Try again with another one: /avatar upload."
