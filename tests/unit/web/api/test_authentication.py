"""Who may call: a token that is known, has not expired, and does not come too often."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.api_tokens import ApiToken, digest_of, new_secret
from bot.domain.conversations import ConversationRef
from bot.storage.memory import MemoryStorage
from bot.testing.virtual_time import LoopClock, run_virtual
from bot.web.api.authentication import BURST, LOOK_EVERY, Authentication
from bot.web.api.wire import ApiProblem, ProblemKind

PLACES = (ConversationRef("slack", "T1", "C1"),)


def test_there_is_nothing_before_the_first_token() -> None:
    async def story() -> None:
        storage = MemoryStorage(LoopClock())
        authentication = Authentication(storage.tokens, LoopClock())
        assert await _refused(authentication, "") is ProblemKind.NOT_FOUND
        assert await _refused(authentication, f"Bearer {new_secret()}") is ProblemKind.NOT_FOUND
        secret = await _made(storage)
        await asyncio.sleep(LOOK_EVERY)
        assert await _refused(authentication, "") is ProblemKind.UNAUTHORIZED
        assert (await authentication.caller(f"bearer {secret}")).person.id == "api:release-bot"

    run_virtual(story())


def test_revoked_expired_and_unknown_tokens_open_nothing() -> None:
    async def story() -> None:
        storage, clock = MemoryStorage(LoopClock()), LoopClock()
        authentication = Authentication(storage.tokens, clock)
        revoked, short, other = (
            await _made(storage, "a"),
            await _made(storage, "b", lasts=60),
            await _made(storage, "c"),
        )
        await authentication.caller(f"Bearer {revoked}")
        await storage.tokens.revoke("a")
        await asyncio.sleep(60)
        for header in (
            f"Bearer {revoked}",
            f"Bearer {short}",
            f"Bearer {new_secret()}",
            f"Basic {other}",
            other,
            "x" * 9_999,
        ):
            assert await _refused(authentication, header) is ProblemKind.UNAUTHORIZED
        await authentication.caller(f"Bearer {other}")

    run_virtual(story())


def test_a_token_that_comes_too_often_is_told_when() -> None:
    async def story() -> None:
        storage = MemoryStorage(LoopClock())
        authentication = Authentication(storage.tokens, LoopClock())
        one, other = await _made(storage, "a"), await _made(storage, "b")
        for _ in range(int(BURST)):
            await authentication.caller(f"Bearer {one}")
        with pytest.raises(ApiProblem) as refused:
            await authentication.caller(f"Bearer {one}")
        assert refused.value.kind is ProblemKind.TOO_MANY_REQUESTS
        await authentication.caller(f"Bearer {other}")
        await asyncio.sleep(refused.value.retry_after or 0)
        await authentication.caller(f"Bearer {one}")

    run_virtual(story())


async def _made(storage: MemoryStorage, name: str = "release-bot", lasts: float | None = None) -> str:
    secret, now = new_secret(), LoopClock().now()
    expires_at = now + timedelta(seconds=lasts) if lasts else None
    await storage.tokens.add(digest_of(secret), ApiToken(name, PLACES, ("say",), 30, now, expires_at))
    return secret


async def _refused(authentication: Authentication, header: str) -> ProblemKind:
    with pytest.raises(ApiProblem) as refused:
        await authentication.caller(header)
    return refused.value.kind
