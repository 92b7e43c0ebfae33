"""What every language model promises, whoever hosts it."""

import asyncio
import contextlib

import pytest

from bot.domain.errors import ProviderError, Verdict
from bot.ports.words import Exchange
from tests.contract.llm.conftest import ModelUnderTest
from tests.patience import until

ASKED = (Exchange("Ann", "Hello"), Exchange(None, "Hi."), Exchange("Ben", "Who are you?"))


async def answer(under_test: ModelUnderTest) -> list[str]:
    async with contextlib.aclosing(under_test.model.answer("Be brief.", ASKED)) as pieces:
        return [piece async for piece in pieces]


async def test_the_pieces_are_the_answer_to_the_last_line(under_test: ModelUnderTest) -> None:
    under_test.writes(["I am ", "Alma. ", "Grüße 👋"])
    assert "".join(await answer(under_test)) == "I am Alma. Grüße 👋"
    assert list(under_test.questions) == ["Who are you?"]


async def test_no_piece_is_empty(under_test: ModelUnderTest) -> None:
    under_test.writes(["", "One", "", "two", ""])
    pieces = await answer(under_test)
    assert "".join(pieces) == "Onetwo"
    assert all(pieces)


async def test_an_answer_may_be_empty(under_test: ModelUnderTest) -> None:
    under_test.writes([])
    assert await answer(under_test) == []


async def test_a_piece_comes_before_the_next_is_written(under_test: ModelUnderTest) -> None:
    if not under_test.streams:
        pytest.skip("this model does not answer piece by piece")
    under_test.writes(["First. "], hangs=True)
    async with contextlib.aclosing(under_test.model.answer("", ASKED)) as pieces:
        assert await anext(pieces) == "First. "


async def test_an_answer_given_up_is_not_written_on(under_test: ModelUnderTest) -> None:
    under_test.writes(["First. "], hangs=True)
    reading = asyncio.create_task(answer(under_test))
    await until(lambda: under_test.questions)
    reading.cancel()
    await asyncio.wait((reading,))
    assert reading.cancelled()
    await under_test.idle()


async def test_several_answers_are_written_at_once(under_test: ModelUnderTest) -> None:
    under_test.writes(["One ", "two."])
    answers = await asyncio.gather(*(answer(under_test) for _ in range(3)))
    assert ["".join(pieces) for pieces in answers] == ["One two."] * 3


async def test_a_refusal_says_what_to_do(under_test: ModelUnderTest) -> None:
    under_test.is_overloaded()
    with pytest.raises(ProviderError) as refused:
        await answer(under_test)
    assert refused.value.verdict is Verdict.RETRY_LATER
    assert refused.value.sentence
    await under_test.idle()
