"""Tokens of the HTTP API: hashed at rest."""

from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from bot.domain.api_tokens import ApiToken
from bot.domain.conversations import BY_API, place_named
from bot.storage.statements import Prepared, SqlTransaction
from bot.storage.tables import api_tokens


def add(tx: SqlTransaction, digest: str, token: ApiToken) -> bool:
    new = insert(api_tokens).values(
        hash=digest,
        name=token.name,
        places=" ".join(map(str, token.places)),
        commands=" ".join(token.commands),
        minutes_per_day=token.minutes_per_day,
        created_at=token.created_at,
        expires_at=token.expires_at,
    )
    tx.connection.execute(new.on_conflict_do_nothing())
    there = tx.connection.execute(select(api_tokens.c.hash).where(api_tokens.c.name == token.name)).scalar_one_or_none()
    return bool(there == digest)


_BY_HASH = Prepared(select(api_tokens).where(api_tokens.c.hash == bindparam("digest")))
_BY_NAME = Prepared(select(api_tokens).where(api_tokens.c.name == bindparam("name")))


def find(tx: SqlTransaction, digest: str) -> ApiToken | None:
    row = _BY_HASH.first(tx, digest=digest)
    return _token(row) if row else None


def of_person(tx: SqlTransaction, person_id: str) -> ApiToken | None:
    row = _BY_NAME.first(tx, name=person_id.removeprefix(BY_API)) if person_id.startswith(BY_API) else None
    return _token(row) if row else None


def everything(tx: SqlTransaction) -> list[ApiToken]:
    return sorted(map(_token, tx.connection.execute(select(api_tokens))), key=lambda token: token.name)


def revoke(tx: SqlTransaction, name: str) -> bool:
    return tx.connection.execute(api_tokens.delete().where(api_tokens.c.name == name)).rowcount > 0


def _token(row: Any) -> ApiToken:
    return ApiToken(
        name=row.name,
        places=tuple(place for name in row.places.split() if (place := place_named(name))),
        commands=tuple(row.commands.split()),
        minutes_per_day=row.minutes_per_day,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )
