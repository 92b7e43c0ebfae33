"""The whole way: a person in Slack, the adapter, the core, AKOOL (simulated), and back into the thread."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.simulator.simulator import Simulator
from bot.app.service import Service
from bot.clock import SystemClock
from bot.domain.conversations import MessageRef
from bot.domain.posts import CardAction
from bot.ports.storage.records import LEFT
from tests.contract.platform.harness import ANN, BEN
from tests.integration.slack.fake import FakeSlack
from tests.integration.slack.harness import GENERAL, SlackHarness
from tests.patience import until
from tests.program_fixture import program
from tests.service_fixture import QUICK, whole_service


@dataclass
class World:
    slack: SlackHarness
    simulator: Simulator
    service: Service

    @property
    def card(self) -> MessageRef:
        root = self.slack.fake.workspace.in_channel("C0GENERAL")[0]
        return MessageRef(GENERAL, root.ts)

    async def shows(self, words: str) -> None:
        """Until the card says so."""

        async def shown() -> bool:
            return any(words in seen.text for seen in await self.slack.messages(GENERAL))

        await until(shown)


@pytest.fixture(params=[False, True], ids=["http", "socket"])
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with (
        FakeSlack().running() as fake,
        Simulator(SystemClock(), QUICK) as simulator,
        whole_service(tmp_path, simulator) as whole,
    ):
        harness = SlackHarness(fake, socket=request.param, front=whole.core)
        whole.add(harness.platform)
        async with whole.running():
            await harness.start()
            if request.param:
                await until(lambda: len(fake.sockets) == 2)
            yield World(harness, simulator, whole)
        assert fake.complaints == []


async def live(world: World) -> None:
    await world.slack.slash(ANN, "start", GENERAL)
    await world.shows("[Interrupt]")


async def test_an_avatar_is_started_talked_to_watched_and_stopped(world: World) -> None:
    slack = world.slack
    await live(world)
    thread = GENERAL.in_thread(world.card.message_id)

    await slack.write(BEN, "Who are you?", thread)
    await until(
        lambda: any(m.author == "U0BOT" for m in slack.fake.workspace.in_thread("C0GENERAL", thread.thread_id)[2:])
    )

    await slack.press(BEN, world.card, CardAction.WATCH)
    await until(lambda: any("http://avatarbot.test/v/" in str(e.blocks) for e in slack.fake.workspace.ephemerals))

    await slack.write(ANN, "stop", thread)
    await until(lambda: not [session for session in world.simulator.sessions if session.open])
    await world.shows("Stopped")
    (card,) = [seen for seen in await slack.messages(GENERAL) if seen.ref == world.card]
    assert card.buttons == ("Transcript", "Start again")


async def test_a_program_announces_in_a_channel(world: World) -> None:
    slack = world.slack
    async with program(world.service, ("say", "start"), (str(GENERAL),)) as api:
        said = await api.say("Version 2 is out.", "#general", prefer="wait=60")
    assert said.json()["status"] == "spoken", said.json()
    (session,) = world.simulator.sessions
    assert [spoken.given for spoken in session.avatar.spoken] == ["release-bot, by API: Version 2 is out."]
    thread = slack.fake.workspace.in_thread("C0GENERAL", world.card.message_id)
    await world.shows("Started by release-bot, by API")
    assert any("release-bot, by API" in message.text and "Version 2 is out." in message.text for message in thread)
    assert slack.fake.workspace.ephemerals == []


async def test_a_mention_that_comes_twice_is_said_once(world: World) -> None:
    slack = world.slack
    await live(world)
    thread = GENERAL.in_thread(world.card.message_id)
    await slack.write(BEN, "Who are you?", thread, mention=True)
    assert slack.last
    kind, payload = slack.last
    await slack.fake.deliver(kind, payload | {"event": payload["event"] | {"type": "app_mention"}, "event_id": "EvX"})
    await slack.redeliver()
    await slack.write(BEN, "And who am I?", thread)
    (session,) = world.simulator.sessions
    await until(lambda: "who am I" in str(session.avatar.spoken))
    assert len(session.avatar.spoken) == 2


async def test_a_blocked_word_is_refused_and_only_its_author_told(world: World) -> None:
    slack = world.slack
    await slack.slash("ada", "defaults words add:heck", GENERAL)
    await live(world)
    thread = GENERAL.in_thread(world.card.message_id)
    await slack.write(BEN, "What the *HECK*?", thread)
    await until(lambda: any("That was not spoken" in told.text for told in slack.fake.workspace.ephemerals))
    await slack.write(BEN, "Who are you?", thread)
    await until(lambda: bool(posted(world, thread.thread_id)))
    (session,) = world.simulator.sessions
    assert [said.given for said in session.avatar.spoken] == ["Ben: Who are you?"]
    (answer,) = posted(world, thread.thread_id)
    assert "to Ben: " in answer


def posted(world: World, thread_id: str) -> list[str]:
    """What the bot has written in a thread, below the card."""
    written = world.slack.fake.workspace.in_thread("C0GENERAL", thread_id)
    return [message.text for message in written[1:] if message.author == "U0BOT"]


async def test_what_people_write_where_no_avatar_is_asks_slack_nothing(world: World) -> None:
    slack = world.slack
    await slack.write(BEN, "Lunch?", GENERAL)
    await slack.write(BEN, "In a thread?", GENERAL.in_thread("1780000000.000001"))
    assert slack.fake.called("users.info") == []
    await live(world)
    await slack.write(BEN, "Who are you?", GENERAL.in_thread(world.card.message_id))
    assert [call.args["user"] for call in slack.fake.called("users.info")] == ["U0ANN", "U0BEN"]


async def test_a_command_where_no_avatar_is_says_how_to_start(world: World) -> None:
    await world.slack.slash(ANN, "say hello", GENERAL)
    assert any("/avatar start" in told for told in await world.slack.privately(ANN))


async def test_the_bot_thrown_out_of_the_channel_leaves_nothing_running(world: World) -> None:
    await live(world)
    await world.slack.lose_place(GENERAL)
    await until(lambda: not [session for session in world.simulator.sessions if session.open])
    direct = world.slack.fake.workspace.direct("U0ANN").id
    await until(lambda: [m.text for m in world.slack.fake.workspace.in_channel(direct)] == [LEFT])
