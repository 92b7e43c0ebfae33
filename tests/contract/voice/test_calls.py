"""What every platform's voice channels promise."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.domain.errors import PlatformError
from bot.ports.room import AudioFrame
from bot.ports.voice import VoiceCallEnded, VoiceEvent
from tests.contract.voice.conftest import VoiceHarness
from tests.patience import HANG_S


async def test_who_is_there_is_told_at_each_change(harness: VoiceHarness) -> None:
    await harness.enter(harness.ann, "Lounge")
    async with harness.voice.call(harness.place, harness.ann, "") as call, asyncio.timeout(HANG_S):
        events = call.events()
        first = await anext(events)
        assert (first.channel_name, first.people) == ("Lounge", frozenset({harness.ann}))
        await harness.enter(harness.ben, "Lounge")
        assert (await anext(events)).people == frozenset({harness.ann, harness.ben})
        await harness.leave(harness.ann)
        assert (await anext(events)).people == frozenset({harness.ben})


async def test_a_named_channel_goes_before_one_s_own(harness: VoiceHarness) -> None:
    await harness.enter(harness.ann, "Lounge")
    async with harness.voice.call(harness.place, harness.ann, "Hall") as call, asyncio.timeout(HANG_S):
        first = await anext(call.events())
        assert (first.channel_name, first.people) == ("Hall", frozenset())


@pytest.mark.parametrize("channel", ["Nowhere", ""])
async def test_without_such_a_channel_there_is_no_call(harness: VoiceHarness, channel: str) -> None:
    with pytest.raises(PlatformError):
        async with harness.voice.call(harness.place, harness.ann, channel):
            pass


async def test_a_workspace_has_one_call_at_a_time(harness: VoiceHarness) -> None:
    await harness.enter(harness.ann, "Lounge")
    async with harness.voice.call(harness.place, harness.ann, ""):
        with pytest.raises(PlatformError, match="Another avatar is in a voice channel"):
            async with harness.voice.call(harness.place, harness.ann, "Hall"):
                pass
    async with harness.voice.call(harness.place, harness.ann, "Hall") as call, asyncio.timeout(HANG_S):
        assert (await anext(call.events())).channel_name == "Hall"


async def test_what_is_told_stands_in_the_channel(harness: VoiceHarness) -> None:
    await harness.enter(harness.ann, "Lounge")
    async with harness.voice.call(harness.place, harness.ann, "") as call:
        await call.tell("Alma is heard here.")
        assert harness.written("Lounge") == ["Alma is heard here."]


async def test_sound_and_its_interruption_never_wait(harness: VoiceHarness) -> None:
    await harness.enter(harness.ann, "Lounge")
    async with harness.voice.call(harness.place, harness.ann, "") as call:
        for _ in range(100):
            call.play(AudioFrame("1", 24_000, 1, 0, bytes(960)))
        call.interrupt()


@pytest.mark.parametrize("final", [True, False], ids=["taken out", "broken off"])
async def test_the_end_says_whether_it_is_wanted(harness: VoiceHarness, final: bool) -> None:
    await harness.enter(harness.ann, "Lounge")
    async with harness.voice.call(harness.place, harness.ann, "") as call, asyncio.timeout(HANG_S):
        events = call.events()
        await anext(events)
        await (harness.take_out() if final else harness.break_off())
        with pytest.raises(VoiceCallEnded) as ended:
            await _last(events)
        assert ended.value.final is final
        assert ended.value.sentence


async def _last(events: AsyncIterator[VoiceEvent]) -> None:
    async for _ in events:
        pass
