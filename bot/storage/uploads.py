"""Avatars that are being made of videos: followed across restarts until they are ready or have failed."""

from datetime import timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from bot.domain.consent import Consent
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.messages import ReplyTo
from bot.ports.provider import Upload, UploadState
from bot.ports.storage.records import UPLOAD_OVER, OwnedKind, UploadRecord
from bot.storage import ownership
from bot.storage.encryption import decrypt, encrypt
from bot.storage.tables import uploads
from bot.storage.transaction import SqlTransaction


def _record(tx: SqlTransaction, row: Any) -> UploadRecord:
    place = ConversationRef(row.platform, row.workspace_id, row.channel_id, row.thread_id)
    return UploadRecord(
        upload=Upload(row.avatar_id, row.record_id, row.name, UploadState(row.state)),
        place=place,
        message=MessageRef(place, row.message_id) if row.message_id else None,
        reply_to=decrypt(tx.cipher, row.reply_to, ReplyTo) if row.reply_to else None,
        created_at=row.created_at,
    )


def add(tx: SqlTransaction, upload: Upload, place: ConversationRef, reply_to: ReplyTo | None, consent: Consent) -> None:
    tx.connection.execute(
        insert(uploads).values(
            avatar_id=upload.avatar_id,
            platform=place.platform,
            workspace_id=place.workspace_id,
            channel_id=place.channel_id,
            thread_id=place.thread_id,
            record_id=upload.record_id,
            name=upload.name,
            state=upload.state,
            reply_to=encrypt(tx.cipher, reply_to) if reply_to else None,
            created_at=tx.now,
        )
    )
    ownership.add(tx, OwnedKind.AVATAR, upload.avatar_id, place, consent)


def take_back(tx: SqlTransaction, avatar_id: str) -> None:
    tx.connection.execute(delete(uploads).where(uploads.c.avatar_id == avatar_id))
    ownership.remove(tx, OwnedKind.AVATAR, avatar_id)


def follow(tx: SqlTransaction, avatar_id: str, upload: Upload) -> None:
    values = {"state": upload.state, "record_id": upload.record_id}
    tx.connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(values))


def posted(tx: SqlTransaction, avatar_id: str, message_id: str) -> None:
    tx.connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(message_id=message_id))


def told(tx: SqlTransaction, avatar_id: str) -> None:
    tx.connection.execute(update(uploads).where(uploads.c.avatar_id == avatar_id).values(reply_to=None))


def unfinished(tx: SqlTransaction) -> list[UploadRecord]:
    query = (
        select(uploads)
        .where(uploads.c.state.not_in(UPLOAD_OVER) | uploads.c.reply_to.is_not(None))
        .order_by(uploads.c.created_at, uploads.c.avatar_id)
    )
    return [_record(tx, row) for row in tx.connection.execute(query)]


def forget_older(tx: SqlTransaction, age: timedelta) -> int:
    result = tx.connection.execute(
        delete(uploads).where(
            uploads.c.created_at < tx.now - age, uploads.c.state.in_(UPLOAD_OVER), uploads.c.reply_to.is_(None)
        )
    )
    return result.rowcount
