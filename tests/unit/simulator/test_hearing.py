"""A voice in the room of a simulated avatar: recognised word by word, answered in dialogue, repeated in retelling."""

import asyncio
import audioop
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulator.hearing import ToneRecogniser, tones
from bot.ports.room import VOICE_FRAME, Packet, PeerJoined, RoomConnection, RoomEvent
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import Customer, command, customer, until


def pieces(sound: bytes) -> Iterator[bytes]:
    return (sound[at : at + VOICE_FRAME].ljust(VOICE_FRAME, b"\0") for at in range(0, len(sound), VOICE_FRAME))


async def speak(connection: RoomConnection, text: str) -> None:
    """As a microphone does: 20 ms every 20 ms."""
    for piece in pieces(tones(text)):
        await connection.publish(piece)
        await asyncio.sleep(0.02)


async def met(hosted: Customer, **wanted: Any) -> tuple[RoomConnection, AsyncIterator[RoomEvent]]:
    """In a room with an avatar that is there, too."""
    connection = hosted.connection(await hosted.create(**wanted))
    await connection.join()
    events = connection.events()
    await until(events, PeerJoined)
    return connection, events


async def heard_in(hosted: Customer, text: str, **wanted: Any) -> list[dict[str, Any]]:
    """What the room says to a spoken text, up to the end of the avatar's voice."""
    connection, events = await met(hosted, **wanted)
    await speak(connection, text)
    messages = await until(events, Packet, event="audio_end")
    await connection.leave()
    return [message for message in messages if message["type"] == "chat"]


def texts(messages: list[dict[str, Any]], who: str) -> list[str]:
    return [message["pld"]["text"] for message in messages if message["pld"]["from"] == who]


@virtual
async def test_words_come_one_by_one_and_are_answered() -> None:
    async with customer() as hosted:
        messages = await heard_in(hosted, "Tell me a joke", mode_type=2)
    assert texts(messages, "user") == ["Tell", " me", " a", " joke", ""]
    assert [message["fin"] for message in messages if message["pld"]["from"] == "user"] == [False] * 4 + [True]
    assert "".join(texts(messages, "bot")) not in {"", "Tell me a joke"}
    assert {message["mid"] for message in messages if message["pld"]["from"] == "user"} != {messages[-1]["mid"]}


@virtual
async def test_in_retelling_it_repeats_what_it_hears() -> None:
    async with customer() as hosted:
        messages = await heard_in(hosted, "Tell me", mode_type=1)
    assert "".join(texts(messages, "bot")) == "".join(texts(messages, "user")) == "Tell me"


@virtual
async def test_a_longer_silence_can_be_asked_for() -> None:
    async with customer() as hosted:
        connection, events = await met(hosted)
        detection = {"type": "server_vad", "silence_duration_ms": 2_000}
        await connection.send(command("1", "set-params", vparams={"turn_detection": detection}))
        await speak(connection, "Tell")
        await asyncio.sleep(1)
        await speak(connection, "me")
        messages = await until(events, Packet, event="audio_end")
        await connection.leave()
    assert "".join(texts([each for each in messages if each["type"] == "chat"], "user")) == "Tell me"


@virtual
async def test_noise_and_silence_are_no_words() -> None:
    dice = Random(4711)
    noise = b"".join(dice.randint(-9_000, 9_000).to_bytes(2, "little", signed=True) for _ in range(16_000))
    recogniser = ToneRecogniser()
    heard = [recogniser.hear(piece) for piece in pieces(noise + bytes(32_000))]
    assert not any(each.words or each.over for each in heard)


WORD = st.text(st.characters(exclude_categories=("Z", "C", "Cs")), min_size=1, max_size=4)


@settings(max_examples=settings().max_examples // 2)  # each takes long
@given(words=st.lists(WORD, min_size=1, max_size=2), late=st.integers(0, 319), loud=st.sampled_from((0.15, 0.5, 1.0)))
def test_words_are_recognised_wherever_they_begin(words: list[str], late: int, loud: float) -> None:
    words = " ".join(words).split()
    sound = bytes(2 * late) + audioop.mul(tones(" ".join(words)), 2, loud) + bytes(32_000)
    recogniser = ToneRecogniser()
    heard = [recogniser.hear(piece) for piece in pieces(sound)]
    assert [word for each in heard for word in each.words] == words
    assert sum(each.over for each in heard) == 1
