"""Over the wire, production code unchanged: what breaks, what is repeated, and what is said when nothing helps."""

import asyncio
from typing import Any

import pytest

from adapters.discord.conversations import server
from bot.domain.conversations import (
    Inbound,
    Link,
    MessageDeleted,
    MessageEdited,
    NoSession,
    Outcome,
    Question,
    Refused,
    Reply,
)
from bot.domain.errors import (
    IN_DOUBT,
    BeingAnswered,
    MessageGone,
    PlaceGone,
    PlatformError,
    StoreUnavailable,
    Throttled,
    WriteInDoubt,
)
from bot.testing import FakeSecretVault
from tests.contract.platform.cards import CARD, LIVE, final, growing
from tests.integration.discord.fake import (
    ANN,
    CHANNEL,
    GUILD,
    USER,
    Answer,
    FakeDiscord,
    command,
    direct_with,
    guild,
    press,
)
from tests.integration.discord.wire import PLACE, Heard, Wire, running, settings

POST = f"POST /channels/{CHANNEL}/messages"
PATCH = f"PATCH /channels/{CHANNEL}/messages/\\d+"


@pytest.mark.parametrize("trouble", [Answer(503), Answer(0, reset=True), Answer(502)])
async def test_a_post_is_repeated_and_stands_there_once(wire: Wire, trouble: Answer) -> None:
    wire.discord.next_answers(POST, trouble)

    ref = await wire.platform.post(PLACE, final("Hello"), "0199aa-0001")

    assert [call.body["nonce"] for call in wire.discord.made(POST)] == ["0199aa-0001"] * 2
    assert wire.discord.messages[ref.message_id]["content"] == "**Mia:** Hello"


async def test_what_was_posted_before_a_crash_is_edited(wire: Wire) -> None:
    first = await wire.platform.post(PLACE, final("Half a sen"), "0199aa-0001")

    again = await wire.platform.post(PLACE, final("Half a sentence."), "0199aa-0001")

    assert again == first
    assert wire.discord.messages[first.message_id]["content"] == "**Mia:** Half a sentence."


async def test_a_limit_is_waited_for(wire: Wire) -> None:
    limited = Answer(429, {"retry_after": 0.2, "global": False, "message": "slow down"}, {"Via": "1.1 google"})
    wire.discord.next_answers(POST, limited)

    await wire.platform.post(PLACE, final("Hello"), "k1")

    assert len(wire.discord.made(POST)) == 2


async def test_the_front_door_slows_everybody_down(wire: Wire) -> None:
    wire.discord.next_answers(POST, Answer(429, {"message": "banned"}, {"Retry-After": "17"}))

    with pytest.raises(Throttled) as told:
        await wire.platform.post(PLACE, final("Hello"), "k1")

    assert told.value.retry_after == 17
    assert len(wire.discord.made(POST)) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, 10003, PlaceGone),
        (403, 50001, PlaceGone),
        (403, 50013, PlaceGone),
        (400, 50083, PlaceGone),
        (400, 30046, MessageGone),
        (404, 10008, MessageGone),
        (400, 50035, PlatformError),
    ],
)
async def test_a_refusal_says_what_it_means(wire: Wire, status: int, code: int, error: type[PlatformError]) -> None:
    ref = await wire.platform.post(PLACE, final("Hello"), "k1")
    wire.discord.next_answers(PATCH, Answer(status, {"code": code, "message": "no"}))

    with pytest.raises(error) as told:
        await wire.platform.edit(ref, final("Hello again"))

    assert told.value.final is (error is PlaceGone)


@pytest.mark.parametrize("odd", [{"webhook_id": "77"}, {"author": {**USER, "id": "78"}}, {"type": 7}])
async def test_machines_and_notices_are_not_listened_to(wire: Wire, odd: dict[str, Any]) -> None:
    await wire.discord.dispatch("MESSAGE_CREATE", wire.discord.message("I am a machine") | odd)
    await wire.write("Second")

    assert await wire.core.texts(2) == ["First", "Second"]


async def late(wire: Wire, reply: Reply) -> None:
    """Ann asked with a command that was not acknowledged in time."""
    wire.core.outcome, wire.core.reply = Question(), reply
    wire.discord.next_answers("POST /interactions/.*", Answer(404, {"code": 10062, "message": "Unknown interaction"}))
    await wire.discord.dispatch("INTERACTION_CREATE", command("status"))


async def test_a_late_answer_stands_in_the_channel(wire: Wire) -> None:
    await late(wire, Reply("Nobody is live here."))
    await wire.discord.until(lambda: told(wire))

    (posted,) = wire.discord.made(POST)
    assert posted.body["content"] == f"<@{ANN}> Nobody is live here."
    assert posted.body["allowed_mentions"] == {"parse": [], "users": [ANN]}
    assert wire.discord.made("(PATCH|POST) /webhooks/.*|POST /users/@me/channels") == []


async def test_what_is_private_comes_directly_when_late(wire: Wire) -> None:
    await late(wire, Reply("Your link.", link=Link("Watch", "https://bot.example/v/#secret")))
    await wire.discord.until(lambda: told(wire))

    assert wire.discord.made(POST) == []
    assert "secret" in str(wire.discord.made(f"POST /channels/{direct_with(ANN)}/messages")[0].body)


async def test_a_late_answer_finds_another_way_than_a_closed_channel(wire: Wire) -> None:
    wire.discord.next_answers(POST, Answer(403, {"code": 50013, "message": "no"}))
    await late(wire, Reply("Nobody is live here."))
    await wire.discord.until(lambda: len(told(wire)) == 2)

    assert "Nobody is live here." in wire.discord.made(f"POST /channels/{direct_with(ANN)}/messages")[0].body["content"]


async def test_an_acknowledgement_in_doubt_is_tried_first(wire: Wire) -> None:
    """It arrived, and what came back is not Discord's."""
    wire.core.outcome, wire.core.reply = Question(), Reply("Nobody is live here.")
    wire.discord.next_answers("POST /interactions/.*", Answer(429, {"message": "?"}, {"Retry-After": "1"}))
    wire.discord.acknowledged.add("interaction-token")

    await wire.discord.dispatch("INTERACTION_CREATE", command("status"))
    await wire.discord.until(lambda: wire.discord.made("PATCH /webhooks/.*"))

    assert told(wire) == []


def told(wire: Wire) -> list[str]:
    return [each.body["content"] for each in wire.discord.made("POST /channels/.*/messages")]


@pytest.mark.parametrize("outcome", [Question(), Refused("Ten messages wait already.")])
async def test_a_message_that_comes_twice_is_answered_once(wire: Wire, outcome: Outcome) -> None:
    wire.core.outcome, wire.core.reply = outcome, Reply("Ten messages wait already.")
    said = wire.discord.message("Hello")
    for _ in range(2):
        await wire.discord.dispatch("MESSAGE_CREATE", said)
    assert len(await wire.core.texts(3)) == 3
    wire.core.outcome = Refused("Too long.")
    await wire.discord.dispatch("MESSAGE_CREATE", wire.discord.message("And you?"))
    await wire.discord.until(lambda: "Too long." in told(wire))

    assert sum(text.startswith("Ten messages wait already.") for text in told(wire)) == 1


@pytest.mark.parametrize("outcome", [Question(), Refused("Ten messages wait already."), NoSession("Nobody is live.")])
async def test_a_command_that_comes_twice_is_answered_once(wire: Wire, outcome: Outcome) -> None:
    wire.core.outcome, wire.core.reply = outcome, Reply("Nobody is live.")
    for _ in range(2):
        await wire.discord.dispatch("INTERACTION_CREATE", command("status"))
        await wire.until(lambda: len(wire.core.answered) == 1)
    await wire.discord.dispatch("INTERACTION_CREATE", command("usage", 501, "another"))
    for token in ("interaction-token", "another"):
        await wire.discord.until(lambda token=token: wire.discord.made(f"PATCH /webhooks/\\d+/{token}/.*"))

    assert len(wire.discord.made("(PATCH|POST) /webhooks/\\d+/interaction-token.*")) == 1


@pytest.mark.parametrize("event", ["MESSAGE_CREATE", "INTERACTION_CREATE"])
async def test_what_another_process_answers_is_not_told_beside(wire: Wire, event: str) -> None:
    """By a look-up that overlaps, or where a shard is received twice for a moment."""
    wire.core.fault = BeingAnswered("Another delivery of the same is being answered.")
    asked = command("status") if event == "INTERACTION_CREATE" else wire.discord.message(f"<@{USER['id']}> status?")
    await wire.discord.dispatch(event, asked)
    await wire.until(lambda: wire.core.fault is None)
    wire.core.outcome = Refused("Too long.")
    await wire.discord.dispatch("MESSAGE_CREATE", wire.discord.message("And you?"))
    await wire.discord.until(lambda: told(wire))

    assert told(wire) == ["Too long."]
    assert wire.discord.made("(PATCH|POST) /webhooks/.*") == []


@pytest.mark.parametrize("event", ["MESSAGE_CREATE", "INTERACTION_CREATE"])
async def test_what_may_have_been_taken_is_not_called_untaken(wire: Wire, event: str) -> None:
    """The database was lost while it committed, and is still away."""
    wire.core.fault, wire.core.away = WriteInDoubt("lost in COMMIT"), True
    asked = command("stop") if event == "INTERACTION_CREATE" else wire.discord.message(f"<@{USER['id']}> stop")
    await wire.discord.dispatch(event, asked)
    await wire.discord.until(lambda: wire.discord.made(f"{POST}|PATCH /webhooks/.*"))

    assert IN_DOUBT in [call.body["content"] for call in wire.discord.made(f"{POST}|PATCH /webhooks/.*")]


async def test_a_command_is_acknowledged_before_it_is_answered(wire: Wire) -> None:
    wire.core.outcome, wire.core.reply = Question(), Reply("Nobody is live here.")

    await wire.discord.dispatch("INTERACTION_CREATE", command("status"))
    await wire.discord.until(lambda: wire.discord.made("PATCH /webhooks/.*"))

    acked = wire.discord.made("POST /interactions/.*")[0].body
    assert acked == {"type": 5, "data": {"flags": 64}}
    assert wire.discord.made("PATCH /webhooks/.*")[0].body["content"] == "Nobody is live here."


async def test_a_transcript_shows_no_previews_of_links(wire: Wire) -> None:
    ref = await wire.platform.post(PLACE, growing("See https://example.com/a"), "k1")
    await wire.platform.edit(ref, final("See https://example.com/a_b"))

    assert [call.body["flags"] for call in (*wire.discord.made(POST), *wire.discord.made(PATCH))] == [4, 4]


async def test_typing_is_shown(wire: Wire) -> None:
    await wire.platform.start_typing(PLACE)

    assert len(wire.discord.made(f"POST /channels/{CHANNEL}/typing")) == 1


async def test_a_card_over_its_edit_limit_is_posted_anew(wire: Wire) -> None:
    opened = await wire.platform.post_card(PLACE, CARD)
    wire.discord.next_answers(PATCH, Answer(400, {"code": 30046, "message": "no"}))

    moved = await wire.platform.update_card(opened.card, opened.thread, LIVE)

    assert moved != opened.card
    assert wire.discord.messages[moved.message_id]["channel_id"] == opened.thread.thread_id


async def test_where_there_are_no_threads_the_channel_is_the_conversation(wire: Wire) -> None:
    wire.discord.next_answers("POST .*/threads", Answer(400, {"code": 50024, "message": "no"}))

    opened = await wire.platform.post_card(PLACE, CARD)

    assert opened.thread == PLACE
    card = wire.discord.messages[opened.card.message_id]
    await wire.discord.dispatch(
        "INTERACTION_CREATE", press(card, card["components"][0]["components"][0]["custom_id"], 501)
    )
    await wire.core.texts(2)
    assert wire.core.inbounds[-1].place == PLACE


async def test_a_thread_that_is_there_already_is_used(wire: Wire) -> None:
    wire.discord.next_answers("POST .*/threads", Answer(400, {"code": 160004, "message": "no"}))

    opened = await wire.platform.post_card(PLACE, CARD)

    assert opened.thread == PLACE.in_thread(opened.card.message_id)


# ---------------------------------------------------------------- what came in


class Slow(Heard):
    """Commits when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def accept(self, inbound: Inbound) -> Outcome:
        await self.go_on.wait()
        return await super().accept(inbound)


async def test_a_command_is_acknowledged_while_it_is_committed(discord: FakeDiscord) -> None:
    core = Slow()
    async with running(Wire(discord, core=core)):
        await discord.dispatch("INTERACTION_CREATE", command("status"))
        await discord.until(lambda: discord.made("POST /interactions/.*"))
        assert core.inbounds == []

        core.go_on.set()
        await core.texts(1)


VIEW, SEND, EMBED, THREADS, IN_THREADS = 1 << 10, 1 << 11, 1 << 14, 1 << 35, 1 << 38


@pytest.mark.parametrize(
    ("conversation", "held", "lacking"),
    [
        ("thread", VIEW | SEND | EMBED | THREADS, "Send Messages In Threads"),
        ("thread", VIEW | SEND | IN_THREADS, "Embed Links, Create Public Threads"),
        ("channel", VIEW | EMBED | THREADS | IN_THREADS, "Send Messages"),
        ("channel", VIEW | SEND | EMBED, ""),
    ],
)
async def test_what_it_is_not_allowed_is_said_before_it_starts(
    discord: FakeDiscord, conversation: str, held: int, lacking: str
) -> None:
    async with running(Wire(discord, settings=settings(conversation=conversation))) as wire:
        await discord.dispatch("INTERACTION_CREATE", command("start") | {"app_permissions": str(held)})
        await discord.until(lambda: discord.made("POST /interactions/.*"))

        answered = discord.made("POST /interactions/.*")[0].body
        if lacking:
            assert answered["data"]["content"].endswith(f"settings: {lacking}.")
            assert answered["data"]["flags"] & 64
        else:
            await wire.core.texts(1)
        assert bool(wire.core.inbounds) is not bool(lacking)


async def test_a_second_acknowledgement_is_no_failure(wire: Wire) -> None:
    wire.core.outcome, wire.core.reply = Question(), Reply("Nobody is live here.")
    wire.discord.acknowledged.add("interaction-token")  # the first one arrived, and its answer was lost

    await wire.discord.dispatch("INTERACTION_CREATE", command("status"))
    await wire.discord.until(lambda: wire.discord.made("PATCH /webhooks/.*"))

    assert wire.discord.made("POST /users/@me/channels") == []


async def test_what_a_new_process_could_not_take_is_looked_up(discord: FakeDiscord) -> None:
    """It has heard nobody there yet, and cannot ask whether somebody is live: nobody is told, and nothing is lost."""
    core = Heard()
    async with running(Wire(discord, core=core, again_s=0.1)) as wire:
        core.talked, core.unavailable = {PLACE: "1"}, True
        await wire.write("The database is away")
        await wire.until(lambda: bool(core.inbounds))

        core.unavailable = False
        assert (await core.texts(2))[-1] == "The database is away"

    assert discord.made(f"POST /channels/{CHANNEL}/messages") == []


async def test_what_was_edited_to_nothing_is_withdrawn(wire: Wire) -> None:
    said = wire.discord.message("Hello")
    for words in ("Hello, all", f"<@{USER['id']}>"):
        edited = said | {"content": words, "edited_timestamp": f"2026-01-01T00:00:0{len(words) % 10}+00:00"}
        before = len(wire.core.inbounds)
        await wire.discord.dispatch("MESSAGE_UPDATE", edited)
        await wire.core.texts(before + 1)

    assert [type(inbound.body) for inbound in wire.core.inbounds[1:]] == [MessageEdited, MessageDeleted]


# ---------------------------------------------------------------- servers


async def test_home_servers_and_allowed_direct_messages_are_funded(discord: FakeDiscord) -> None:
    ours = Wire(discord, settings=settings(home_guilds=(int(GUILD),))).platform
    talkative = Wire(discord, settings=settings(direct_messages=True)).platform

    assert [ours.is_home(each) for each in (GUILD, "999999999999999999", "dm-5")] == [True, False, False]
    assert [talkative.is_home(each) for each in (GUILD, "dm-5")] == [False, True]


async def test_a_home_server_gets_its_commands_when_we_come_in(discord: FakeDiscord) -> None:
    discord.guilds = []
    refused = Answer(403, {"code": 50001, "message": "Missing Access"})
    discord.next_answers(f"GET .*/guilds/{GUILD}/commands", refused)
    async with running(Wire(discord, settings=settings(home_guilds=(int(GUILD),)))):
        assert discord.guild_commands == {}

        await discord.dispatch(
            "GUILD_CREATE", {name: value for name, value in guild().items() if name != "unavailable"}
        )
        await discord.until(lambda: discord.guild_commands.get(GUILD))


async def test_a_server_in_outage_is_not_left(wire: Wire) -> None:
    await wire.discord.dispatch("GUILD_DELETE", {"id": GUILD, "unavailable": True})
    await wire.discord.dispatch("GUILD_CREATE", guild())
    await wire.write("Second")

    assert await wire.core.texts(2) == ["First", "Second"]
    assert wire.core.gone == []


async def test_a_server_that_removed_us_while_away_is_left(wire: Wire) -> None:
    """It may have brought an account, whose key is not to be kept."""
    removed, in_doubt = "820000000000000009", "830000000000000009"
    wire.discord.next_answers(f"GET /guilds/{in_doubt}/roles", Answer(400, {"code": 50035, "message": "no"}))
    wire.core.accounts = frozenset({GUILD, removed, in_doubt, "dm-5"})

    await wire.platform.connected(0)

    assert wire.core.gone == [server(removed)]


async def test_another_bots_servers_are_not_left(discord: FakeDiscord) -> None:
    """It is in none of them, which is no reason to forget their keys."""
    vault = FakeSecretVault()
    await vault.put("discord", "", "bot", b"900000000000000009")
    async with running(Wire(discord, vault=vault)) as wire:
        wire.core.accounts = frozenset({"820000000000000009"})

        await wire.platform.connected(0)

        assert wire.core.gone == []


async def test_a_thread_deleted_while_away_is_left(wire: Wire) -> None:
    opened = await wire.platform.post_card(PLACE, CARD)
    await wire.platform.update_card(opened.card, opened.thread, LIVE)
    gone = Answer(404, {"code": 10003, "message": "Unknown Channel"})
    wire.discord.next_answers(f"GET /channels/{opened.thread.thread_id}/messages", gone)
    wire.core.talked[opened.thread] = opened.card.message_id

    await wire.platform.connected(0)

    await wire.until(lambda: wire.core.gone == [opened.thread])


async def test_of_a_long_gap_the_newest_is_looked_up(wire: Wire) -> None:
    for number in range(150):
        wire.discord.message(f"Number {number}")

    await wire.platform.connected(0)

    texts = await wire.core.texts(101)
    assert texts == ["First", *(f"Number {number}" for number in range(50, 150))]


@pytest.mark.parametrize("trouble", [Answer(503), Answer(0, reset=True), Answer(502)])
async def test_a_failed_backfill_is_tried_again(wire: Wire, trouble: Answer) -> None:
    wire.discord.next_answers("GET /channels/.*/messages", trouble)
    wire.discord.message("Said meanwhile")

    await wire.platform.connected(0)

    assert await wire.core.texts(2) == ["First", "Said meanwhile"]


async def test_what_was_missed_and_not_taken_is_heard_again(wire: Wire) -> None:
    wire.core.fault = StoreUnavailable("Another process is at it.")
    wire.discord.message("Said meanwhile")

    await wire.platform.connected(0)

    assert await wire.core.texts(3) == ["First", "Said meanwhile", "Said meanwhile"]
    assert told(wire) == []


async def test_of_what_will_be_looked_up_nobody_is_told(discord: FakeDiscord) -> None:
    """The database fails while a gap is looked up: what is said meanwhile is heard with it, later and in order."""
    async with running(Wire(discord, again_s=0.3)) as wire:
        await wire.write("First")
        assert await wire.core.texts(1) == ["First"]
        wire.core.broken = StoreUnavailable("Not taken.")
        discord.message("Said meanwhile")
        await wire.platform.connected(0)
        await wire.until(lambda: len(wire.core.inbounds) > 1)
        await wire.write("Said live")
        wire.core.broken = None

        assert list(dict.fromkeys(await wire.core.texts(4))) == ["First", "Said meanwhile", "Said live"]
        assert told(wire) == []


async def test_a_backfill_runs_later_though_people_talk(discord: FakeDiscord) -> None:
    async with running(Wire(discord, again_s=0.3)) as wire:
        await wire.write("First")
        assert await wire.core.texts(1) == ["First"]
        discord.next_answers("GET /channels/.*/messages", Answer(400, {"code": 50035, "message": "no"}))
        discord.message("Said meanwhile")
        await wire.platform.connected(0)
        await discord.until(lambda: discord.made("GET /channels/.*/messages"))

        await wire.write("Said live")

        assert sorted(set(await wire.core.texts(3))) == ["First", "Said live", "Said meanwhile"]


# ---------------------------------------------------------------- commands


async def test_a_failed_command_sync_is_retried_later(discord: FakeDiscord) -> None:
    refused = Answer(400, {"code": 50035, "message": "no"})
    discord.next_answers("PUT .*/commands", refused)
    discord.next_answers("GET .*/commands", Answer(200, [], slow=1), refused)
    async with running(Wire(discord, again_s=0.2)) as wire:
        await wire.write("Heard while commands are written")
        assert len(await wire.core.texts(1)) == 1
        assert discord.commands == []

        await discord.until(lambda: discord.commands)
