"""A Slack and an adapter that talk to each other, over HTTP or over sockets."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.slack.harness import SlackHarness, open_slack


@pytest.fixture
async def http() -> AsyncIterator[SlackHarness]:
    async with open_slack(socket=False) as harness:
        yield harness


@pytest.fixture
async def socket() -> AsyncIterator[SlackHarness]:
    async with open_slack(socket=True) as harness:
        yield harness
