"""Over the wire: buckets that are empty for minutes, limits for all of a bot, connections that end, and files."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from discord.http import Route

from adapters.discord.client import Rest
from adapters.discord.command_sync import CommandSync
from adapters.discord.commands import CommandMentions
from adapters.discord.limits import calls_of_bot, looks_at_commands
from adapters.discord.platform import DiscordPlatform
from bot.clock import SystemClock
from bot.domain.conversations import File, Question, Reply
from bot.domain.errors import PlatformError, Throttled
from bot.ports.processes import LocalBudgets
from bot.testing import FakeSecretVault
from tests.contract.platform.cards import CARD, LIVE, OTHER
from tests.integration.discord.fake import BOT, CHANNEL, USER, Answer, FakeDiscord, Limits, command
from tests.integration.discord.wire import PLACE, Heard, Wire, settings
from tests.patience import HANG_S

POST = f"POST /channels/{CHANNEL}/messages"
THREADS = f"POST /channels/{CHANNEL}/messages/\\d+/threads"
DELETE = f"DELETE /channels/{CHANNEL}/messages/\\d+"
COMMANDS = "GET /applications/\\d+/commands"
ANSWER = "PATCH /webhooks/.*"
ME = Route("GET", "/users/@me")


def only(threads: int) -> Limits:
    """So many threads in five minutes."""
    return Limits({"threads": (f"({THREADS})", threads, 300.0)})


async def test_as_many_threads_are_opened_as_discord_allows_without_waiting(wire: Wire) -> None:
    wire.discord.limits = only(threads=2)

    async with asyncio.timeout(HANG_S):
        cards = [await wire.platform.post_card(PLACE, card) for card in (CARD, OTHER)]

    assert [opened.thread.thread_id for opened in cards] == [opened.card.message_id for opened in cards]


async def test_a_long_thread_limit_is_not_waited_for(wire: Wire) -> None:
    wire.discord.limits = only(threads=1)
    opened = await wire.platform.post_card(PLACE, CARD)

    async with asyncio.timeout(HANG_S):
        with pytest.raises(PlatformError, match="again in 5 minutes"):
            await wire.platform.post_card(PLACE, OTHER)

    assert wire.discord.refused == []
    assert [m["id"] for m in wire.discord.messages.values() if m["author"] == USER] == [opened.card.message_id]


async def test_a_card_without_its_thread_is_withdrawn_and_retried(wire: Wire) -> None:
    wire.discord.next_answers(THREADS, Answer(400, {"code": 50035, "message": "no"}))
    with pytest.raises(PlatformError):
        await wire.platform.post_card(PLACE, CARD)
    assert len(wire.discord.made(DELETE)) == 1

    opened = await wire.platform.post_card(PLACE, CARD)  # Discord gives the message back that was deleted

    assert [m["id"] for m in wire.discord.messages.values() if m["author"] == USER] == [opened.card.message_id]


async def test_a_start_that_is_cut_off_leaves_no_card(wire: Wire) -> None:
    wire.discord.next_answers(THREADS, Answer(201, {}, slow=30))
    starting = asyncio.create_task(wire.platform.post_card(PLACE, CARD))
    await wire.discord.until(lambda: wire.discord.made(THREADS))

    starting.cancel()
    await asyncio.wait([starting])

    assert starting.cancelled()
    assert len(wire.discord.made(DELETE)) == 1


async def test_a_card_posted_before_a_crash_is_found(wire: Wire) -> None:
    first = await wire.platform.post_card(PLACE, CARD)

    again = await wire.platform.post_card(PLACE, LIVE)

    assert again == first
    assert wire.discord.made(POST)[0].body["nonce"] == CARD.key


async def test_a_card_that_replaces_another_is_posted_once(wire: Wire) -> None:
    opened = await wire.platform.post_card(PLACE, CARD)
    del wire.discord.messages[opened.card.message_id]

    shown = [await wire.platform.update_card(opened.card, opened.thread, card) for card in (LIVE, LIVE)]

    assert shown[0] == shown[1]


async def test_cancelling_in_a_global_pause_stops_no_other_call(wire: Wire) -> None:
    everybody = {"retry_after": 20.0, "global": True, "message": "slow down"}
    wire.discord.next_answers("GET /users/@me", Answer(429, everybody, {"Via": "1.1 google"}))

    with pytest.raises(PlatformError, match="cannot be reached"):
        await wire.platform._rest.call(ME, within=0.2)  # runs out

    async with asyncio.timeout(HANG_S):
        assert (await wire.platform._rest.call(ME))["id"] == USER["id"]


@pytest.mark.parametrize("look", [CommandSync.learn, CommandSync.run])
async def test_who_looks_at_commands_waits_its_turn(
    wire: Wire, look: Callable[[CommandSync, int], Awaitable[None]]
) -> None:
    """Each process looks as it starts: of many that start together more than ten would in a minute."""
    budgets = LocalBudgets()
    await looks_at_commands(budgets).pause(60)
    await wire.discord.until(lambda: wire.discord.made(COMMANDS))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):  # runs out
            await look(CommandSync(wire.platform._rest, wire.settings, CommandMentions(), budgets=budgets), int(BOT))

    assert len(wire.discord.made(COMMANDS)) == 1


async def test_a_long_refusal_of_one_route_is_told_at_once(wire: Wire) -> None:
    long = {"retry_after": 300.0, "global": False, "message": "slow down"}
    wire.discord.next_answers("GET /users/@me", Answer(429, long, {"Via": "1.1 google"}))

    with pytest.raises(PlatformError, match="again in 5 minutes"):
        await wire.platform._rest.call(ME)

    assert await calls_of_bot(wire.budgets).paused() < 1


async def test_a_long_refusal_of_all_pauses_everybody(wire: Wire) -> None:
    long = {"retry_after": 300.0, "global": True, "message": "slow down"}
    headers = {"Via": "1.1 google", "X-RateLimit-Global": "true"}
    wire.discord.next_answers("GET /users/@me", Answer(429, long, headers))

    with pytest.raises(Throttled):
        await wire.platform._rest.call(ME)

    assert await calls_of_bot(wire.budgets).paused() > 290


async def test_a_call_that_hangs_has_an_end(wire: Wire) -> None:
    wire.discord.next_answers("GET /users/@me", Answer(200, USER, slow=HANG_S))

    with pytest.raises(PlatformError, match="cannot be reached"):
        await wire.platform._rest.call(ME, within=0.1)  # runs out


async def test_without_a_connection_nothing_is_said_to_be_done() -> None:
    with pytest.raises(PlatformError) as told:
        await Rest(lambda: None, pauses=(0.01,)).call(ME)

    assert not told.value.final


async def test_a_client_whose_session_is_closed_is_not_connected(wire: Wire) -> None:
    client = wire.platform._client
    assert client is not None
    await client.http.close()

    with pytest.raises(PlatformError, match="cannot be reached"):
        await Rest(lambda: client.http, pauses=()).call(ME)


async def test_a_client_not_logged_in_is_not_connected() -> None:
    platform = DiscordPlatform(settings(), Heard(), SystemClock(), FakeSecretVault())
    platform.new_client()

    with pytest.raises(PlatformError, match="cannot be reached"):
        await Rest(platform._http, pauses=()).call(ME)


@pytest.mark.parametrize(
    "odd",
    [
        Answer(429, {"message": "no word of when"}, {"Via": "1.1 google"}),
        Answer(200, "a page of somebody else's", {"Content-Type": "text/html"}),
    ],
)
async def test_an_answer_that_is_not_discords_is_our_error(discord: FakeDiscord, wire: Wire, odd: Answer) -> None:
    client = wire.platform._client
    assert client is not None
    discord.next_answers("GET /users/@me", odd)

    with pytest.raises(PlatformError, match="cannot be reached"):
        await Rest(lambda: client.http, pauses=()).call(ME)


async def asked(wire: Wire, reply: Reply) -> None:
    """Ann has asked, and this is what she is answered."""
    wire.core.outcome, wire.core.reply = Question(), reply
    await wire.discord.dispatch("INTERACTION_CREATE", command("usage"))


async def test_a_file_arrives_as_it_is_even_the_second_time(wire: Wire) -> None:
    content = bytes(range(256)) * 100
    wire.discord.next_answers(ANSWER, Answer(503))

    await asked(wire, Reply("The transcript.", file=File("talk.md", "text/markdown", content)))

    await wire.discord.until(lambda: len(wire.discord.made(ANSWER)) == 2)
    calls = wire.discord.made(ANSWER)
    assert [call.contents for call in calls] == [(content,)] * 2
    assert calls[-1].body["content"] == "The transcript."
    assert calls[-1].body["attachments"] == [{"id": "0", "filename": "talk.md"}]


async def test_a_picture_has_a_text_alternative(wire: Wire) -> None:
    await asked(wire, Reply("Used.", file=File("chart.png", "image/png", b"PNG", "Bar chart.")))

    await wire.discord.until(lambda: wire.discord.made(ANSWER))
    (call,) = wire.discord.made(ANSWER)
    assert call.body["attachments"] == [{"id": "0", "filename": "chart.png", "description": "Bar chart."}]
