"""Several processes of one bot: each receives its shards, and some receive nothing and write all the same."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace

import pytest

from adapters.discord.replies import HANDLE_LIFE
from adapters.discord.voice import ELSEWHERE
from bot.clock import SystemClock
from bot.domain.conversations import Channel, Person, Reply, ReplyTo
from bot.domain.errors import PlatformError, StoreUnavailable
from bot.ports.processes import HeldShards
from tests.contract.platform.cards import CARD
from tests.integration.discord.fake import ANN, BOT, CHANNEL, GUILD, Answer, FakeDiscord
from tests.integration.discord.fake.payloads import guild
from tests.integration.discord.wire import PLACE, Wire, running
from tests.patience import HANG_S, until

NEXT_DOOR = str(int(GUILD) + (1 << 22))
"""A server of the other shard, of two."""
SHARD, OTHER = (int(GUILD) >> 22) % 2, (int(NEXT_DOOR) >> 22) % 2


@dataclass
class Share:
    """`Receivers`: what a test says that a process has."""

    numbers: frozenset[int]
    count: int = 2
    others: bool = True
    away: bool = False
    looked: int = 0
    """How often the process was not told."""

    async def hold(self, _platform: str, _count: int) -> HeldShards:
        if self.away:
            self.looked += 1
            raise StoreUnavailable("Not now.")
        return HeldShards(self.count, self.numbers)

    async def run(self) -> None:
        """Nobody is looked for."""


@pytest.fixture
async def discord(discord: FakeDiscord) -> FakeDiscord:
    """A bot in two servers, whose shards are two."""
    discord.shards = discord.max_concurrency = 2
    discord.guilds = [guild(), guild(NEXT_DOOR)]
    discord.channels[f"{NEXT_DOOR[:12]}000000"] = {"id": f"{NEXT_DOOR[:12]}000000", "type": 0, "guild_id": NEXT_DOOR}
    return discord


@pytest.fixture
async def two(discord: FakeDiscord) -> AsyncIterator[tuple[Wire, Wire]]:
    """The processes of `SHARD` and `OTHER`."""
    async with AsyncExitStack() as stack:
        wires = [Wire(discord, receivers=Share(frozenset({number}))) for number in (SHARD, OTHER)]
        for number, wire in enumerate(wires):
            await stack.enter_async_context(running(wire))
            await discord.until(lambda number=number: discord.welcomed == number + 1)
        yield wires[0], wires[1]


def identified(discord: FakeDiscord) -> list[list[int]]:
    return [said["d"]["shard"] for said in discord.ops if said["op"] == 2]


async def test_each_receives_its_shard_and_one_writes_commands(two: tuple[Wire, Wire]) -> None:
    first, second = two
    discord = first.discord
    assert identified(discord) == [[SHARD, 2], [OTHER, 2]]
    await first.write("Here")
    await discord.dispatch("MESSAGE_CREATE", discord.message("Next door") | {"guild_id": NEXT_DOOR})

    assert (await first.core.texts(1), await second.core.texts(1)) == (["Here"], ["Next door"])
    await discord.until(lambda: discord.made("PUT .*/commands"))
    assert len(discord.made("PUT .*/commands")) == 1


async def test_a_dead_process_shard_is_received_with_what_was_missed(discord: FakeDiscord) -> None:
    share = Share(frozenset({OTHER}))
    async with running(Wire(discord, receivers=share)) as wire:
        heard = discord.message("Heard by the one that died")
        wire.core.talked[PLACE] = heard["id"]
        discord.message("Heard by nobody")

        share.numbers = frozenset({SHARD, OTHER})

        assert await wire.core.texts(1) == ["Heard by nobody"]
        assert identified(discord) == [[OTHER, 2], [SHARD, 2]]
        assert discord.closed == []


async def test_what_was_missed_is_heard_before_what_follows(discord: FakeDiscord) -> None:
    share = Share(frozenset({OTHER}))
    async with running(Wire(discord, receivers=share)) as wire:
        wire.core.talked[PLACE] = discord.message("Heard by the one that died")["id"]
        discord.message("Heard by nobody")
        discord.next_answers("GET /channels/.*/messages", Answer(503))

        share.numbers = frozenset({SHARD, OTHER})
        await discord.until(lambda: discord.welcomed == 2)
        await wire.write("Heard as it was said")

        assert (await wire.core.texts(2))[:2] == ["Heard by nobody", "Heard as it was said"]


async def test_what_was_noted_of_a_given_up_shard_is_forgotten(discord: FakeDiscord) -> None:
    share = Share(frozenset({SHARD, OTHER}))
    async with running(Wire(discord, receivers=share)) as wire:
        await discord.until(lambda: discord.welcomed == 2)
        wire.core.talked[PLACE] = discord.message("Heard before")["id"]
        await wire.platform.connecting(SHARD)  # and never connected: it is another's
        share.numbers = frozenset({OTHER})
        await discord.until(lambda: len(discord.closed) == 1)

        wire.core.talked[PLACE] = discord.message("Heard by the other")["id"]
        discord.message("Heard by nobody")
        await wire.platform.connecting(SHARD)
        await wire.platform.connected(SHARD)

        assert await wire.core.texts(1) == ["Heard by nobody"]


async def test_a_shard_that_is_anothers_now_is_given_up(discord: FakeDiscord) -> None:
    share = Share(frozenset({SHARD, OTHER}))
    async with running(Wire(discord, receivers=share)) as wire:
        await discord.until(lambda: discord.welcomed == 2)

        share.numbers = frozenset({OTHER})

        await discord.until(lambda: len(discord.closed) == 1)
        assert wire.platform.connection().problem == ""
        assert await wire.platform.channel(PLACE) == Channel("#general")  # asked, not remembered


async def test_without_a_database_shards_are_kept(discord: FakeDiscord) -> None:
    share = Share(frozenset({SHARD}))
    async with running(Wire(discord, receivers=share)) as wire:
        share.away, share.numbers = True, frozenset()
        await until(lambda: share.looked)
        await wire.write("Here")

        assert await wire.core.texts(1) == ["Here"]


async def test_no_session_begins_while_discord_allows_none(discord: FakeDiscord) -> None:
    discord.sessions_left, discord.sessions_reset_ms = 0, 1_000
    began = asyncio.get_running_loop().time()
    async with running(Wire(discord, receivers=Share(frozenset({SHARD})))):
        assert discord.identified[SHARD] >= began + 1


async def test_who_has_no_shard_waits_connected(discord: FakeDiscord) -> None:
    async with sending(discord, Share(frozenset())) as wire:
        assert wire.platform.connection().problem == ""
        assert identified(discord) == []


# ---------------------------------------------------------------- a process that receives nothing


class sending:  # noqa: N801 - read as a verb: `async with sending(...)`
    """A platform that is logged in and has no gateway."""

    def __init__(self, discord: FakeDiscord, receivers: Share | None = None) -> None:
        self._wire = Wire(discord, receivers=receivers)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Wire:
        self._task = asyncio.create_task(self._wire.platform.run())
        await until(lambda: self._wire.platform.connection().problem == "")
        return self._wire

    async def __aexit__(self, *_: object) -> None:
        assert self._task
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task


async def test_a_card_its_thread_and_lines_need_no_gateway(discord: FakeDiscord) -> None:
    async with sending(discord) as wire:
        opened = await wire.platform.post_card(PLACE, CARD)
        await wire.platform.update_card(opened.card, opened.thread, CARD)
        await wire.platform.notify(opened.thread, "It goes on here.")

        assert discord.texts(opened.thread.thread_id) == ["It goes on here."]
        assert discord.ops == []


async def test_channels_are_asked_for_and_private_ones_kept(discord: FakeDiscord) -> None:
    hidden = {"id": GUILD, "type": 0, "allow": "0", "deny": str(1 << 10)}
    async with sending(discord) as wire:
        assert await wire.platform.channel(PLACE) == Channel("#general")
        discord.channels["700000000000000002"] = discord.channels[CHANNEL] | {
            "id": "700000000000000002",
            "name": "board",
            "permission_overwrites": [hidden],
        }
        board = replace(PLACE, channel_id="700000000000000002")
        assert await wire.platform.channel(board) == Channel("#board", private=True)
        elsewhere = replace(PLACE, workspace_id=NEXT_DOOR)
        assert await wire.platform.channel(elsewhere) == Channel(CHANNEL, private=True)
        await wire.platform.channel(PLACE)
        assert len(discord.made(f"GET /channels/{CHANNEL}")) == 2


@pytest.mark.parametrize("left_out", ["permission_overwrites", "name"])
async def test_a_channel_told_by_half_is_private(discord: FakeDiscord, left_out: str) -> None:
    del discord.channels[CHANNEL][left_out]
    async with sending(discord) as wire:
        assert await wire.platform.channel(PLACE) == Channel(CHANNEL, private=True)


async def test_an_answer_waits_for_another_process_acknowledgement(discord: FakeDiscord) -> None:
    asked = ReplyTo(PLACE, Person(ANN, "Ann"), f"{BOT}:a-token", SystemClock().now() + HANDLE_LIFE, 5)
    async with sending(discord) as wire:
        answering = asyncio.create_task(wire.platform.reply(asked, Reply("Yours alone.")))
        await discord.until(lambda: discord.made("PATCH /webhooks/.*"))
        discord.acknowledged.add("a-token")
        await asyncio.wait_for(answering, HANG_S)

        assert discord.made("PATCH /webhooks/.*")[-1].body["content"] == "Yours alone."
        assert discord.made("POST /channels/.*") == []


async def test_an_answer_nobody_acknowledged_goes_another_way(discord: FakeDiscord) -> None:
    asked = ReplyTo(PLACE, Person(ANN, "Ann"), f"{BOT}:late", SystemClock().now() + HANDLE_LIFE / 2, 5)
    async with sending(discord) as wire:
        await wire.platform.reply(asked, Reply("Yours alone."))

        assert len(discord.made("PATCH /webhooks/.*")) == 1
        assert "Yours alone." in discord.made("POST /channels/.*/messages")[0].body["content"]


async def test_voice_is_refused_where_the_gateway_is_elsewhere(discord: FakeDiscord) -> None:
    async with sending(discord) as wire:
        voice = wire.platform.features.voice
        assert voice is not None
        with pytest.raises(PlatformError) as refused:
            async with voice.call(PLACE, ANN, ""):
                pass

        assert refused.value.sentence == ELSEWHERE
        assert discord.ops == []


async def test_texts_link_to_commands_that_others_wrote(discord: FakeDiscord) -> None:
    async with running(Wire(discord, receivers=Share(frozenset({0})))):
        await discord.until(lambda: discord.commands)
    async with sending(discord) as wire:
        tokens = (f"token-{number}" for number in itertools.count())

        async def is_linked() -> bool:
            """Each asks by an interaction of its own: what was read of the commands is known a moment later."""
            token = next(tokens)
            discord.acknowledged.add(token)
            asked = ReplyTo(PLACE, Person(ANN, "Ann"), f"{BOT}:{token}", SystemClock().now() + HANDLE_LIFE, 5)
            await wire.platform.reply(asked, Reply("Write /avatar start"))
            written = discord.made("PATCH /webhooks/.*")[-1].body["content"]
            return bool(written == f"Write </avatar start:{discord.commands[0]['id']}>")

        await until(is_linked)
