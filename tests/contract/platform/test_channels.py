"""Channels have the names that people know them by."""

from dataclasses import replace

import pytest

from bot.domain.conversations import Channel
from tests.contract.platform.cards import CARD
from tests.contract.platform.harness import PlatformHarness, needs


async def test_a_channel_has_its_name(harness: PlatformHarness) -> None:
    assert await harness.platform.channel(harness.place) == Channel(harness.place_name)


async def test_a_thread_goes_by_the_name_of_its_channel(harness: PlatformHarness) -> None:
    opened = await harness.platform.post_card(harness.place, CARD)

    assert await harness.platform.channel(opened.thread) == Channel(harness.place_name)


async def test_a_private_channel_says_so(harness: PlatformHarness) -> None:
    if not harness.abilities.has_private_channels:
        pytest.skip("this platform has no channel that somebody is not in")
    await harness.make_private(harness.place)

    assert await harness.platform.channel(harness.place) == Channel(harness.place_name, private=True)


async def test_an_unknown_channel_shows_its_id_and_counts_as_private(harness: PlatformHarness) -> None:
    needs(harness.abilities.has_threads, "this platform is one place")
    channel = await harness.platform.channel(replace(harness.place, channel_id="404"))

    assert (channel.name.removeprefix("#"), channel.private) == ("404", harness.abilities.has_private_channels)


async def test_a_lost_channel_is_still_called_something(harness: PlatformHarness) -> None:
    await harness.lose_place(harness.place)

    assert (await harness.platform.channel(harness.place)).name in {harness.place_name, harness.place.channel_id}
