"""Tokens of the HTTP API: found by their hash, each name once, gone when revoked."""

from datetime import timedelta

from bot.domain.api_tokens import ANY_CHANNEL, ApiToken
from bot.domain.conversations import ConversationRef
from bot.ports.storage import Storage
from tests.contract.storage.conftest import NOON

PLACES = (ConversationRef("slack", "T1", "C1"), ConversationRef("slack", "T2", ANY_CHANNEL))
BOT = ApiToken("release-bot", PLACES, ("say", "start"), 30, NOON, NOON + timedelta(days=90))
OTHER = ApiToken("monitor", PLACES[:1], ("say",), 0, NOON)


async def test_a_token_is_found_by_its_hash_and_person(storage: Storage) -> None:
    assert await storage.tokens.add("a" * 64, BOT)
    assert await storage.tokens.find("a" * 64) == await storage.tokens.of_person("api:release-bot") == BOT
    assert await storage.tokens.find("b" * 64) is None
    assert await storage.tokens.of_person("release-bot") is None


async def test_a_name_stands_for_one_token(storage: Storage) -> None:
    assert await storage.tokens.add("a" * 64, BOT)
    assert not await storage.tokens.add("b" * 64, BOT)
    assert await storage.tokens.add("a" * 64, BOT)  # the same call again, as after an answer that was lost
    assert await storage.tokens.add("c" * 64, OTHER)
    assert await storage.tokens.everything() == [OTHER, BOT]


async def test_a_revoked_token_is_gone_and_its_name_free(storage: Storage) -> None:
    await storage.tokens.add("a" * 64, BOT)
    assert await storage.tokens.revoke("release-bot")
    assert not await storage.tokens.revoke("release-bot")
    assert await storage.tokens.find("a" * 64) is None
    assert await storage.tokens.add("b" * 64, BOT)
