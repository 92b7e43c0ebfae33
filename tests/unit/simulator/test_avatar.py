"""What the avatar in the room does with what it is told."""

import pytest

from bot.ports.room import Packet, PeerJoined
from tests.unit.simulator.customer import chat, customer, until
from tests.virtual_time import virtual


def text_of(heard: list[dict[str, object]]) -> str:
    return "".join(message["pld"]["text"] for message in heard if message["type"] == "chat")  # type: ignore[index]


@virtual
async def test_in_retelling_it_says_exactly_what_it_is_given_in_growing_parts_at_speaking_pace() -> None:
    text = "Welcome everybody, this is what we will look at today: “quotes”, 日本語 and 🎉."
    async with customer() as akool:
        seat = akool.seat(await akool.create(mode_type=1))
        await seat.join()
        events = seat.events()
        await until(events, PeerJoined)
        began = akool.simulator.clock.now()
        await seat.send(chat("m1", text))
        heard = await until(events, Packet, event="audio_end")
        took = (akool.simulator.clock.now() - began).total_seconds()
        await seat.leave()
    parts = [message for message in heard if message["type"] == "chat"]
    assert text_of(heard) == text
    assert [part["idx"] for part in parts] == list(range(len(parts)))
    assert [part["fin"] for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {message["mid"] for message in heard} == {"m1"}
    assert heard[0]["pld"] == {"event": "audio_start"}
    assert took == pytest.approx(len(text) / 15)
