"""The avatar's picture and sound, from its room to the screen that viewers look at."""

import asyncio
import itertools
from contextlib import AbstractContextManager

from bot.media.events import MediaFanout, SharedFrame
from bot.media.keyframes import ASK_EVERY_S, MediaFrame
from bot.ports.room import AudioFrame, VideoFrame
from tests.disclosing import TOLD
from tests.world_fixture import Stack, on_stack


class Sink:
    def __init__(self) -> None:
        self.seen: list[MediaFrame | None] = []  # None is a cut

    def take(self, frame: SharedFrame) -> None:
        self.seen.append(frame.media)

    def discontinuity(self) -> None:
        self.seen.append(None)

    def interrupted(self) -> None:
        pass

    @property
    def pictures(self) -> list[VideoFrame]:
        return [frame for frame in self.seen if isinstance(frame, VideoFrame)]


def media(stack: Stack) -> MediaFanout:
    assert stack.service is not None
    return stack.service.services.events.media.of(stack.room.card.session_id)


def watch(stack: Stack, sink: Sink) -> AbstractContextManager[None]:
    return media(stack).watching(sink, TOLD)


def subscribed(stack: Stack) -> list[bool]:
    return [session.avatar.connection.watched.is_set() for session in stack.hosted]


@on_stack()
async def test_media_is_subscribed_only_while_somebody_watches(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(5)
        assert subscribed(stack) == [False]
        ann, ben = Sink(), Sink()
        with watch(stack, ann):
            await stack.until(lambda: len(ann.pictures) > 5)
            with watch(stack, ben):
                await stack.until(lambda: len(ben.pictures) > 5)
            assert subscribed(stack) == [True]
        await stack.until(lambda: subscribed(stack) == [False])
        seen = len(ann.seen)
        await asyncio.sleep(2)
        assert len(ann.seen) == seen
    assert ann.pictures[-1] == ben.pictures[-1] or ann.pictures[-1].pts_us > ben.pictures[-1].pts_us
    assert any(isinstance(frame, AudioFrame) for frame in ann.seen)
    assert ann.seen[0] is None


@on_stack()
async def test_key_frames_are_asked_for_at_most_twice_a_second(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        impatient = Sink()
        with watch(stack, impatient):
            await stack.until(lambda: len(impatient.pictures) > 2)
            for _ in range(40):
                media(stack).want_key_frame()
                await asyncio.sleep(0.1)
        times = [picture.pts_us / 1e6 for picture in impatient.pictures if picture.key]
    assert 6 <= len(times) <= 10
    assert all(later - earlier >= ASK_EVERY_S - 0.06 for earlier, later in itertools.pairwise(times[1:]))


@on_stack()
async def test_a_renewed_stream_resumes_at_a_key_frame(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start", minutes="1")
        await stack.live()
        sink = Sink()
        with watch(stack, sink):
            await stack.until(lambda: len(list(stack.simulator.sessions)) == 2 and len(stack.hosted) == 1)
            at = len(sink.seen)
            await stack.until(lambda: len(sink.seen) > at + 10)
        cut = max(index for index, frame in enumerate(sink.seen) if frame is None)
        after = next(frame for frame in sink.seen[cut:] if isinstance(frame, VideoFrame))
    assert cut > 100
    assert after.key


@on_stack()
async def test_after_a_broken_link_pictures_begin_anew(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        sink = Sink()
        with watch(stack, sink):
            await stack.until(lambda: len(sink.pictures) > 5)
            client = next(
                connection
                for connection in stack.simulator.rooms.connections(stack.hosted[0].client.channel)
                if connection is not stack.hosted[0].avatar.connection
            )
            client.link_down()
            await asyncio.sleep(1)
            at = len(sink.seen)
            await asyncio.sleep(1)
            assert len(sink.seen) == at
            client.link_up()
            await stack.until(lambda: len(sink.seen) > at + 3)
    assert sink.seen[at] is None
