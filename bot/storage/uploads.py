"""Avatars that are being made of videos: followed across restarts until they are ready or have failed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.messages import ReplyTo
from bot.ports.provider import Upload, UploadState
from bot.storage.encryption import Cipher, decrypt, encrypt
from bot.storage.tables import uploads

OVER = (UploadState.READY, UploadState.FAILED)


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """`message` shows its progress; None until it is posted. `reply_to` is who asked for it, None once they were told."""

    upload: Upload
    place: ConversationRef
    message: MessageRef | None
    reply_to: ReplyTo | None
    created_at: datetime


def _record(row: Row[Any], cipher: Cipher) -> UploadRecord:
    m = row._mapping  # noqa: SLF001 - the documented way to columns by name
    place = ConversationRef(m["platform"], m["workspace_id"], m["channel_id"], m["thread_id"])
    return UploadRecord(
        upload=Upload(m["avatar_id"], m["record_id"], m["name"], UploadState(m["state"])),
        place=place,
        message=MessageRef(place, m["message_id"]) if m["message_id"] else None,
        reply_to=decrypt(cipher, m["reply_to"], ReplyTo) if m["reply_to"] else None,
        created_at=m["created_at"],
    )


def add(  # noqa: PLR0917
    connection: Connection,
    cipher: Cipher,
    upload: Upload,
    place: ConversationRef,
    reply_to: ReplyTo | None,
    now: datetime,
) -> None:
    """Before the provider is asked."""
    connection.execute(
        insert(uploads).values(
            avatar_id=upload.avatar_id,
            platform=place.platform,
            workspace_id=place.workspace_id,
            channel_id=place.channel_id,
            thread_id=place.thread_id,
            record_id=upload.record_id,
            name=upload.name,
            state=upload.state,
            reply_to=encrypt(cipher, reply_to) if reply_to else None,
            created_at=now,
        )
    )


def remove(connection: Connection, avatar_id: str) -> None:
    """The provider certainly took nothing."""
    connection.execute(delete(uploads).where(uploads.c.avatar_id == avatar_id))


def follow(connection: Connection, avatar_id: str, upload: Upload) -> None:
    """What the provider says of it now."""
    values = {"state": upload.state, "record_id": upload.record_id}
    connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(values))


def posted(connection: Connection, avatar_id: str, message_id: str) -> None:
    connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(message_id=message_id))


def told(connection: Connection, avatar_id: str) -> None:
    """Whoever asked for it knows how it ended, so the handle is deleted."""
    connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(reply_to=None))


def unfinished(connection: Connection, cipher: Cipher) -> list[UploadRecord]:
    """What is being made, or whose end somebody is still to be told, oldest first; of all workspaces: for the job."""
    query = (
        select(uploads)
        .where(uploads.c.state.not_in(OVER) | uploads.c.reply_to.is_not(None))
        .order_by(uploads.c.created_at)
    )
    return [_record(row, cipher) for row in connection.execute(query)]


def forget_before(connection: Connection, moment: datetime) -> int:
    """What was made or has failed long ago needs no row."""
    result = connection.execute(
        delete(uploads).where(uploads.c.created_at < moment, uploads.c.state.in_(OVER), uploads.c.reply_to.is_(None))
    )
    return result.rowcount
