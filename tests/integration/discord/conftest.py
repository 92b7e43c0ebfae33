from collections.abc import AsyncIterator

import pytest

from tests.integration.discord.fake import FakeDiscord, open_fake
from tests.integration.discord.wire import Wire, running
from tests.integration.discord.world import World, open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world() as opened:
        yield opened


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with open_fake() as fake:
        yield fake


@pytest.fixture
async def wire(discord: FakeDiscord) -> AsyncIterator[Wire]:
    """A platform that runs and has heard one message."""
    async with running(Wire(discord)) as opened:
        await opened.write("First")
        assert await opened.core.texts(1) == ["First"]
        yield opened
