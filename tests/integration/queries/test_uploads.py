"""An avatar from a video: followed in one message, across restarts."""

import asyncio
from dataclasses import replace

from adapters.simulator.faults import Fault
from bot.domain.transcript import Delivery
from tests.integration.queries.asking import MB, NEIGHBOUR, Files, ask
from tests.world_fixture import QUICK, Stack, on_stack

SLOW = replace(QUICK, upload_time=60.0)
VIDEO = "https://example.com/ann.mp4"


@on_stack(SLOW)
async def test_one_message_shows_how_far_it_is(stack: Stack) -> None:
    async with stack.serving():
        reply = await ask(stack, "upload", url=VIDEO, name="Annie")
        await stack.until(lambda: len(stack.room.lines) == 1)
        assert "waits at AKOOL" in stack.room.lines[0].text
        await stack.until(lambda: "is making" in stack.room.lines[0].text)
        await stack.until(lambda: "is ready: /avatar start Annie" in stack.room.lines[0].text)
        await stack.until(lambda: bool(stack.room.answers()))
        await stack.room.command("start", avatar="Annie")
        await stack.live()
        theirs = await ask(stack, "avatars", NEIGHBOUR, name="Annie")
    assert "7 days" in reply.text
    assert stack.room.lines[0].delivery is Delivery.FINAL
    assert stack.room.lines[0].speaker is None
    assert stack.room.card.avatar_name == "Annie"
    assert "Annie" not in [item.title for item in theirs.items]


@on_stack(SLOW)
async def test_a_restart_goes_on_in_the_same_message(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "upload", url=VIDEO, name="Annie")
        await stack.until(lambda: len(stack.room.lines) == 1)
        stack.crash()
    async with stack.serving():
        await stack.until(lambda: "is ready" in stack.room.lines[0].text)
        await stack.until(lambda: bool(stack.room.answers()))
        await asyncio.sleep(30)
    assert len(stack.room.lines) == 1
    assert len(stack.room.answers()) == 1


@on_stack(SLOW)
async def test_a_failure_says_what_akool_wants(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "upload", url=VIDEO, name="Annie")
        stack.simulator.catalog.failing |= {exhibit.avatar_id for exhibit in stack.simulator.catalog}
        await stack.until(lambda: bool(stack.room.answers()))
    assert "about a minute of one person" in stack.room.answers()[0]


@on_stack()
async def test_a_refusal_leaves_nothing_behind(stack: Stack) -> None:
    async with stack.serving():
        stack.simulator.faults.queue("avatar/create", Fault(code=1223))
        refused = await ask(stack, "upload", url=VIDEO, name="Annie")
        private = await ask(stack, "upload", url="http://localhost/a.mp4", name="Annie")
        await asyncio.sleep(20)
    assert "no room for another uploaded avatar" in refused.text
    assert "reachable from the internet" in private.text
    assert stack.room.lines == []


@on_stack()
async def test_a_video_that_akool_would_not_take_is_told_before_it_is_asked(stack: Stack) -> None:
    async with stack.serving(files=Files(ann=300 * MB + 1, ben=300 * MB)):
        uploaded = len(list(stack.simulator.catalog))
        large = await ask(stack, "upload", url=VIDEO, name="Annie")
        inside = await ask(stack, "upload", url="https://intranet.example/inside.mp4", name="Annie")
        assert len(list(stack.simulator.catalog)) == uploaded
        fits = await ask(stack, "upload", url=VIDEO.replace("ann", "ben"), name="Ben")
        untold = await ask(stack, "upload", url=VIDEO.replace("ann", "cleo"), name="Cleo")
    assert large.text.startswith("The video is too large: AKOOL takes 300 MB, not 301 MB.")
    assert inside.text == "intranet.example is not on the internet, so AKOOL could not get there."
    assert "AKOOL makes an avatar of your video" in fits.text
    assert "AKOOL makes an avatar of your video" in untold.text
