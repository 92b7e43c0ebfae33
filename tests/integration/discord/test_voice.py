"""The avatar in voice channels, over a loopback voice gateway: those who listen hold Discord's own keys."""

import asyncio
import audioop
import math
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest
from discord import StageChannel, VoiceChannel

from adapters.discord import voice_support
from adapters.discord.platform import DiscordPlatform
from bot.domain.conversations import ConversationRef
from bot.domain.errors import PlatformError
from bot.ports.room import AudioFrame
from bot.ports.voice import VoiceAudience, VoiceCall, VoiceCallEnded
from tests.integration.discord.fake import ANN, BEN, CHANNEL, GUILD, Answer, FakeDiscord, guild
from tests.integration.discord.fake.members import Listener
from tests.integration.discord.fake.payloads import Json, own_member
from tests.integration.discord.fake.voice import voice_channel
from tests.integration.discord.wire import PLACE, Wire, running, settings
from tests.patience import HANG_S, until

LOUNGE, HALL, VAULT, STAGE = (f"70000000000000010{n}" for n in range(1, 5))
VIEW, CONNECT, SPEAK, WRITE, MUTE = 1 << 10, 1 << 20, 1 << 21, 1 << 11, 1 << 22
FULL = VIEW | CONNECT | SPEAK | WRITE


def hidden_from_everyone() -> dict[str, object]:
    return {"id": GUILD, "type": 0, "allow": "0", "deny": str(VIEW | CONNECT)}


def server(everyone: int = FULL) -> Json:
    """A server with two voice channels, one that only admins see, and a stage."""
    made = guild()
    made["members"] = [own_member()]
    made["roles"][0]["permissions"] = str(everyone)
    made["channels"] += [
        voice_channel(LOUNGE, "Lounge"),
        voice_channel(HALL, "Hall"),
        voice_channel(VAULT, "Vault", overwrites=(hidden_from_everyone(),)),
        voice_channel(STAGE, "Theatre", stage=True),
    ]
    return made


def tone(number: int) -> AudioFrame:
    """20 ms of 440 Hz at 24 kHz, the `number`th piece of it."""
    samples = (round(12_000 * math.sin(math.tau * 440 * n / 24_000)) for n in range(number * 480, number * 480 + 480))
    return AudioFrame("1", 24_000, 1, number * 20_000, struct.pack("<480h", *samples))


def pitch(pcm: bytes) -> float:
    """In Hz, by where it crosses zero; the first 100 ms, in which a codec finds its feet, left out."""
    mono = audioop.tomono(pcm[19_200:], 2, 1, 0)
    return audioop.cross(mono, 2) / (len(mono) / 2 / 48_000) / 2


@dataclass
class Spoken:
    """A call that goes on, what became of it, and who listens."""

    discord: FakeDiscord
    call: VoiceCall
    ann: Listener
    seen: list[VoiceAudience] = field(default_factory=list)
    end: VoiceCallEnded | None = None
    _spoken: int = 0

    async def follow(self) -> None:
        try:
            async for audience in self.call.events():
                self.seen.append(audience)
        except VoiceCallEnded as end:
            self.end = end

    async def speak(self, frames: int) -> None:
        """In real time, as it comes from a room."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(frames):
            self.call.play(tone(self._spoken + number))
            await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - loop.time()))
        self._spoken += frames

    async def heard(self, frames: int, listener: Listener | None = None) -> None:
        """Speak until so many more are heard, whatever was in between: of what comes too late some is left out."""
        listener = listener or self.ann
        before = listener.frames
        async with asyncio.timeout(HANG_S):
            while listener.frames < before + frames:
                await self.speak(10)

    async def heard_again(self, listener: Listener | None = None) -> None:
        await self.heard(20, listener)

    @property
    def arrived(self) -> int:
        """Frames of sound that reached Discord: however few a busy machine sends, Ann has to hear each."""
        return len(self.discord.voice.arrivals) - self.discord.voice.silences


def needs_libopus() -> None:
    if missing := voice_support.missing():
        pytest.skip(missing)


@pytest.fixture
async def voiced(discord: FakeDiscord) -> AsyncIterator[Wire]:
    """A platform whose server has voice channels."""
    needs_libopus()
    discord.guilds = [server()]
    for channel in (LOUNGE, HALL, VAULT, STAGE):
        discord.channels[channel] = {"id": channel, "type": 2, "guild_id": GUILD}
    discord.voice.stages = {STAGE}
    async with running(Wire(discord, settings=settings(home_guilds=(int(GUILD),)))) as wire:
        await wire.write("First")  # so that the server is known
        await wire.core.texts(1)
        yield wire


@asynccontextmanager
async def spoken(wire: Wire, channel: str = LOUNGE, name: str = "") -> AsyncIterator[Spoken]:
    """Ann is in a channel, and the avatar joins her there."""
    ann = await wire.discord.voice.person_joins(ANN, channel)
    await until(lambda: int(ANN) in known_to(wire.platform, channel).voice_states)
    async with AsyncExitStack() as stack:
        call = await stack.enter_async_context(joined(wire, name))
        talk = Spoken(wire.discord, call, ann)
        following = asyncio.create_task(talk.follow())
        try:
            await until(lambda: bool(talk.seen))
            yield talk
        finally:
            following.cancel()
            await asyncio.wait({following})


def known_to(platform: DiscordPlatform, channel: str) -> VoiceChannel | StageChannel:
    """As the bot's client knows it."""
    assert platform._client
    found = platform._client.get_channel(int(channel))
    assert isinstance(found, VoiceChannel | StageChannel)
    return found


@asynccontextmanager
async def joined(
    wire: Wire, name: str = "", place: ConversationRef = PLACE, person: str = ANN
) -> AsyncIterator[VoiceCall]:
    voice = wire.platform.features.voice
    assert voice is not None
    async with voice.call(place, person, name) as call:
        yield call


async def test_every_frame_is_decrypted_and_the_tone_is_found(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        assert talk.seen == [VoiceAudience(LOUNGE, "Lounge", frozenset({ANN}))]
        await talk.heard(100)
        assert (talk.ann.frames, talk.ann.unreadable) == (talk.arrived, 0)
        assert pitch(talk.ann.pcm) == pytest.approx(440, abs=5)
        assert voiced.discord.voice.plain == []
        first, *_, last = arrivals = voiced.discord.voice.arrivals
        assert (last - first) / (len(arrivals) - 1) == pytest.approx(0.020, abs=0.01)  # a busy machine sends in bursts
    assert voiced.discord.voice.where is None


async def test_without_keys_nothing_is_sent_unencrypted(voiced: Wire) -> None:
    voiced.discord.voice.welcomes.clear()
    async with spoken(voiced) as talk:
        await talk.speak(30)
        assert voiced.discord.voice.plain == []
        voiced.discord.voice.welcomes.set()
        await talk.heard_again()
        assert voiced.discord.voice.plain == []


async def test_a_new_epoch_loses_nothing_and_both_hear(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        await talk.heard_again()
        ben = await voiced.discord.voice.person_joins(BEN, LOUNGE)
        await until(lambda: talk.seen[-1].people == frozenset({ANN, BEN}))
        await voiced.discord.until(lambda: (23, {"transition_id": 1}) in voiced.discord.voice.ops)
        await talk.heard_again(ben)
        await talk.heard_again()
        assert ben.unreadable == talk.ann.unreadable == 0
        await voiced.discord.voice.person_leaves(BEN)
        await until(lambda: talk.seen[-1].people == frozenset({ANN}))


async def test_bots_do_not_count_as_people(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        await voiced.discord.dispatch("VOICE_STATE_UPDATE", _a_bot())
        await voiced.discord.voice.person_leaves(ANN)
        await until(lambda: talk.seen[-1].people == frozenset())
        assert len(talk.seen) == 2


def _a_bot() -> dict[str, object]:
    from tests.integration.discord.fake.payloads import USER
    from tests.integration.discord.fake.voice import state

    other = state(BEN, LOUNGE)
    other["user_id"] = "900000000000000099"
    other["member"] = other["member"] | {"user": USER | {"id": "900000000000000099"}}
    return other


async def test_moved_it_speaks_where_it_is(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        await talk.heard_again()
        ben = await voiced.discord.voice.person_joins(BEN, HALL)
        await voiced.discord.voice.move_bot(HALL)
        await until(lambda: talk.seen[-1] == VoiceAudience(HALL, "Hall", frozenset({BEN})))
        await talk.heard_again(ben)
        assert talk.end is None


async def test_another_region_is_followed(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        await talk.heard_again()
        await voiced.discord.voice.change_region()
        await voiced.discord.until(lambda: 4014 in voiced.discord.voice.closed)
        await talk.heard_again()
        assert talk.end is None


@pytest.mark.parametrize("code", [4015, 4006, 1011])
async def test_a_broken_connection_ends_and_another_is_heard(voiced: Wire, code: int) -> None:
    async with spoken(voiced) as talk:
        await talk.heard_again()
        await voiced.discord.voice.break_off(code)
        await until(lambda: talk.end is not None)
        assert talk.end
        assert not talk.end.final
        assert talk.end.sentence == "The connection to Lounge is lost. The talk goes on here."
    await voiced.discord.voice.person_leaves(ANN)
    voiced.discord.voice.group(LOUNGE).listeners.clear()
    async with spoken(voiced) as talk:
        await talk.heard_again()


async def test_where_nobody_answers_people_are_told(voiced: Wire) -> None:
    voiced.discord.voice.silent = True
    voiced.platform._voice._connect_within_s = 0.2
    with pytest.raises(PlatformError, match="Discord did not let me into that voice channel"):
        async with joined(voiced, "Lounge"):
            pass
    voiced.discord.voice.silent = False
    voiced.platform._voice._connect_within_s = HANG_S
    async with spoken(voiced):
        assert voiced.discord.voice.where == LOUNGE


async def test_taken_out_it_does_not_come_back(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        await talk.heard_again()
        await voiced.discord.voice.remove_bot()
        await until(lambda: talk.end is not None)
        assert talk.end
        assert talk.end.final
        assert talk.end.sentence == "I was taken out of Lounge. The talk goes on here."


async def test_with_a_twentieth_lost_the_rest_is_heard(voiced: Wire) -> None:
    voiced.discord.voice.lost = lambda number: number % 20 == 0
    async with spoken(voiced) as talk:
        await talk.heard(90)
        assert voiced.discord.voice.packets - len(voiced.discord.voice.arrivals) >= 4
        assert (talk.ann.frames, talk.ann.unreadable) == (talk.arrived, 0)
        assert pitch(talk.ann.pcm) == pytest.approx(440, abs=15)


async def test_what_is_interrupted_stops_within_a_frame(voiced: Wire) -> None:
    async with spoken(voiced) as talk:
        for number in range(20):  # 400 ms at once
            talk.call.play(tone(number))
        await voiced.discord.until(lambda: talk.ann.frames >= 3)
        talk.call.interrupt()
        before = talk.ann.frames
        await voiced.discord.until(lambda: voiced.discord.voice.packets >= before + 30)
        assert talk.ann.frames <= before + 2


async def test_on_a_stage_it_asks_to_speak(voiced: Wire) -> None:
    async with spoken(voiced, STAGE) as talk:
        assert talk.call.note == "I have asked to speak: a moderator of the stage has to allow it."
        (asked,) = voiced.discord.made("PATCH /guilds/.*/voice-states/@me")
        assert asked.body["channel_id"] == STAGE
        assert asked.body["request_to_speak_timestamp"]
        await talk.speak(10)
        await voiced.discord.until(lambda: len(voiced.discord.voice.plain) >= 5)  # stages are not encrypted


async def test_where_it_may_it_comes_on_stage_by_itself(voiced: Wire) -> None:
    voiced.discord.guilds[0]["roles"][0]["permissions"] = str(FULL | MUTE)
    await voiced.discord.dispatch("GUILD_UPDATE", voiced.discord.guilds[0])
    await voiced.write("Seen")
    await voiced.core.texts(2)
    async with spoken(voiced, STAGE) as talk:
        assert talk.call.note == ""
        (asked,) = voiced.discord.made("PATCH /guilds/.*/voice-states/@me")
        assert asked.body == {"channel_id": STAGE, "suppress": False}


async def test_what_nobody_understands_is_one_sentence(voiced: Wire) -> None:
    voiced.discord.next_answers("GET /guilds/.*/members/.*", Answer(200, {"nonsense": True}))
    with pytest.raises(PlatformError, match="Discord did not let me into that voice channel"):
        async with joined(voiced, "Lounge"):
            pass
    async with spoken(voiced):
        assert voiced.discord.voice.where == LOUNGE


# ---------------------------------------------------------------- where it may not be


@pytest.mark.parametrize("name", ["Vault", VAULT, "Nowhere"])
async def test_what_one_cannot_join_is_not_there(voiced: Wire, name: str) -> None:
    with pytest.raises(PlatformError, match="no voice channel of that name that you can join"):
        async with joined(voiced, name, person=BEN):  # Ann owns the server
            pass
    assert voiced.discord.voice.ops == []


@pytest.mark.parametrize("name", ["Lounge", "#lounge", LOUNGE, f"<#{LOUNGE}>"])
async def test_a_channel_is_found_by_name_or_id(voiced: Wire, name: str) -> None:
    async with spoken(voiced, LOUNGE, name) as talk:
        assert talk.seen[0].channel_name == "Lounge"


async def test_who_is_nowhere_is_asked_where(voiced: Wire) -> None:
    with pytest.raises(PlatformError, match="Join a voice channel first"):
        async with joined(voiced):
            pass


async def test_a_server_has_one_avatar_that_is_heard(voiced: Wire) -> None:
    async with spoken(voiced):
        with pytest.raises(PlatformError, match="Another avatar is in a voice channel"):
            async with joined(voiced, "Hall"):
                pass
        assert voiced.discord.voice.where == LOUNGE
    async with spoken(voiced, HALL, "Hall"):
        assert voiced.discord.voice.where == HALL


async def test_private_words_are_not_heard_by_everybody(voiced: Wire) -> None:
    private = voiced.discord.guilds[0]["channels"][0] | {"permission_overwrites": [hidden_from_everyone()]}
    assert private["id"] == CHANNEL
    await voiced.discord.dispatch("CHANNEL_UPDATE", private)
    await voiced.write("Seen")
    await voiced.core.texts(2)
    with pytest.raises(PlatformError, match="This conversation is private, and everybody in the server can listen"):
        async with joined(voiced, "Lounge"):
            pass
    assert voiced.discord.voice.ops == []


async def test_what_the_bot_lacks_is_named(voiced: Wire) -> None:
    voiced.discord.guilds[0]["roles"][0]["permissions"] = str(VIEW | CONNECT)
    await voiced.discord.dispatch("GUILD_UPDATE", voiced.discord.guilds[0])
    await voiced.write("Seen")
    await voiced.core.texts(2)
    with pytest.raises(PlatformError, match="In Lounge I lack the permissions Speak, Send Messages"):
        async with joined(voiced, "Lounge"):
            pass


async def test_direct_messages_have_no_voice_channels(voiced: Wire) -> None:
    with pytest.raises(PlatformError, match="no voice channels in direct messages"):
        async with joined(voiced, "Lounge", ConversationRef("discord", "dm-1", "1")):
            pass
