"""A session that never came to be: whoever started it is told why."""

from bot.domain.errors import PlatformError
from bot.domain.messages import Accepted
from bot.domain.sessions import EndReason
from bot.runtime.status_card import ENDINGS
from tests.world_fixture import Stack, on_stack


@on_stack()
async def test_whoever_started_is_told_why_it_could_never_be_posted(stack: Stack) -> None:
    async with stack.serving():
        stack.room.faults["post_card"] = [PlatformError("The chat is down. Please try again.")] * 3
        await stack.room.command("start")
        await stack.until(lambda: stack.room.answers() == ["The chat is down. Please try again."])
        await stack.until(lambda: not stack.room.faults["post_card"])
        assert isinstance(await stack.room.command("start"), Accepted)
        await stack.live()


@on_stack()
async def test_whoever_started_is_told_of_a_fault_of_ours(stack: Stack) -> None:
    async with stack.serving():
        stack.room.faults["post_card"] = [ValueError("a bug")] * 3
        await stack.room.command("start")
        await stack.until(lambda: stack.room.answers() == [ENDINGS[EndReason.ERROR]])


@on_stack()
async def test_whoever_started_is_told_that_it_was_stopped_before_it_came(stack: Stack) -> None:
    async with stack.serving():
        stack.room.faults["post_card"] = [PlatformError("The chat is down.")]
        await stack.room.command("start")
        await stack.room.command("stop")
        await stack.until(lambda: stack.room.answers() == ["Stopped."] * 2)  # `start` and `stop`
