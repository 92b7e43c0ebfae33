"""Over the wire: what answers a message, what is one person's own, and commands that can be pressed."""

import pytest

from bot.commands.help import help_on
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Link, MessagePosted, Reply
from bot.domain.posts import Addressee, TranscriptLine
from tests.integration.discord.fake import ANN, CHANNEL, Answer
from tests.integration.discord.wire import Wire

POST = f"POST /channels/{CHANNEL}/messages"
DIRECT = "POST /channels/710000000000000001/messages"
WATCH = Reply("Only for you.", link=Link("Watch", "https://bot.example/v/#secret"))


@pytest.mark.parametrize("code", [50007, 40003, 20026, 50278])
@pytest.mark.parametrize("call", ["POST /users/@me/channels", DIRECT])
async def test_private_text_never_stands_in_the_channel(wire: Wire, code: int, call: str) -> None:
    wire.discord.next_answers(call, Answer(403, {"code": code, "message": "no"}))
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(to, WATCH)

    (told,) = wire.discord.made(POST)
    assert "does not let me write to you" in told.body["content"]
    assert "secret" not in str(told.body)
    assert told.body["allowed_mentions"]["users"] == [ANN]
    assert told.body["message_reference"]["message_id"] == wire.core.inbounds[0].event_id


async def test_a_link_asked_for_by_a_message_comes_directly(wire: Wire) -> None:
    to = wire.core.inbounds[0].reply_to
    assert to is not None

    await wire.platform.reply(to, WATCH)

    assert wire.discord.made(POST) == []
    assert "secret" in str(wire.discord.made(DIRECT)[0].body)


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
