"""Over the wire, production code unchanged: connections that break, freeze, and are refused."""

import asyncio

import pytest
from structlog.testing import capture_logs

from adapters.discord import voice_support
from adapters.discord.gateway import ELSEWHERE, NOT_CONNECTED
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError, SettingsError
from tests.integration.discord.fake import CHANNEL, GUILD, Answer, FakeDiscord, application
from tests.integration.discord.wire import Hasty, Impatient, Wire, running, settings
from tests.patience import HANG_S


async def test_a_connection_that_breaks_is_resumed(wire: Wire) -> None:
    await wire.discord.hang_up(4000)
    await wire.discord.until(lambda: 6 in wire.discord.said_ops())
    await wire.write("Second")

    assert await wire.core.texts(2) == ["First", "Second"]
    assert wire.discord.said_ops() == [2, 6]


async def test_discord_asks_to_come_back_and_we_do(wire: Wire) -> None:
    await wire.discord.tell(7)
    await wire.discord.until(lambda: 6 in wire.discord.said_ops())

    assert wire.discord.said_ops() == [2, 6]


async def test_a_session_that_is_only_interrupted_is_resumed(wire: Wire) -> None:
    await wire.discord.tell(9, True)
    await wire.discord.until(lambda: 6 in wire.discord.said_ops())
    await wire.write("Second")

    assert await wire.core.texts(2) == ["First", "Second"]
    assert wire.discord.said_ops() == [2, 6]


async def test_what_was_said_in_a_gap_is_looked_up(wire: Wire) -> None:
    await wire.discord.forget_session()
    wire.discord.message("Said meanwhile")
    await wire.discord.until(lambda: wire.discord.said_ops().count(2) == 2)

    assert await wire.core.texts(2) == ["First", "Said meanwhile"]
    await wire.ready()


async def test_a_session_that_cannot_be_resumed_any_more_begins_anew(wire: Wire) -> None:
    wire.discord.expire_session()
    wire.discord.message("Said meanwhile")
    await wire.discord.hang_up(4000)

    await wire.discord.until(lambda: wire.discord.said_ops() == [2, 6, 2])
    assert await wire.core.texts(2) == ["First", "Said meanwhile"]
    await wire.ready()


async def test_a_dead_connection_is_noticed_and_resumed(discord: FakeDiscord) -> None:
    discord.heartbeat_interval = 200
    async with running(Wire(discord, Impatient)) as wire:
        discord.frozen = True
        await wire.write("Said to a zombie")
        assert wire.core.inbounds == []

        assert await wire.core.texts(1) == ["Said to a zombie"]
        assert discord.said_ops()[:2] == [2, 6]
        assert not {1000, 1001} & set(discord.closed)  # which would have ended the session


@pytest.mark.parametrize("asked", ["GET /users/@me", "GET /gateway/bot"])
async def test_a_start_that_is_never_answered_is_begun_anew(discord: FakeDiscord, asked: str) -> None:
    discord.next_answers(asked, Answer(503, slow=HANG_S))
    with pytest.raises(PlatformError, match="cannot be reached"):
        await asyncio.wait_for(Wire(discord, Hasty).platform.run(), HANG_S)


async def test_a_first_connection_that_fails_is_tried_again(discord: FakeDiscord) -> None:
    discord.refuse_connections = 1
    async with running(Wire(discord)) as wire:
        await wire.write("First")
        assert await wire.core.texts(1) == ["First"]


@pytest.mark.parametrize("wanted", [True, False])
async def test_no_more_is_asked_for_than_is_used(discord: FakeDiscord, wanted: bool) -> None:
    async with running(Wire(discord, settings=settings(message_content=wanted))):
        guilds, messages, content = 1 << 0, 1 << 9, 1 << 15
        voice = 0 if voice_support.missing() else 1 << 7
        assert discord.ops[0]["d"]["intents"] == guilds | voice | messages | (content if wanted else 0)


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("GUILD_CREATE", {"id": None}),
        ("MESSAGE_CREATE", {"id": "1", "channel_id": CHANNEL, "guild_id": GUILD, "content": "no author"}),
        ("MESSAGE_CREATE", []),
        ("INTERACTION_CREATE", {"id": "x"}),
        ("THREAD_UPDATE", {}),
    ],
)
async def test_what_cannot_be_read_ends_nothing_and_quotes_nobody(wire: Wire, event: str, payload: object) -> None:
    with capture_logs() as written:
        for _ in range(3):
            await wire.discord.dispatch(event, payload)
        await wire.write("Second")
        assert await wire.core.texts(2) == ["First", "Second"]

    assert wire.discord.said_ops() == [2]
    (line,) = written
    assert (line["log_level"], line["kind"]) == ("warning", event)
    assert "no author" not in str(line)


async def test_an_internal_fault_is_logged_and_the_next_message_heard(wire: Wire) -> None:
    wire.core.fault = ValueError("a bug")
    with capture_logs() as written:
        await wire.write("Second")
        await wire.write("Third")
        await wire.core.texts(3)

    assert [(line["log_level"], line["handler"]) for line in written] == [("error", "on_message")]


async def test_an_unreadable_server_message_is_not_a_direct_one(wire: Wire) -> None:
    stranger = "800000000000000077"
    await wire.discord.dispatch("MESSAGE_CREATE", wire.discord.message("Hello") | {"guild_id": stranger})

    assert await wire.core.texts(2) == ["First", "Hello"]
    assert wire.core.inbounds[-1].place == ConversationRef("discord", stranger, CHANNEL)


@pytest.mark.parametrize(("code", "words"), [(4014, "Message Content Intent"), (4004, "DISCORD_TOKEN")])
async def test_what_only_the_operator_can_mend_is_one_sentence(discord: FakeDiscord, code: int, words: str) -> None:
    discord.close_with = code

    with pytest.raises(SettingsError, match=words):
        await asyncio.wait_for(Wire(discord).platform.run(), HANG_S)

    assert discord.said_ops() == [2]


async def test_a_token_that_is_refused_is_one_sentence(discord: FakeDiscord) -> None:
    discord.token = "another"

    with pytest.raises(SettingsError, match="DISCORD_TOKEN"):
        await asyncio.wait_for(Wire(discord).platform.run(), HANG_S)


# ---------------------------------------------------------------- whether it hears anybody


async def test_losing_and_regaining_the_connection_is_noticed(wire: Wire) -> None:
    assert wire.platform.connection().problem == ""
    wire.discord.refuse_connections = 2

    await wire.discord.hang_up(4000)

    await wire.until(lambda: wire.platform.connection().problem == NOT_CONNECTED)
    await wire.until(lambda: wire.platform.connection().problem == "")
    await wire.discord.until(lambda: wire.discord.made("GET /channels/.*/messages"))  # it is ready again


async def test_it_is_disconnected_before_running_and_after_a_fatal_close(discord: FakeDiscord) -> None:
    platform = Wire(discord).platform
    assert platform.connection().problem == NOT_CONNECTED
    discord.close_with = 4014

    with pytest.raises(SettingsError):
        await asyncio.wait_for(platform.run(), HANG_S)

    assert "Message Content Intent" in platform.connection().problem


async def test_commands_that_go_elsewhere_are_seen(discord: FakeDiscord) -> None:
    taken = application() | {"interactions_endpoint_url": "https://example.com/hook"}
    discord.next_answers("GET /oauth2/applications/@me", Answer(200, taken))
    async with running(Wire(discord)) as wire:
        assert wire.platform.connection().problem == ELSEWHERE


async def test_since_when_is_told(wire: Wire) -> None:
    first = wire.platform.connection()

    assert wire.platform.connection() == first
    assert not first.problem
