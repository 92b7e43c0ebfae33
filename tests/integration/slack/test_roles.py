"""Slack where several processes share the work: who receives nothing writes all the same, and nobody takes the others for strangers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.slack.health import ECHO_WITHIN_S, Health, Looks, Peers
from adapters.slack.platform import SlackPlatform
from bot.domain.errors import SettingsError
from bot.testing.vault import FakeSecretVault
from tests.contract.platform.cards import CARD
from tests.contract.platform.harness import RecordingCore
from tests.integration.slack.fake import FakeSlack
from tests.integration.slack.fake.server import APP_TOKEN
from tests.integration.slack.harness import GENERAL, MovableClock, SlackHarness, slack_settings
from tests.patience import until


@asynccontextmanager
async def sending(fake: FakeSlack, **given: str) -> AsyncIterator[SlackPlatform]:
    """A platform that runs and receives nothing."""
    settings = slack_settings(fake, SLACK_SIGNING_SECRET="", **given)
    platform = SlackPlatform(settings, RecordingCore(), FakeSecretVault(), MovableClock(), receives=False)
    running = asyncio.create_task(platform.run())
    try:
        await until(lambda: fake.called("auth.test"))
        yield platform
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_a_sender_posts_and_opens_no_connection(http: SlackHarness) -> None:
    async with sending(http.fake, SLACK_APP_TOKEN=APP_TOKEN) as platform:
        opened = await platform.post_card(GENERAL, CARD)
        await platform.update_card(opened.card, opened.thread, CARD)
        await platform.notify(opened.thread, "It goes on here.")

        assert (await platform.channel(GENERAL)).name == "#general"
        assert platform.connection().problem == ""
        assert http.fake.sockets == []
        assert http.fake.called("apps.connections.open") == []


async def test_a_sender_needs_a_bots_token_alone(http: SlackHarness) -> None:
    async with sending(http.fake) as platform:
        assert platform.mounts() == ()
    with pytest.raises(SettingsError, match="SLACK_APP_TOKEN"):
        SlackPlatform(
            slack_settings(http.fake, SLACK_SIGNING_SECRET=""), RecordingCore(), FakeSecretVault(), MovableClock()
        )


@pytest.mark.parametrize("alone", [True, False])
def test_what_other_processes_hear_is_no_silence_of_slacks(alone: bool) -> None:
    now = [0.0]
    health = Health(MovableClock(), lambda: now[0], alone=lambda: alone)
    health.posted()
    health.posted()
    now[0] += ECHO_WITHIN_S + 1
    assert bool(health.state().problem) is alone


@pytest.mark.parametrize("alone", [True, False])
def test_the_connections_of_other_gateways_are_no_strangers(alone: bool) -> None:
    health = Health(MovableClock(), alone=lambda: alone)
    peers = Peers(health, looks=Looks(certain_after=0.0))
    peers.ours(2)
    assert (peers.told(4) is not None) is alone
    assert ("SLACK_APP_TOKEN" in health.state().problem) is alone
