"""The whole way: a person in Discord, the adapter over the wire, the core, AKOOL (simulated), and back into the thread."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from adapters.discord.platform import DiscordPlatform
from adapters.simulator.simulator import Simulator
from bot.app.service import Service
from bot.clock import SystemClock
from bot.commands.options import ChannelSettings
from bot.domain.conversations import ConversationRef
from tests.integration.discord.fake import ANN, BEN, CHANNEL, GUILD, Answer, FakeDiscord, command, direct_with, press
from tests.integration.discord.wire import settings
from tests.patience import until
from tests.program_fixture import program
from tests.service_fixture import QUICK, whole_service

DIRECT = f"POST /channels/{direct_with(BEN)}/messages"
HOME = settings(home_guilds=(int(GUILD),))


@dataclass
class Team:
    """Ann and Ben in Discord. What they do arrives as Discord would tell it."""

    discord: FakeDiscord
    simulator: Simulator
    folder: Path
    service: Service | None = None

    # ------------------------------------------------ what people do

    async def command(self, verb: str, **options: Any) -> str:
        """Ann runs `/avatar VERB`; the token of it."""
        token = f"command-{self._number()}"
        await self.discord.dispatch("INTERACTION_CREATE", command(verb, self.discord.said, token, **options))
        return token

    async def start(self, **options: Any) -> None:
        await self.command("start", **options)
        await self.discord.until(lambda: "Write in the thread" in self.note)

    async def press(self, label: str, person: str = ANN) -> str:
        number = self._number()
        pressed = press(self.card, self.buttons[label], number, person)
        await self.discord.dispatch("INTERACTION_CREATE", pressed)
        return f"press-{number}"

    async def write(self, text: str, person: str = BEN) -> dict[str, Any]:
        """In the thread."""
        said = self.discord.message(text, person, self.thread)
        await self.discord.dispatch("MESSAGE_CREATE", said)
        return said

    def _number(self) -> int:
        self.discord.said += 1
        return self.discord.said

    # ------------------------------------------------ what there is to see

    @property
    def card(self) -> dict[str, Any]:
        return next(message for message in self.discord.messages.values() if message["channel_id"] == CHANNEL)

    @property
    def buttons(self) -> dict[str, str]:
        """By label."""
        return {button["label"]: button["custom_id"] for row in self.card["components"] for button in row["components"]}

    @property
    def thread(self) -> str:
        return str(self.card["id"])

    @property
    def note(self) -> str:
        """What the card says, if there is one yet."""
        posted = [message for message in self.discord.messages.values() if message["channel_id"] == CHANNEL]
        return str(posted[0]["embeds"][0]["description"]) if posted else ""

    async def blocks(self, *words: str) -> None:
        """An admin has blocked words in the channel."""
        assert self.service is not None
        place = ConversationRef("discord", GUILD, CHANNEL)
        await self.service.services.storage.channels.save_settings(place, ChannelSettings(words=words))

    async def hears(self, token: str) -> dict[str, Any]:
        """What only whoever did this is told."""
        answered = rf"PATCH /webhooks/\d+/{token}/messages/@original"
        await self.discord.until(lambda: self.discord.made(answered))
        body: dict[str, Any] = self.discord.made(answered)[0].body
        return body

    async def lines(self, count: int) -> list[str]:
        """What is written in the thread, once there is so much of it and nothing grows."""

        def there() -> bool:
            texts = self.discord.texts(self.thread)
            return len(texts) >= count and not any(text.endswith(" …") for text in texts)

        await self.discord.until(there)
        return self.discord.texts(self.thread)

    @property
    def spoken(self) -> list[str]:
        return [each.given for session in self.simulator.sessions for each in session.avatar.spoken]

    async def closed(self) -> None:
        """Until nothing runs, and costs money, at AKOOL."""
        await until(lambda: not [session for session in self.simulator.sessions if session.open])

    async def spoke(self, count: int) -> list[str]:
        await until(lambda: len(self.spoken) >= count)
        return self.spoken

    # ------------------------------------------------ the service

    @asynccontextmanager
    async def served(self, given: Any = HOME, *, hand_over: bool = False) -> AsyncIterator[DiscordPlatform]:
        """A process of ours, from its start to its end."""
        async with whole_service(self.folder, self.simulator) as whole:
            surroundings = whole.context
            platform = DiscordPlatform(
                given,
                whole.core,
                surroundings.clock,
                surroundings.vault,
                connector=self.discord.connector,
                receivers=surroundings.receivers if surroundings.receives else None,
            )
            whole.add(platform)
            self.service = whole
            identified = self.discord.said_ops().count(2)
            async with whole.running(hand_over=hand_over):
                await self.connected(platform, identified + 1)
                yield platform

    async def connected(self, platform: DiscordPlatform, time: int) -> None:
        """For the so-manieth time."""
        await self.discord.until(lambda: self.discord.said_ops().count(2) == time)
        assert platform._client is not None
        await platform._client.wait_until_ready()


@pytest.fixture
async def team(discord: FakeDiscord, tmp_path: Path) -> AsyncIterator[Team]:
    async with Simulator(SystemClock(), QUICK) as simulator:
        yield Team(discord, simulator, tmp_path)


async def test_an_avatar_is_started_talked_to_watched_and_stopped(team: Team) -> None:
    async with team.served():
        await team.start()
        said = await team.write("Who are you?")
        (answer,) = await team.lines(1)
        assert answer.startswith("**")
        (posted,) = team.discord.made(f"POST /channels/{team.thread}/messages")
        assert posted.body["message_reference"] == {"message_id": said["id"], "fail_if_not_exists": False}
        assert posted.body["allowed_mentions"] == {"parse": [], "replied_user": False}
        assert team.discord.made(f"POST /channels/{team.thread}/typing")

        links = [await team.hears(await team.press("Watch", person)) for person in (ANN, BEN)]
        urls = {link["components"][0]["components"][0]["url"] for link in links}
        assert len(urls) == 2
        assert all(url.startswith("http://avatarbot.test/v/") for url in urls)

        await team.press("Stop")
        await team.closed()
        await team.discord.until(lambda: "Stopped" in team.note)
        assert set(team.buttons) == {"Transcript", "Start again"}


async def test_a_program_announces_in_a_channel(team: Team) -> None:
    place = f"discord/{GUILD}/{CHANNEL}"
    async with team.served():
        assert team.service is not None
        async with program(team.service, ("say", "start"), (place,)) as api:
            said = await api.say("Version 2 is out.", place, prefer="wait=60")
        assert said.json()["status"] == "spoken", said.json()
        await team.discord.until(lambda: "release-bot, by API" in str(team.card["embeds"]))
        posted = team.discord.made(f"POST /channels/{team.thread}/messages")
        assert any("Version 2 is out." in str(each.body) for each in posted)
        assert not team.discord.made(DIRECT)
    (session,) = team.simulator.sessions
    assert [spoken.given for spoken in session.avatar.spoken] == ["release-bot, by API: Version 2 is out."]


async def test_in_retelling_words_are_marked_and_not_repeated(team: Team) -> None:
    async with team.served():
        await team.start(mode="retelling")
        said = await team.write("Word for word.")
        await team.discord.until(lambda: team.discord.reactions[f"{said['id']} 🔊"])

        assert await team.spoke(1) == ["Word for word."]
        assert team.discord.texts(team.thread) == []


async def test_what_waits_can_be_edited_and_taken_back(team: Team) -> None:
    async with team.served():
        await team.start(mode="retelling")
        await team.write("First, and this takes a while to say. " * 8)
        await team.spoke(1)
        second, third = await team.write("Secnd"), await team.write("Third")
        await team.write("Fourth")
        edited = second | {"content": "Second", "edited_timestamp": "2026-01-01T00:00:05+00:00"}
        await team.discord.dispatch("MESSAGE_UPDATE", edited)
        deleted = {"id": third["id"], "channel_id": team.thread, "guild_id": GUILD}
        await team.discord.dispatch("MESSAGE_DELETE", deleted)

        assert (await team.spoke(3))[1:] == ["Second", "Fourth"]


async def test_a_blocked_word_is_refused_and_only_its_author_told(team: Team) -> None:
    async with team.served():
        await team.blocks("heck")
        await team.start(mode="retelling")
        await team.write("What the **HE**CK?")
        await team.discord.until(lambda: team.discord.made(DIRECT))
        await team.write("What is it?")

        assert await team.spoke(1) == ["What is it?"]
        (told,) = team.discord.made(DIRECT)
        assert "That was not spoken: it has a word that is not allowed in this channel." in told.body["content"]
        assert not [text for text in team.discord.texts(team.thread) if "not spoken" in text]


async def test_what_is_deleted_while_it_is_spoken_stops(team: Team) -> None:
    async with team.served():
        await team.start(mode="retelling")
        said = await team.write("This takes a very long while to say. " * 30)
        await team.spoke(1)
        await team.discord.dispatch(
            "MESSAGE_DELETE_BULK", {"ids": [said["id"]], "channel_id": team.thread, "guild_id": GUILD}
        )
        await team.write("Next")

        (session,) = team.simulator.sessions
        assert (await team.spoke(2))[1:] == ["Next"]
        assert not session.avatar.spoken[0].finished


async def test_thrown_out_of_the_server_it_leaves_nothing_running(team: Team) -> None:
    async with team.served():
        await team.start()
        await team.discord.dispatch("GUILD_DELETE", {"id": GUILD})
        await team.closed()


@pytest.mark.parametrize("state", [{"archived": True}, {"locked": True}])
async def test_a_thread_that_is_put_away_is_left(team: Team, state: dict[str, bool]) -> None:
    async with team.served():
        await team.start()
        thread = team.discord.channels[team.thread]
        metadata = thread["thread_metadata"] | state
        await team.discord.dispatch("THREAD_UPDATE", thread | {"thread_metadata": metadata})
        await team.closed()


@pytest.mark.parametrize("event", ["THREAD_DELETE", "CHANNEL_DELETE"])
async def test_a_thread_or_channel_that_is_deleted_is_left(team: Team, event: str) -> None:
    async with team.served():
        await team.start()
        gone = team.discord.channels[team.thread if event == "THREAD_DELETE" else CHANNEL]
        await team.discord.dispatch(event, gone)
        await team.closed()


@pytest.mark.parametrize(("status", "code"), [(403, 50013), (403, 50001), (404, 10003)])
async def test_it_leaves_where_it_may_no_longer_write(team: Team, status: int, code: int) -> None:
    async with team.served():
        await team.start()
        refused = Answer(status, {"code": code, "message": "no"})
        team.discord.next_answers(f"POST /channels/{team.thread}/messages", refused)
        await team.write("Who are you?")
        await team.closed()


async def test_a_server_that_nobody_allowed_spends_nothing(team: Team) -> None:
    async with team.served(settings()):
        told = await team.hears(await team.command("start"))

        assert "Avatars are not allowed in this workspace yet" in told["content"]
        assert list(team.simulator.sessions) == []


async def test_what_was_said_while_it_was_away_is_answered(team: Team) -> None:
    async with team.served(hand_over=True):
        await team.start()
        await team.write("First?")
        await team.lines(1)
    await team.write("Said while nobody listened?")
    team.discord.identified.clear()  # as if it had been away for longer than Discord's five seconds
    async with team.served():
        assert await team.spoke(2) == ["Ben: First?", "Ben: Said while nobody listened?"]
        await team.press("Stop")
        await team.closed()


async def test_what_its_library_cannot_parse_is_survived(team: Team) -> None:
    async with team.served():
        await team.start()
        await team.discord.dispatch("GUILD_CREATE", {"id": None})
        await team.write("Still there?")
        await team.lines(1)
