"""Over the wire, production code unchanged: connections that break, freeze, and are refused."""

import asyncio

import pytest

from bot.errors import SettingsError
from tests.integration.discord.fake import FakeDiscord
from tests.integration.discord.wire import Impatient, Wire, running, settings


async def test_a_connection_that_breaks_is_resumed(wire: Wire) -> None:
    await wire.discord.hang_up(4000)
    await wire.discord.until(lambda: 6 in wire.discord.said_ops(), 15)
    await wire.write("Second")

    assert await wire.reception.texts(2) == ["First", "Second"]
    assert wire.discord.said_ops() == [2, 6]


async def test_discord_asks_to_come_back_and_we_do(wire: Wire) -> None:
    await wire.discord.tell(7)
    await wire.discord.until(lambda: 6 in wire.discord.said_ops(), 15)

    assert wire.discord.said_ops() == [2, 6]


async def test_a_session_that_is_only_interrupted_is_resumed(wire: Wire) -> None:
    await wire.discord.tell(9, True)
    await wire.discord.until(lambda: 6 in wire.discord.said_ops(), 15)
    await wire.write("Second")

    assert await wire.reception.texts(2) == ["First", "Second"]
    assert wire.discord.said_ops() == [2, 6]


async def test_what_was_said_in_a_gap_is_looked_up(wire: Wire) -> None:
    await wire.discord.forget_session()
    wire.discord.message("Said meanwhile")
    await wire.discord.until(lambda: wire.discord.said_ops().count(2) == 2, 20)

    assert await wire.reception.texts(2) == ["First", "Said meanwhile"]
    await wire.ready()


async def test_a_session_that_cannot_be_resumed_any_more_begins_anew(wire: Wire) -> None:
    wire.discord.expire_session()
    wire.discord.message("Said meanwhile")
    await wire.discord.hang_up(4000)

    await wire.discord.until(lambda: wire.discord.said_ops() == [2, 6, 2], 20)
    assert await wire.reception.texts(2) == ["First", "Said meanwhile"]
    await wire.ready()


async def test_a_connection_that_is_dead_without_saying_so_is_left_and_resumed(discord: FakeDiscord) -> None:
    discord.heartbeat_interval = 200
    async with running(Wire(discord, Impatient)) as wire:
        discord.frozen = True
        await wire.write("Said to a zombie")
        assert wire.reception.inbounds == []

        assert await wire.reception.texts(1) == ["Said to a zombie"]
        assert discord.said_ops() == [2, 6]
        assert not {1000, 1001} & set(discord.closed)  # which would have ended the session


async def test_a_first_connection_that_fails_is_tried_again(discord: FakeDiscord) -> None:
    discord.refuse_connections = 1
    async with running(Wire(discord)) as wire:
        await wire.write("First")
        assert await wire.reception.texts(1) == ["First"]


@pytest.mark.parametrize("wanted", [True, False])
async def test_no_more_is_asked_for_than_is_used(discord: FakeDiscord, wanted: bool) -> None:
    async with running(Wire(discord, settings=settings(message_content=wanted))):
        guilds, messages, content = 1 << 0, 1 << 9, 1 << 15
        assert discord.ops[0]["d"]["intents"] == guilds | messages | (content if wanted else 0)


@pytest.mark.parametrize(("shards", "writes"), [("0/2", True), ("1/2", False)])
async def test_a_process_takes_its_shards_and_the_first_writes_the_commands(
    discord: FakeDiscord, shards: str, writes: bool
) -> None:
    async with running(Wire(discord, settings=settings(shards=shards))):
        assert [said["d"]["shard"] for said in discord.ops] == [[int(shards[0]), 2]]
        assert bool(discord.made("PUT .*/commands")) is writes


async def test_what_cannot_be_parsed_ends_this_life_of_the_client(discord: FakeDiscord) -> None:
    wire = Wire(discord)
    living = asyncio.create_task(wire.platform.run())
    await discord.until(lambda: discord.ops)
    await wire.ready()

    await discord.dispatch("GUILD_CREATE", {"id": None})

    with pytest.raises((TypeError, ValueError, KeyError)):
        await asyncio.wait_for(living, 10)


@pytest.mark.parametrize(("code", "words"), [(4014, "Message Content Intent"), (4004, "DISCORD_TOKEN")])
async def test_what_only_the_operator_can_mend_is_one_sentence(discord: FakeDiscord, code: int, words: str) -> None:
    discord.close_with = code

    with pytest.raises(SettingsError, match=words):
        await asyncio.wait_for(Wire(discord).platform.run(), 10)

    assert discord.said_ops() == [2]


async def test_a_token_that_is_refused_is_one_sentence(discord: FakeDiscord) -> None:
    discord.token = "another"

    with pytest.raises(SettingsError, match="DISCORD_TOKEN"):
        await asyncio.wait_for(Wire(discord).platform.run(), 10)
