"""What columns are made of. Instants are UTC, `''` stands for "none" in every key, so that unique indexes hold."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, String, Text, TypeDecorator
from sqlalchemy.engine import Dialect

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time as whole microseconds: the same order and arithmetic on every engine."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + timedelta(microseconds=value)


class Words(TypeDecorator[str]):
    """Text without U+0000 on an engine that takes none: one such message would spoil the transaction of all that came with it."""

    impl = Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None] | None:
        return None if dialect.name == "sqlite" else _without_nul


def _without_nul(text: str | None) -> str | None:
    return text.replace("\0", "") if text else text


def id_column() -> Column[str]:
    return Column("id", String(36), primary_key=True)


def session_column() -> Column[str]:
    return Column("session_id", String(36), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False)


def text_column(name: str, default: str = "") -> Column[str]:
    return Column(name, Words, nullable=False, server_default=default)
