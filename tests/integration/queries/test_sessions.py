"""Questions about what is live, and what was."""

import asyncio
from collections.abc import Mapping

from adapters.simulator import Fault
from bot.commands.catalogue import CommandKind
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Channel, ConversationRef, Membership, Person
from bot.domain.sessions import SessionStatus
from bot.queries.router import ANSWERS
from bot.testing.chat import ANN, CHANNEL
from tests.integration.queries.asking import NEIGHBOUR, ROOT, ask
from tests.world_fixture import Stack, on_stack

ELSEWHERE = ConversationRef("fake", "W1", "C2")
BOARD, SALON = ConversationRef("fake", "W1", "C3"), ConversationRef("fake", "W1", "C4")
CHANNELS = {
    CHANNEL: Channel("#lobby"),
    BOARD: Channel("#board", private=True),
    SALON: Channel("#salon", private=True),
    ConversationRef("fake", "W2", CHANNEL.channel_id): Channel("#theirs"),
}


def test_every_question_has_an_answer() -> None:
    assert {verb.name for verb in CATALOGUE.verbs if verb.kind is CommandKind.QUESTION} == set(ANSWERS)


@on_stack()
async def test_help_is_one_screen(stack: Stack) -> None:
    async with stack.serving():
        reply = await ask(stack, "help")
        one = await ask(stack, "help", verb="knowledge create")
    assert len(reply.whole_text.splitlines()) <= 30
    assert len(reply.whole_text) < 2_000
    assert "100" not in reply.whole_text
    assert "prologue" in one.text


@on_stack()
async def test_help_offers_what_whoever_asks_may_do(stack: Stack) -> None:
    guest = Person("guest", "Guest", Membership.OUTSIDER)
    async with stack.serving():
        guests, anns, roots = [await ask(stack, "help", CHANNEL, person) for person in (guest, ANN, ROOT)]
        stranger = await ask(stack, "help", ConversationRef("fake", "W9", "C1"), ROOT)
        await stack.room.command("start", CHANNEL, ROOT)
        await stack.live()
        beside = await ask(stack, "help", stack.room.thread)
        status = await ask(stack, "status", ConversationRef("fake", "W1", "C2"), guest)
    verbs = [
        {line.split()[1].rstrip(":") for line in each.whole_text.splitlines() if line.startswith("/")}
        for each in (guests, anns, roots, stranger, beside)
    ]
    assert verbs[0] == {"say", "watch", "status", "forget", "help"}
    assert verbs[1] == verbs[2] - {"account"} >= {"start", "stop", "upload", "defaults"}
    assert "delete" not in anns.whole_text
    assert "delete" in roots.whole_text
    assert stranger.text.startswith("Avatars are not allowed in this workspace yet.")
    assert "start" not in verbs[3]
    assert "stop" not in verbs[4]
    assert status.text == "No avatar is live here."


@on_stack()
async def test_status_says_who_what_and_what_it_costs(stack: Stack) -> None:
    async with stack.serving():
        nobody = await ask(stack, "status")
        await stack.room.command("start")
        await stack.live()
        await asyncio.sleep(120)
        reply = await ask(stack, "status", stack.room.thread)
    assert "No avatar is live here" in nobody.text
    assert "started by Ann 2 min ago" in reply.text
    assert "Renews by itself while people talk; falls asleep after 10 quiet minutes." in reply.text
    assert (
        "It has used 2.0 minutes so far. You have used 2 of 60 minutes today, and 8 minutes more are set aside."
        in reply.text
    )
    assert "AKOOL says that it is live." in reply.text


@on_stack()
async def test_sessions_of_this_workspace_only(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        ours = await ask(stack, "sessions", ELSEWHERE)
        stack.simulator.faults.queue("session/list", *[Fault(code=1009)] * 2)
        silent = await ask(stack, "sessions")
        theirs = await ask(stack, "sessions", NEIGHBOUR)
        command = ours.items[0].command
        assert command is not None
        asked = await ask(stack, "stop", ELSEWHERE, ROOT, **command.options)
        answer = asked.items[0].command
        assert answer is not None
        assert stack.hosted
        await stack.room.command(answer.verb, ELSEWHERE, ROOT, **answer.options)
        await stack.ended()
    assert asked.text == "Stop Alma in C1? The session ends for everybody there."
    row = ours.items[0]
    assert (row.title, row.status, row.starter_name) == ("Alma", SessionStatus.LIVE, "you")
    assert row.detail == "in C1, started just now, 0.0 minutes used"
    assert silent.text.endswith("This AKOOL account may not do that. Ask whoever runs this bot.")
    assert "AKOOL" not in silent.items[0].detail
    assert "No avatar is live" in theirs.text


@on_stack()
async def test_sessions_show_channel_names_and_hide_private_ones(stack: Stack) -> None:
    stack.room.channels = CHANNELS
    async with stack.serving():
        for place in (CHANNEL, BOARD):
            await stack.room.command("start", place)
        seen = [await ask(stack, "sessions", place) for place in (ELSEWHERE, CHANNEL, BOARD)]
    places = [sorted(item.detail.split(", ")[0] for item in each.items) for each in seen]
    assert places == [["in #lobby", "in a private channel"], ["here", "in a private channel"], ["here", "in #lobby"]]


@on_stack()
async def test_the_sessions_of_whoever_asks_come_first(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.room.command("start", ELSEWHERE, ROOT)
        anns, roots = await ask(stack, "sessions"), await ask(stack, "sessions", person=ROOT)
    started = [[item.starter_name for item in each.items] for each in (anns, roots)]
    assert started == [["you", "Root"], ["you", "Ann"]]


@on_stack()
async def test_the_transcript_of_what_has_ended(stack: Stack) -> None:
    async with stack.serving():
        none = await ask(stack, "transcript")
        await stack.room.command("start")
        await stack.live()
        await stack.room.say("Who are you?", stack.room.thread)
        await stack.until(lambda: len(stack.room.finals) == 1)
        sessions = await ask(stack, "sessions")
        command = sessions.items[0].command
        assert command is not None
        other = await ask(stack, "transcript", ELSEWHERE, session=command.options["session"])
        admins = await ask(stack, "transcript", ELSEWHERE, ROOT, session=command.options["session"])
        await stack.room.command("stop")
        await stack.ended()
        reply = await ask(stack, "transcript", format="srt")
    assert "No avatar has talked here yet" in none.text
    assert "belongs to another channel" in other.text
    assert admins.file is not None
    assert reply.file is not None
    assert b"Who are you?" in reply.file.content
    assert b"-->" in reply.file.content


@on_stack()
async def test_usage_adds_up_and_draws(stack: Stack) -> None:
    async with stack.serving():
        none = await ask(stack, "usage")
        await stack.room.command("start", avatar="Alma")
        await stack.live()
        await asyncio.sleep(180)
        await stack.room.command("stop")
        await stack.ended()
        reply = await ask(stack, "usage", days="7")
        theirs = await ask(stack, "usage", NEIGHBOUR)
    assert none.text.startswith("0 min in the last 30 days.")
    assert reply.text.startswith("3.0 min in the last 7 days.")
    assert "By avatar: Alma 3.0 min." in reply.text
    assert "You have used 3 of 60 minutes today." in reply.text
    assert "Credit left at AKOOL: 5,9" in reply.text
    assert reply.file is not None
    assert reply.file.content.startswith(b"\x89PNG")
    assert theirs.text.startswith("0 min")


async def use(stack: Stack, minutes: Mapping[ConversationRef, float]) -> None:
    for place, each in minutes.items():
        await stack.room.command("start", place, ROOT)
        await stack.live()
        await asyncio.sleep(each * 60)
        await stack.room.command("stop", place, ROOT)
        await stack.ended()


@on_stack()
async def test_usage_is_by_channel_and_hides_private_names(stack: Stack) -> None:
    stack.room.channels = CHANNELS
    async with stack.serving():
        await use(stack, {CHANNEL: 6, BOARD: 5, SALON: 3})
        outside, inside = await ask(stack, "usage"), await ask(stack, "usage", BOARD)
    assert "By channel: a private channel 8.0 min and #lobby 6.0 min." in outside.text
    assert "By channel: #lobby 6.0 min, #board 5.0 min and a private channel 3.0 min." in inside.text


@on_stack()
async def test_usage_asks_for_the_names_of_the_channels_used_most(stack: Stack) -> None:
    little, much = [
        [ConversationRef("fake", "W1", f"{kind}{n}") for n in range(count)] for kind, count in (("L", 2), ("M", 8))
    ]
    stack.room.channels = {place: Channel("#little", private=True) for place in little}
    stack.room.channels |= {place: Channel(f"#{place.channel_id}") for place in much}
    async with stack.serving():
        await use(stack, dict.fromkeys(little, 2) | dict.fromkeys(much, 3))
        reply = await ask(stack, "usage")
    channels = next(line for line in reply.text.splitlines() if line.startswith("By channel"))
    assert channels.count("#M") == len(much)
    assert channels.endswith(" and others 4.0 min.")


@on_stack()
async def test_a_watch_link_is_for_one_person(stack: Stack) -> None:
    async with stack.serving():
        await stack.room.command("start")
        await stack.live()
        first, second = await ask(stack, "watch"), await ask(stack, "watch", person=ROOT)
    assert first.link is not None
    assert second.link is not None
    assert first.link.url != second.link.url


@on_stack()
async def test_a_transcript_names_its_channel(stack: Stack) -> None:
    stack.room.channels = CHANNELS
    async with stack.serving():
        await stack.room.command("start", BOARD)
        await stack.live()
        await stack.room.say("Who are you?", BOARD.in_thread(list(stack.room.cards)[-1]))
        await stack.until(lambda: len(stack.room.finals) == 1)
        reply = await ask(stack, "transcript", BOARD, ROOT)
    assert reply.file is not None
    assert r"- Where: fake · \#board" in reply.file.content.decode()
