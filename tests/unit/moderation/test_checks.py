"""What `doctor` says of the team's own moderation."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from adapters.moderation.checks import check
from bot.ports.plugin import Finding, Level
from bot.ports.words import VERDICT_WITHIN_S, Unanswered

URL = "https://judge.example/x"
NO_SECRET: SecretStr | None = None


class Judge(httpx.AsyncBaseTransport):
    def __init__(self, status: int = 200, takes: float = 0.0, **answer: object) -> None:
        self._status = status
        self._takes = takes
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(self._takes)
        return httpx.Response(self._status, json=self._answer, request=request)


async def first(judge: Judge) -> Finding:
    return (await check(URL, NO_SECRET, Unanswered.HOLD, judge))[0]


async def test_one_that_answers_is_well() -> None:
    found = await check(URL, NO_SECRET, Unanswered.HOLD, Judge(allow=True))
    assert [finding.level for finding in found] == [Level.OK]
    assert URL in found[0].what


async def test_a_moderator_without_verdict_stops_nothing() -> None:
    found = await first(Judge(500))
    assert (found.level, found.starts) == (Level.PROBLEM, True)
    assert "HTTP 500" in found.what


async def test_one_that_is_too_slow_is_said_to_be() -> None:
    found = await first(Judge(takes=VERDICT_WITHIN_S, allow=True))
    assert found.level is Level.WARNING
    assert "150 ms at most" in found.what


async def test_one_that_allows_nothing_is_noticed() -> None:
    found = await first(Judge(allow=False))
    assert (found.level, "Hello" in found.what) == (Level.WARNING, True)


@pytest.mark.parametrize(("url", "told"), [("http://judge.example/x", 1), ("http://127.0.0.1:1/x", 0)])
async def test_words_that_travel_unencrypted_are_warned_of(url: str, told: int) -> None:
    found = await check(url, NO_SECRET, Unanswered.HOLD, Judge(allow=True))
    assert len(found) == 1 + told


async def test_speaking_unchecked_is_warned_of_each_time() -> None:
    found = await check(URL, NO_SECRET, Unanswered.PASS, Judge(allow=True))
    assert "spoken unchecked" in found[1].what
