"""How a call in a voice channel ends where Discord takes its time."""

import asyncio

from discord import VoiceClient
from discord.voice_state import VoiceConnectionState

from tests.integration.discord.fake.payloads import BOT
from tests.integration.discord.test_voice import LOUNGE, joined, known_to, spoken, voiced
from tests.integration.discord.wire import Wire
from tests.patience import until

__all__ = ["voiced"]


def connection(wire: Wire) -> VoiceConnectionState:
    """discord.py's, of the call that goes on."""
    voice = known_to(wire.platform, LOUNGE).guild.voice_client
    assert isinstance(voice, VoiceClient)
    return voice._connection


def bot_is_in(wire: Wire, channel: str) -> bool:
    """As far as Discord has said."""
    return int(BOT) in known_to(wire.platform, channel).voice_states


async def test_a_silent_gateway_did_not_take_it_out(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        voiced.discord.voice.closes.clear()
        given_up = asyncio.create_task(connection(voiced).disconnect())  # discord.py's own, after 30 s without a word
        await until(lambda: not bot_is_in(voiced, LOUNGE))
        voiced.discord.voice.closes.set()
        await given_up
        await until(lambda: talk.end is not None)
        assert talk.end
        assert not talk.end.final


async def test_a_call_is_over_once_discord_says_so(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        voiced.discord.voice.leaves.clear()
        await voiced.discord.voice.break_off(1011)
        await until(lambda: talk.end is not None)
        asyncio.get_running_loop().call_later(0.1, voiced.discord.voice.leaves.set)
    assert not bot_is_in(voiced, LOUNGE)


async def test_cancelled_while_it_leaves_the_server_is_free(voiced: Wire) -> None:
    call = asyncio.create_task(_stay(voiced))
    await voiced.discord.until(lambda: LOUNGE in voiced.discord.voice.described)
    line = connection(voiced)
    await until(line.is_connected)
    voiced.discord.voice.leaves.clear()
    call.cancel()
    await until(lambda: not line.is_connected())
    call.cancel()
    await asyncio.wait({call})
    voiced.discord.voice.leaves.set()
    await until(lambda: not bot_is_in(voiced, LOUNGE))
    async with spoken(voiced) as talk:
        await talk.heard_again()


async def _stay(wire: Wire) -> None:
    async with joined(wire, "Lounge"):
        await asyncio.Event().wait()
