"""Tokens of the HTTP API: found by their hash, each name once, gone when revoked."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.api_tokens import ANY_CHANNEL, ApiToken
from bot.domain.conversations import ConversationRef
from bot.ports.storage import Storage
from bot.ports.storage.transactions import Standing
from tests.contract.storage.conftest import NOON
from tests.contract.storage.seeds import accept, hosted, said, start

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
    assert not await storage.tokens.add("c" * 64, replace(OTHER, name="third"))
    assert await storage.tokens.everything() == [OTHER, BOT]


async def test_a_revoked_token_is_gone_and_its_name_free(storage: Storage) -> None:
    await storage.tokens.add("a" * 64, BOT)
    assert await storage.tokens.revoke("release-bot")
    assert not await storage.tokens.revoke("release-bot")
    assert await storage.tokens.find("a" * 64) is None
    assert await storage.tokens.add("b" * 64, BOT)


async def test_a_token_says_what_its_session_may_still_use(storage: Storage) -> None:
    program = BOT.person
    await storage.tokens.add("a" * 64, BOT)
    lease, standings = await hosted(storage, starter=program), []

    def minutes(standing: Standing) -> int:
        standings.append(standing.allowed_minutes)
        return 1

    for row_id in ("p1", "p2"):
        async with storage.fenced(lease) as run:
            run.intend(row_id, minutes)
        await storage.tokens.revoke("release-bot")
    assert standings == [30, 0]


async def test_what_was_accepted_is_found_by_id_and_event(storage: Storage) -> None:
    await start(storage, "s")
    await accept(storage, said(1, "Hello"))
    place = ConversationRef("room", "W1", "C9")
    found = await storage.inbox.get("row1")
    assert found is not None
    assert found == await storage.inbox.of_event(place, "e1")
    assert await storage.inbox.get("row2") is None
    assert await storage.inbox.of_event(ConversationRef("room", "W2", "C9"), "e1") is None
