"""What is measured of a turn, of a start, a renewal and a first picture: as operators and people see it."""

import asyncio
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.media.events import MediaFanout
from bot.ports.room import AudioFrame, Codec, VideoFrame
from bot.ports.storage.records import InboxOutcome
from bot.ports.turn_traces import TurnMoment, TurnTrace
from bot.testing.chat import ANN, CHANNEL
from bot.testing.virtual_time import virtual
from bot.web.viewer.sending import Player
from tests.disclosing import TOLD
from tests.memory_fixture import MemoryWorld, in_memory

ARRIVES_AFTER = 0.2
"""Seconds, of an avatar of `AvatarBehavior`."""

KEY = VideoFrame("2", Codec.VP8, True, 2, 2, 0, b"a picture")


LATER = set(TurnMoment) - {TurnMoment.RECEIVED}


@dataclass
class Traces:
    """A `TurnObserver`."""

    seen: list[TurnTrace] = field(default_factory=list)

    def observe(self, trace: TurnTrace) -> None:
        self.seen.append(trace)


def measured(world: MemoryWorld, name: str) -> tuple[float, Any]:
    """How often, and the mean in seconds."""
    sample = world.service.services.metrics.registry.get_sample_value
    count, total = sample(f"avatarbot_{name}_seconds_count"), sample(f"avatarbot_{name}_seconds_sum")
    assert count is not None
    assert total is not None
    return count, total / count if count else 0.0


async def status(world: MemoryWorld) -> str:
    await world.room.command("status", world.room.thread)
    return world.room.answers()[-1]


async def begun(world: MemoryWorld, **options: str) -> Traces:
    traces = Traces()
    world.service.services.turn_times.observers = [traces]
    await world.room.run("start", {"avatar": "Alma"} | options, CHANNEL, ANN)
    await world.live()
    await asyncio.sleep(60)
    return traces


@in_memory()
async def test_a_turn_is_told_moment_by_moment(world: MemoryWorld) -> None:
    traces, said = await begun(world), world.clock.now()
    await world.room.say("Hello", world.room.thread)
    await world.until(lambda: bool(traces.seen))
    (trace,) = traces.seen
    assert list(trace.after) == list(TurnMoment)[1:]
    assert list(trace.after.values()) == sorted(trace.after.values())
    assert timedelta() <= trace.received - said < timedelta(seconds=0.1)
    assert (trace.platform, trace.outcome) == ("fake", InboxOutcome.SPOKEN)
    assert "Hello" not in repr(trace)
    assert "Ann" not in repr(trace)


@in_memory()
async def test_answers_are_measured_from_what_was_said(world: MemoryWorld) -> None:
    await begun(world)
    before = measured(world, "said_to_first_packet")
    await world.room.say("Hello", world.room.thread)
    await world.until(lambda: measured(world, "said_to_first_packet") != before)
    assert measured(world, "said_to_first_packet") == (1, pytest.approx(world.room.pace.hold, abs=0.05))
    assert measured(world, "first_packet_to_voice") == (1, pytest.approx(world.avatar.behavior.thinking, abs=0.05))
    assert measured(world, "caption_skew") == (1, pytest.approx(0, abs=0.05))


@in_memory()
async def test_waiting_for_ones_turn_is_not_the_services_time(world: MemoryWorld) -> None:
    await begun(world)
    await world.room.say("A long story. " * 40, world.room.thread)
    await world.room.say("And then?", world.room.thread)
    await world.until(lambda: measured(world, "said_to_first_packet")[0] == 2)
    assert measured(world, "said_to_first_packet")[1] < 0.2


@in_memory()
async def test_an_answer_under_an_id_of_its_own_is_followed(world: MemoryWorld) -> None:
    world.provider.behavior = replace(world.provider.behavior, own_ids=True)
    traces = await begun(world)
    await world.room.say("Hello", world.room.thread)
    await world.until(lambda: bool(traces.seen))
    assert set(traces.seen[0].after) == LATER


@in_memory()
async def test_in_retelling_a_turn_ends_without_a_post(world: MemoryWorld) -> None:
    traces = await begun(world, mode="retelling")
    await world.room.say("Hello", world.room.thread)
    await world.until(lambda: bool(traces.seen))
    assert LATER - set(traces.seen[0].after) == {TurnMoment.FIRST_POST, TurnMoment.FINAL_POST}


@in_memory()
async def test_a_session_that_ends_leaves_no_turn_behind(world: MemoryWorld) -> None:
    traces = await begun(world)
    await world.room.say("A long story. " * 40, world.room.thread)
    await asyncio.sleep(2)
    await world.room.command("stop", world.room.thread)
    await world.ended()
    await asyncio.sleep(10)
    times = world.service.services.turn_times
    assert [len(traces.seen), times._turns, times._answers] == [1, {}, {}]


@in_memory()
async def test_status_tells_how_fast_it_answers(world: MemoryWorld) -> None:
    await begun(world)
    assert "Answers after" not in await status(world)
    await world.room.say("Hello", world.room.thread)
    await world.until(lambda: measured(world, "caption_skew")[0] == 1)
    told = await status(world)
    assert re.search(r"Answers after 0\.\d s, of which ours 0\.\d+ s\.", told), told


@in_memory()
async def test_a_start_is_measured_until_the_avatar_is_live(world: MemoryWorld) -> None:
    await begun(world)
    assert measured(world, "start_to_live") == (1, pytest.approx(ARRIVES_AFTER, abs=0.2))


@in_memory()
async def test_a_renewals_gap_is_measured(world: MemoryWorld) -> None:
    await begun(world, minutes="1")
    assert measured(world, "renewal_gap") == (1, pytest.approx(0, abs=0.01))  # side by side
    world.provider.concurrency = 1
    await asyncio.sleep(60)
    assert measured(world, "renewal_gap") == (2, pytest.approx(ARRIVES_AFTER / 2, abs=0.1))


@virtual
async def test_a_first_picture_counts_from_the_avatars_being_there() -> None:
    took: list[float] = []
    media = MediaFanout(took.append)
    player = Player(media, lambda: None, lambda _: True)
    with media.watching(player, TOLD):
        await asyncio.sleep(100)  # asleep
        media.discontinuity()
        await asyncio.sleep(0.25)
        media.show(AudioFrame("2", 16_000, 1, 0, b""))
        assert took == []
        for _ in range(3):
            media.show(KEY)
        media.discontinuity()
        media.show(KEY)
    assert took == [pytest.approx(0.25)]
