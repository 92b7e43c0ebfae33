"""Tokens of the HTTP API, in memory."""

from bot.domain.api_tokens import ApiToken
from bot.storage.memory.rows import MemoryTransaction


def add(tx: MemoryTransaction, digest: str, token: ApiToken) -> bool:
    if digest not in tx.data.tokens and token.name not in {each.name for each in tx.data.tokens}:
        tx.data.tokens.add(digest, token)
    there = tx.data.tokens.get(digest)
    return there is not None and there.name == token.name


def find(tx: MemoryTransaction, digest: str) -> ApiToken | None:
    return tx.data.tokens.get(digest)


def of_person(tx: MemoryTransaction, person_id: str) -> ApiToken | None:
    return next((token for token in tx.data.tokens if token.person.id == person_id), None)


def everything(tx: MemoryTransaction) -> list[ApiToken]:
    return sorted(tx.data.tokens, key=lambda token: token.name)


def revoke(tx: MemoryTransaction, name: str) -> bool:
    digests = [key for key, token in tx.data.tokens.items() if token.name == name]
    for digest in digests:
        tx.data.tokens.delete(digest)
    return bool(digests)
