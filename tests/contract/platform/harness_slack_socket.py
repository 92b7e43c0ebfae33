"""Slack over Socket Mode."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.contract.platform.harness import PlatformHarness
from tests.integration.slack.harness import open_slack


@asynccontextmanager
async def open_harness() -> AsyncIterator[PlatformHarness]:
    async with open_slack(socket=True) as harness:
        yield harness
