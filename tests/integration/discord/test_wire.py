"""Over the wire, production code unchanged: what breaks, what is repeated, and what is said when nothing helps."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.discord.platform import DiscordPlatform
from adapters.discord.settings import DiscordSettings
from bot.clock import SystemClock
from bot.errors import MessageGone, PlaceGone, PlatformError, SettingsError, Throttled
from bot.model import Inbound, Place, Question, Reply, Said
from tests.contract.platform.cards import final
from tests.contract.platform.harness import RecordingReception
from tests.integration.discord.fake import CHANNEL, GUILD, USER, Answer, FakeDiscord, command, open_fake
from tests.integration.discord.openapi import open_api
from tests.integration.discord.world import Drawer

PLACE = Place("discord", GUILD, CHANNEL)
POST = f"POST /channels/{CHANNEL}/messages"
PATCH = f"PATCH /channels/{CHANNEL}/messages/\\d+"


class Heard(RecordingReception):
    def __init__(self) -> None:
        super().__init__()
        self.news = asyncio.Event()

    async def accept(self, inbound: Inbound) -> object:  # type: ignore[override]
        outcome = await super().accept(inbound)
        self.news.set()
        return outcome

    async def texts(self, count: int) -> list[str]:
        async with asyncio.timeout(15):
            while len(self.inbounds) < count:
                self.news.clear()
                await self.news.wait()
        return [inbound.body.text for inbound in self.inbounds if isinstance(inbound.body, Said)]


@dataclass
class Wire:
    discord: FakeDiscord
    reception: Heard = field(default_factory=Heard)
    platform: DiscordPlatform = field(init=False)

    def __post_init__(self) -> None:
        settings = DiscordSettings.model_validate({"DISCORD_TOKEN": SecretStr("OTAw.y.z")})
        self.platform = DiscordPlatform(
            settings, self.reception, Drawer(), SystemClock(), connector=self.discord.connector
        )

    async def write(self, text: str) -> None:
        await self.discord.dispatch("MESSAGE_CREATE", self.discord.message(text))


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    async with open_fake() as fake:
        yield fake


@pytest.fixture
async def wire(discord: FakeDiscord) -> AsyncIterator[Wire]:
    """A platform that runs and has heard one message."""
    opened = Wire(discord)
    running = asyncio.create_task(opened.platform.run())
    await discord.until(lambda: discord.ops)
    await opened.write("First")
    assert await opened.reception.texts(1) == ["First"]
    client = opened.platform._client
    assert client is not None
    await client.wait_until_ready()
    yield opened
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_every_body_is_what_discord_takes(wire: Wire) -> None:
    ref = await wire.platform.post(PLACE, final("Hello"), "0199aa-0001")
    await wire.platform.edit(ref, final("Hello again"))

    api = open_api()
    sent = [call for call in wire.discord.calls if call.body is not None]
    assert [fault for call in sent for fault in api.faults(call.method, call.path, call.body)] == []
    assert len(sent) >= 3


@pytest.mark.parametrize("trouble", [Answer(503), Answer(0, reset=True), Answer(502)])
async def test_a_post_is_repeated_and_stands_there_once(wire: Wire, trouble: Answer) -> None:
    wire.discord.next_answers(POST, trouble)

    ref = await wire.platform.post(PLACE, final("Hello"), "0199aa-0001")

    assert [call.body["nonce"] for call in wire.discord.made(POST)] == ["0199aa-0001"] * 2
    assert wire.discord.messages[ref.message_id]["content"] == "**Mia:** Hello"


async def test_what_was_posted_before_a_crash_is_brought_up_to_date(wire: Wire) -> None:
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

    assert await wire.reception.texts(2) == ["First", "Second"]


async def test_an_answer_that_came_too_late_for_its_command_comes_directly(wire: Wire) -> None:
    wire.reception.outcome, wire.reception.reply = Question(), Reply("Nobody is live here.")
    wire.discord.next_answers("POST /interactions/.*", Answer(404, {"code": 10062, "message": "Unknown interaction"}))

    await wire.discord.dispatch("INTERACTION_CREATE", command("status"))
    await wire.discord.until(lambda: wire.discord.made("POST /channels/710000000000000001/messages"))

    told = wire.discord.made("POST /channels/710000000000000001/messages")[0].body["content"]
    assert told.startswith("Nobody is live here.")
    assert wire.discord.made("PATCH /webhooks/.*") == []


async def test_a_command_is_acknowledged_before_it_is_answered(wire: Wire) -> None:
    wire.reception.outcome, wire.reception.reply = Question(), Reply("Nobody is live here.")

    await wire.discord.dispatch("INTERACTION_CREATE", command("status"))
    await wire.discord.until(lambda: wire.discord.made("PATCH /webhooks/.*"))

    acked = wire.discord.made("POST /interactions/.*")[0].body
    assert acked == {"type": 5, "data": {"flags": 64}}
    assert wire.discord.made("PATCH /webhooks/.*")[0].body["content"] == "Nobody is live here."


async def test_a_connection_that_breaks_is_resumed(wire: Wire) -> None:
    await wire.discord.hang_up(4000)
    await wire.discord.until(lambda: any(said["op"] == 6 for said in wire.discord.ops), 15)
    await wire.write("Second")

    assert await wire.reception.texts(2) == ["First", "Second"]
    assert [said["op"] for said in wire.discord.ops] == [2, 6]


async def test_discord_asks_to_come_back_and_we_do(wire: Wire) -> None:
    await wire.discord.tell(7)
    await wire.discord.until(lambda: any(said["op"] == 6 for said in wire.discord.ops), 15)

    assert [said["op"] for said in wire.discord.ops] == [2, 6]


async def test_what_was_said_in_a_gap_is_looked_up(wire: Wire) -> None:
    await wire.discord.tell(9, False)  # the session is lost: nothing will be replayed
    wire.discord.message("Said meanwhile")
    await wire.discord.until(lambda: [said["op"] for said in wire.discord.ops].count(2) == 2, 20)

    assert await wire.reception.texts(2) == ["First", "Said meanwhile"]
    assert wire.platform._client is not None
    await wire.platform._client.wait_until_ready()


@pytest.mark.parametrize(("code", "words"), [(4014, "Message Content Intent"), (4004, "DISCORD_TOKEN")])
async def test_what_only_the_operator_can_mend_is_one_sentence(discord: FakeDiscord, code: int, words: str) -> None:
    discord.close_with = code

    with pytest.raises(SettingsError, match=words):
        await asyncio.wait_for(Wire(discord).platform.run(), 10)

    assert [said["op"] for said in discord.ops] == [2]


async def test_a_token_that_is_refused_is_one_sentence(discord: FakeDiscord) -> None:
    discord.next_answers("GET /users/@me", Answer(401, {"code": 0, "message": "401: Unauthorized"}))

    with pytest.raises(SettingsError, match="DISCORD_TOKEN"):
        await asyncio.wait_for(Wire(discord).platform.run(), 10)


async def test_without_a_connection_nothing_is_said_to_be_done(discord: FakeDiscord) -> None:
    with pytest.raises(PlatformError) as told:
        await Wire(discord).platform.post(PLACE, final("Hello"), "k1")

    assert not told.value.final
