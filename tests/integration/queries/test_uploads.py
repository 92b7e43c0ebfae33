"""An avatar from a video: followed in one message, across restarts."""

import asyncio
from dataclasses import replace

from adapters.simulator.faults import Fault
from bot.commands.buttons import button_of
from bot.domain.posts import Delivery
from bot.testing.chat import ANN
from tests.integration.queries.asking import MB, NEIGHBOUR, Files, ask
from tests.world_fixture import QUICK, Stack, on_stack

SLOW = replace(QUICK, upload_time=60.0)
VIDEO = "https://example.com/ann.mp4"


@on_stack(SLOW)
async def test_one_message_shows_how_far_it_is(stack: Stack) -> None:
    async with stack.serving():
        reply = await ask(stack, "upload", url=VIDEO, name="Annie", confirm="yes")
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
        await ask(stack, "upload", url=VIDEO, name="Annie", confirm="yes")
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
        await ask(stack, "upload", url=VIDEO, name="Annie", confirm="yes")
        stack.simulator.catalog.failing |= {exhibit.avatar_id for exhibit in stack.simulator.catalog}
        await stack.until(lambda: bool(stack.room.answers()))
    assert "about a minute of one person" in stack.room.answers()[0]


@on_stack()
async def test_a_refusal_leaves_nothing_behind(stack: Stack) -> None:
    async with stack.serving():
        stack.simulator.faults.queue("avatar/create", Fault(code=1223))
        refused = await ask(stack, "upload", url=VIDEO, name="Annie", confirm="yes")
        private = await ask(stack, "upload", url="http://localhost/a.mp4", name="Annie", confirm="yes")
        await asyncio.sleep(20)
    assert "no room for another uploaded avatar" in refused.text
    assert "reachable from the internet" in private.text
    assert stack.room.lines == []


@on_stack()
async def test_an_unsupported_video_is_refused_before_akool_is_asked(stack: Stack) -> None:
    async with stack.serving(files=Files(ann=300 * MB + 1, ben=300 * MB)):
        uploaded = len(list(stack.simulator.catalog))
        large = await ask(stack, "upload", url=VIDEO, name="Annie", confirm="yes")
        inside = await ask(stack, "upload", url="https://intranet.example/inside.mp4", name="Annie", confirm="yes")
        assert len(list(stack.simulator.catalog)) == uploaded
        fits = await ask(stack, "upload", url=VIDEO.replace("ann", "ben"), name="Ben", confirm="yes")
        untold = await ask(stack, "upload", url=VIDEO.replace("ann", "cleo"), name="Cleo", confirm="yes")
    assert large.text.startswith("The video is too large: AKOOL takes 300 MB, not 301 MB.")
    assert inside.text == "intranet.example is not on the internet, so AKOOL could not get there."
    assert "AKOOL makes an avatar of your video" in fits.text
    assert "AKOOL makes an avatar of your video" in untold.text


# ------------------------------------------------ the person shown


@on_stack()
async def test_nothing_is_uploaded_before_somebody_said_that_the_person_agreed(stack: Stack) -> None:
    async with stack.serving():
        before = len(list(stack.simulator.catalog))
        asked = await ask(stack, "upload", url=VIDEO, name="Annie")
        assert len(list(stack.simulator.catalog)) == before
        (button,) = [button_of(item) for item in asked.items]
        assert button is not None
        given = button.command.options
        done = await ask(stack, "upload", url=given["url"], name=given["name"], confirm=given["confirm"])
        assert len(list(stack.simulator.catalog)) == before + 1
    assert asked.text.startswith("Has the person in the video agreed")
    assert "“Annie”" in asked.text
    assert "AKOOL makes an avatar of your video" in done.text


@on_stack()
async def test_who_said_that_the_person_agreed_is_kept_and_shown(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "upload", url=VIDEO, name="Annie", confirm="yes")
        await stack.until(lambda: bool(stack.room.answers()))
        (one,) = (await ask(stack, "avatars", name="Annie")).items
        official = (await ask(stack, "avatars", name="Alma")).items
    day = f"{stack.clock.now():%Y-%m-%d}"
    assert f"the person shown agreed, as Ann said on {day}" in one.detail
    assert not [item for item in official if "agreed" in item.detail]


@on_stack()
async def test_no_bot_and_no_program_says_that_somebody_agreed(stack: Stack) -> None:
    program = replace(ANN, human=False)
    async with stack.serving():
        before = len(list(stack.simulator.catalog))
        asked = await ask(stack, "upload", person=program, url=VIDEO, name="Annie")
        confirmed = await ask(stack, "upload", person=program, url=VIDEO, name="Annie", confirm="yes")
        for refused in (asked, confirmed):
            assert refused.text.startswith("Only a person can say")
            assert not refused.items
        assert len(list(stack.simulator.catalog)) == before
