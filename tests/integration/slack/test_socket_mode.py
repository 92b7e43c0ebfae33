"""Socket Mode when things go wrong: refreshes, refused handshakes, dead sockets, a switched-off app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from adapters.slack.health import SENTENCES, HealthPart, Looks, Peers, check_token
from adapters.slack.platform import SlackPlatform
from adapters.slack.socket_mode import DEAD_AFTER, SocketMode
from bot.domain.conversations import MessagePosted, NoSession
from bot.domain.errors import SettingsError
from bot.testing.vault import FakeSecretVault
from tests.contract.platform.cards import final
from tests.contract.platform.harness import ANN
from tests.integration.slack.fake import Grant, payloads
from tests.integration.slack.fake.server import ACK_S, APP_TOKEN, Trouble
from tests.integration.slack.fake.workspace import ALL_SCOPES, BOT_TOKEN
from tests.integration.slack.harness import GENERAL, SlackHarness, slack_settings
from tests.patience import until


async def words(harness: SlackHarness) -> list[str]:
    return [inbound.body.text for inbound in harness.core.inbounds if isinstance(inbound.body, MessagePosted)]


async def test_a_refresh_leaves_no_gap(socket: SlackHarness) -> None:
    for n in range(6):
        if n == 2:
            await socket.fake.disconnect("warning", close=False)
        await socket.write(ANN, f"Number {n}", GENERAL)
    assert await words(socket) == [f"Number {n}" for n in range(6)]
    await until(lambda: len(socket.fake.sockets) == 2)


async def test_a_dropped_connection_comes_back(socket: SlackHarness) -> None:
    await socket.fake.sockets[0].close()
    await until(lambda: len(socket.fake.called("apps.connections.open")) == 3 and len(socket.fake.sockets) == 2)


async def test_a_refused_handshake_is_tried_with_a_fresh_ticket(socket: SlackHarness) -> None:
    socket.fake.tickets_refused.extend([408, 408])
    await socket.fake.sockets[0].close()
    await until(lambda: len(socket.fake.tickets_tried) == 5)
    assert len(set(socket.fake.tickets_tried)) == 5


@asynccontextmanager
async def watched(harness: SlackHarness, quiet_s: float, peers: Peers | None = None) -> AsyncIterator[None]:
    """Two connections that ask after so short a silence."""
    platform = harness.platform
    assert isinstance(platform, SlackPlatform)
    mode = SocketMode(platform._deliveries, platform._web, APP_TOKEN, peers or Peers(platform._health), quiet_s)
    running = asyncio.create_task(mode.run())
    yield
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await platform.aclose()


async def test_a_dead_socket_is_noticed(http: SlackHarness) -> None:
    """It takes what we send and says nothing, not even to a ping."""
    http.fake.deaf = True
    async with watched(http, 0.05):
        await until(lambda: len(http.fake.tickets_tried) >= 4)


async def test_a_quiet_socket_that_answers_is_kept(http: SlackHarness) -> None:
    async with watched(http, 0.1):
        await until(lambda: len(http.fake.sockets) == 2)
        before, enough = list(http.fake.sockets), http.fake.pings + 2 * (2 + DEAD_AFTER)
        await until(lambda: http.fake.pings >= enough or http.fake.sockets != before)
        assert http.fake.sockets == before


async def test_what_was_not_committed_is_not_acknowledged(socket: SlackHarness) -> None:
    socket.fake.ack_s = 0.3
    socket.core.unavailable = True
    body = payloads.event(payloads.message("U0ANN", "hello", "C0GENERAL", "1790000000.000001"))
    assert (await socket.fake.deliver(payloads.EVENT, body))[0] == 0

    socket.core.unavailable = False
    socket.fake.ack_s = ACK_S
    assert (await socket.fake.deliver(payloads.EVENT, body))[0] == 200


async def test_a_command_is_answered_in_the_acknowledgement(socket: SlackHarness) -> None:
    socket.core.outcome = NoSession("None is live here.")
    await socket.slash(ANN, "say hello", GENERAL)
    assert (ANN, "None is live here.") in socket.told


async def test_nonsense_breaks_no_connection(socket: SlackHarness) -> None:
    for text in ("", "{", "[]", '{"envelope_id": "x"}', '{"envelope_id": "y", "payload": {"event": 5, "type": 7}}'):
        for connection in socket.fake.sockets:
            await connection.send_str(text)
    await socket.write(ANN, "hello", GENERAL)
    assert await words(socket) == ["hello"]
    assert len(socket.fake.tickets_tried) == 2


async def test_a_hiccup_of_slack_is_waited_out(socket: SlackHarness) -> None:
    socket.fake.troubles["apps.connections.open"] = Trouble(status=503, times=2)
    await socket.fake.sockets[0].close()
    await until(lambda: len(socket.fake.sockets) == 2)


@pytest.mark.parametrize("token", ["xoxb-test", "xapp-revoked"])
async def test_a_wrong_token_is_for_the_operator(http: SlackHarness, token: str) -> None:
    settings = slack_settings(http.fake, SLACK_APP_TOKEN=token)
    platform = SlackPlatform(settings, http.core, FakeSecretVault(), http.clock)
    with pytest.raises(SettingsError, match="SLACK_APP_TOKEN"):
        await platform.run()


async def test_a_mode_switched_off_is_for_the_operator(socket: SlackHarness) -> None:
    assert socket._running
    await socket.fake.disconnect("link_disabled", close=False)
    with pytest.raises(SettingsError, match="switched off"):
        await socket._running
    socket._running = asyncio.create_task(asyncio.sleep(0))


async def test_others_with_our_token_are_noticed_and_lose_nothing(http: SlackHarness) -> None:
    platform = http.platform
    assert isinstance(platform, SlackPlatform)
    http.fake.others = 1
    peers = Peers(platform._health, looks=Looks(certain_after=0.3, until_then=0.2, after=0.2, pause=0.1))
    async with watched(http, 10.0, peers):
        await until(lambda: platform.connection().problem == SENTENCES[HealthPart.SHARED])
        http.fake.others = 0
        await until(lambda: not platform.connection().problem)
        await until(lambda: len(http.fake.sockets) == 2)


async def test_a_lost_connection_is_seen(socket: SlackHarness) -> None:
    assert not socket.platform.connection().problem
    socket.fake.tickets_refused.extend([503] * 3)
    for connection in list(socket.fake.sockets):
        await connection.close()
    await until(lambda: socket.platform.connection().problem == SENTENCES[HealthPart.SOCKET])
    await until(lambda: not socket.platform.connection().problem)


@pytest.mark.parametrize(
    ("grant", "told"),
    [(Grant(revoked=True), "SLACK_BOT_TOKEN"), (Grant(scopes=ALL_SCOPES - {"channels:history"}), "channels:history")],
)
async def test_a_token_or_a_scope_taken_away_is_seen(http: SlackHarness, grant: Grant, told: str) -> None:
    platform = http.platform
    assert isinstance(platform, SlackPlatform)
    http.fake.grants[BOT_TOKEN] = grant
    await check_token(platform._web, BOT_TOKEN, platform._health)
    assert told in platform.connection().problem
    http.fake.grants[BOT_TOKEN] = Grant()
    await check_token(platform._web, BOT_TOKEN, platform._health)
    assert not platform.connection().problem


async def test_our_own_messages_count_as_heard(http: SlackHarness) -> None:
    """They are sorted out before they reach us; that they come at all says that messages are delivered."""
    platform = http.platform
    assert isinstance(platform, SlackPlatform)
    for _ in range(3):
        await platform.post(GENERAL, final("Hello"), "k")
    assert platform._health._unheard == 3
    await http._echo()
    assert platform._health._unheard == 0
    assert http.core.inbounds == []
