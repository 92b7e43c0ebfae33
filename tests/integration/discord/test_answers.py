"""Over the wire: what answers a message, what is one person's own, and commands that can be pressed."""

import asyncio

import pytest

from adapters.discord.direct_messages import NOT_DELIVERED, NOT_NOW
from adapters.discord.replies import DiscordReplies
from bot.commands.help import help_on
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Link, MessagePosted, Person, Reply, ReplyTo
from bot.domain.posts import Addressee, TranscriptLine
from bot.ports.processes import LocalBudgets
from bot.tasks import cancel_and_wait
from bot.testing import FakeSecretVault
from tests.integration.discord.fake import ANN, BEN, CHANNEL, Answer, FakeDiscord, direct_with
from tests.integration.discord.wire import PLACE, Wire, running
from tests.patience import until

POST = f"POST /channels/{CHANNEL}/messages"
DIRECT = f"POST /channels/{direct_with(ANN)}/messages"
OPEN = "POST /users/@me/channels"
WATCH = Reply("Only for you.", link=Link("Watch", "https://bot.example/v/#secret"))


@pytest.mark.parametrize("code", [50007, 40003, 20026, 50278])
@pytest.mark.parametrize("call", [OPEN, DIRECT])
async def test_private_text_never_stands_in_the_channel(wire: Wire, code: int, call: str) -> None:
    wire.discord.next_answers(call, Answer(403, {"code": code, "message": "no"}))
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(to, WATCH)

    (told,) = wire.discord.made(POST)
    assert told.body["content"] == (NOT_DELIVERED if code in {50007, 50278} else NOT_NOW)
    assert "secret" not in str(told.body)
    assert told.body["allowed_mentions"]["replied_user"]
    assert told.body["message_reference"]["message_id"] == wire.core.inbounds[0].event_id


@pytest.mark.parametrize("trouble", [Answer(503), Answer(0, reset=True)])
async def test_an_answer_in_the_channel_is_repeated_and_stands_once(wire: Wire, trouble: Answer) -> None:
    wire.discord.next_answers(POST, trouble)
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(to, Reply("No."))

    tried = [call.body["nonce"] for call in wire.discord.made(POST)]
    assert tried == tried[:1] * 2
    assert wire.discord.texts(CHANNEL) == ["No."]


async def test_a_link_asked_for_by_a_message_comes_directly(wire: Wire) -> None:
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(to, WATCH)

    assert wire.discord.made(POST) == []
    assert "secret" in str(wire.discord.made(DIRECT)[0].body)


def asked_by(person: str) -> ReplyTo:
    """By a message."""
    return DiscordReplies.reply_to_message(5, PLACE, Person(person, "Somebody"))


async def test_a_person_is_opened_once_whatever_process_writes(discord: FakeDiscord) -> None:
    vault = FakeSecretVault()
    for answers in (1, 2):
        async with running(Wire(discord, vault=vault)) as wire:
            await wire.platform.reply(asked_by(ANN), WATCH)
        discord.identified.clear()  # as if it had been away for longer than Discord's five seconds

        assert len(discord.made(DIRECT)) == answers
    assert len(discord.made(OPEN)) == 1


async def test_a_direct_channel_that_is_gone_is_opened_again(wire: Wire) -> None:
    await wire.platform.reply(asked_by(ANN), WATCH)
    wire.discord.next_answers(DIRECT, Answer(404, {"code": 10003, "message": "Unknown Channel"}))
    await wire.platform.reply(asked_by(ANN), WATCH)
    await wire.platform.reply(asked_by(ANN), WATCH)

    assert [call.body["content"] for call in wire.discord.made(POST)] == [NOT_DELIVERED]
    assert len(wire.discord.made(OPEN)) == 2


async def test_everybody_hears_of_an_answer_and_nobody_meets_the_limit(discord: FakeDiscord) -> None:
    """Two processes, and more people than Discord lets a bot write to first."""
    budgets, people = LocalBudgets(), [f"55{number:016}" for number in range(12)]
    async with running(Wire(discord, budgets=budgets)) as wire:
        other = Wire(discord, receivers=None, budgets=budgets)
        writing = asyncio.create_task(other.platform.run())
        await until(lambda: other.platform.connection().problem == "")
        for number, person in enumerate(people):
            await (wire, other)[number % 2].platform.reply(asked_by(person), WATCH)
        await cancel_and_wait(writing)

    written = [person for person in people if discord.made(f"POST /channels/{direct_with(person)}/messages")]
    assert written == people[:8]
    assert [call.body["content"] for call in discord.made(POST)] == [NOT_NOW] * 4
    assert discord.refused == []


@pytest.mark.parametrize(
    "refusal",
    [
        Answer(429, {"retry_after": 500, "global": False, "message": "slow down"}, {"Via": "1.1 google"}),
        Answer(403, {"code": 40003, "message": "You are opening direct messages too fast"}),
    ],
)
async def test_a_refusal_to_open_is_met_once(wire: Wire, refusal: Answer) -> None:
    wire.discord.next_answers(OPEN, refusal)

    for person in (ANN, BEN):
        await wire.platform.reply(asked_by(person), WATCH)

    assert len(wire.discord.made(OPEN)) == 1
    assert [call.body["content"] for call in wire.discord.made(POST)] == [NOT_NOW] * 2


async def test_without_history_it_names_whom_it_answers(wire: Wire) -> None:
    wire.discord.next_answers(POST, Answer(403, {"code": 160002, "message": "no"}))
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(to, Reply("No."))

    told = wire.discord.made(POST)[-1].body
    assert told["content"] == f"<@{ANN}> No."
    assert told["allowed_mentions"] == {"parse": [], "users": [ANN]}
    assert "message_reference" not in told


async def test_without_history_an_answer_names_its_addressee(wire: Wire) -> None:
    wire.discord.next_answers(POST, Answer(403, {"code": 160002, "message": "no"}))
    said = wire.core.inbounds[0].body
    assert isinstance(said, MessagePosted)
    line = TranscriptLine("Alma", "Fine.", answers=Addressee("Ann", said.message))

    ref = await wire.platform.post(wire.core.inbounds[0].place, line, "k1")
    await wire.platform.edit(ref, line)
    await wire.platform.post(wire.core.inbounds[0].place, line, "k2")

    refused, first, second = (call.body for call in wire.discord.made(POST))
    assert refused["message_reference"]["message_id"] == wire.core.inbounds[0].event_id
    assert first["content"] == second["content"] == "**Alma to Ann:** Fine."
    assert "message_reference" not in {*first, *second}
    assert wire.discord.messages[ref.message_id]["content"] == "**Alma to Ann:** Fine."


async def test_commands_in_an_answer_can_be_pressed(wire: Wire) -> None:
    await wire.discord.until(lambda: wire.discord.commands)
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(
        to, Reply("Start one with /avatar start, or look: /avatar knowledge list *or* /avatar-x.")
    )

    said = wire.discord.made(POST)[0].body["content"]
    assert said == r"Start one with </avatar start:7>, or look: </avatar knowledge list:7> \*or\* /avatar-x."


async def test_help_with_its_commands_stays_within_discords_limits(wire: Wire) -> None:
    await wire.discord.until(lambda: wire.discord.commands)
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(to, help_on())

    told = [call.body["content"] for call in wire.discord.made(POST)]
    assert all(len(text) <= 2_000 for text in told)
    assert "\n**Talk**\n</avatar start:7>: " in told[0]
    entries = [line for line in "\n".join(told).splitlines() if line.startswith("<")]
    assert len(entries) == len(CATALOGUE.entries)
