"""What the avatar in the room does with what it is told."""

import contextlib
import math
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulator import Options
from adapters.simulator.avatar import Spoken
from bot.ports.room import Packet, PeerJoined, PeerLeft, RoomConnection, RoomEvent
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import Customer, chat, command, customer, until


def text_of(heard: list[dict[str, Any]]) -> str:
    return "".join(message["pld"]["text"] for message in heard if message["type"] == "chat")


def spoken(akool: Customer) -> list[Spoken]:
    """What the newest session's avatar has said."""
    return next(iter(akool.simulator.sessions)).avatar.spoken


@contextlib.asynccontextmanager
async def in_retelling(
    options: Options | None = None,
) -> AsyncIterator[tuple[Customer, RoomConnection, AsyncIterator[RoomEvent]]]:
    """In a room with an avatar that repeats."""
    async with customer(options) as akool:
        connection = akool.connection(await akool.create(mode_type=1))
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        yield akool, connection, events


@virtual
async def test_retelling_repeats_its_text_at_speaking_pace() -> None:
    text = "Welcome everybody, this is what we will look at today: “quotes”, 日本語 and 🎉."
    async with customer() as akool:
        connection = akool.connection(await akool.create(mode_type=1))
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        began = akool.simulator.clock.now()
        await connection.send(chat("m1", text))
        heard = await until(events, Packet, event="audio_end")
        took = (akool.simulator.clock.now() - began).total_seconds()
        await connection.leave()
    parts = [message for message in heard if message["type"] == "chat"]
    assert text_of(heard) == text
    assert [part["idx"] for part in parts] == list(range(len(parts)))
    assert [part["fin"] for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {message["mid"] for message in heard} == {"m1"}
    assert heard[0]["pld"] == {"event": "audio_start"}
    assert took == pytest.approx(len(text) / 15)


@virtual
async def test_in_dialogue_it_answers_under_the_mid_of_the_question() -> None:
    async with customer() as akool:
        connection = akool.connection(await akool.create(mode_type=2))
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        await connection.send(chat("q1", "Who are you?"))
        heard = await until(events, Packet, event="audio_end")
    assert text_of(heard).startswith("I am Alma, your storyteller.")
    assert {message["mid"] for message in heard} == {"q1"}


@virtual
async def test_without_a_mode_it_behaves_as_dialogue() -> None:
    async with customer() as akool:
        connection = akool.connection(await akool.create())
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        await connection.send(chat("q1", "What is your name?"))
        assert "Alma" in text_of(await until(events, Packet, event="audio_end"))


@virtual
async def test_what_is_sent_before_it_has_joined_is_lost() -> None:
    async with customer(Options(join_delay=5)) as akool:
        connection = akool.connection(await akool.create(mode_type=1))
        await connection.join()
        events = connection.events()
        await connection.send(chat("early", "Hello?"))
        await until(events, PeerJoined)
        await connection.send(chat("later", "Hello!"))
        await until(events, Packet, event="audio_end")
        assert [said.mid for said in spoken(akool)] == ["later"]


@virtual
async def test_parts_are_put_together_in_whatever_order_they_come() -> None:
    async with in_retelling() as (akool, connection, events):
        for idx, text, fin in ((2, "c", True), (0, "a", False), (0, "a", False), (1, "b", False)):
            await connection.send(chat("m", text, idx, fin=fin))
        assert text_of(await until(events, Packet, event="audio_end")) == "abc"
        assert len(spoken(akool)) == 1


@virtual
async def test_a_chat_that_is_given_twice_is_said_twice() -> None:
    async with in_retelling() as (akool, connection, events):
        for _ in range(2):
            await connection.send(chat("m", "again"))
            await until(events, Packet, event="audio_end")
        assert [(said.mid, said.said, said.finished) for said in spoken(akool)] == [("m", "again", True)] * 2


@virtual
async def test_of_a_chat_that_was_complete_nothing_is_remembered() -> None:
    async with in_retelling() as (akool, connection, events):
        for idx, text in ((0, "a"), (1, "b"), (0, "A")):
            await connection.send(chat("m", text, idx, fin=idx == 1))
        await until(events, Packet, event="audio_end")
        await connection.send(chat("m", "B", 1))
        await until(events, Packet, event="audio_end")
        assert [said.given for said in spoken(akool)] == ["ab", "AB"]


@virtual
async def test_a_chat_with_a_missing_part_is_not_said() -> None:
    async with in_retelling() as (akool, connection, events):
        await connection.send(chat("torn", "end", 1))
        await connection.send(chat("whole", "all of it"))
        await until(events, Packet, event="audio_end")
        assert [said.mid for said in spoken(akool)] == ["whole"]


@virtual
async def test_chats_wait_for_each_other() -> None:
    async with in_retelling() as (_, connection, events):
        await connection.send(chat("1", "the first one takes its time"))
        await connection.send(chat("2", "the second one waits"))
        heard = await until(events, Packet, event="audio_end", mid="2")
    mids = [message["mid"] for message in heard]
    assert mids == sorted(mids)


@virtual
async def test_an_interrupt_stops_speech_and_drops_the_queue() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve"
    async with in_retelling() as (akool, connection, events):
        await connection.send(chat("long", text))
        await connection.send(chat("waiting", "never heard"))
        await until(events, Packet, mid="long", idx=2)
        await connection.send(command("stop", "interrupt"))
        heard = await until(events, Packet, cmd="interrupt")
        assert heard[-1]["pld"] == {"cmd": "interrupt", "code": 1000, "msg": "OK"}
        assert heard[-1]["mid"] == "stop"
        assert [message.get("fin", message["pld"].get("event")) for message in heard[:-1]] == [True, "audio_end"]
        await connection.send(chat("next", "on we go"))
        await until(events, Packet, event="audio_end")
        log = spoken(akool)
    assert [said.mid for said in log] == ["long", "next"]
    assert text.startswith(log[0].said)
    assert not log[0].finished


@virtual
async def test_an_interrupt_of_nothing_is_acknowledged_too() -> None:
    async with in_retelling() as (_, connection, events):
        await connection.send(command("stop", "interrupt"))
        assert [message["mid"] for message in await until(events, Packet, cmd="interrupt")] == ["stop"]


@virtual
async def test_set_params_is_acknowledged_and_changes_how_it_speaks() -> None:
    async with in_retelling() as (akool, connection, events):
        await connection.send(
            command(
                "p",
                "set-params",
                vid="old",
                lang="de",
                mode=2,
                bgurl="https://x.test/b.png",
                vparams={"vid": "v", "speed": 1.2},
            )
        )
        ack = (await until(events, Packet, cmd="set-params"))[-1]
        assert (ack["mid"], ack["pld"]["code"]) == ("p", 1000)
        params = next(iter(akool.simulator.sessions)).avatar.params
    assert (params.mode, params.language, params.voice_id, params.speed) == (2, "de", "v", 1.2)
    assert params.background_url == "https://x.test/b.png"


@pytest.mark.parametrize("data", [{"mode": 3}, {"mode": "1"}, {"vparams": {"speed": 2}}, {"vparams": []}])
@virtual
async def test_set_params_refuses_what_it_cannot_do(data: dict[str, object]) -> None:
    async with in_retelling() as (akool, connection, events):
        before = next(iter(akool.simulator.sessions)).avatar.params
        await connection.send(command("p", "set-params", **data))
        assert (await until(events, Packet, cmd="set-params"))[-1]["pld"]["code"] == 1003
        assert next(iter(akool.simulator.sessions)).avatar.params == before


@virtual
async def test_an_action_is_made_without_an_acknowledgement() -> None:
    async with in_retelling() as (akool, connection, events):
        await connection.send(command("", "set-action", action="hand_wave", expression="happiness"))
        await connection.send(command("i", "interrupt"))
        assert [message["mid"] for message in await until(events, Packet, cmd="interrupt")] == ["i"]
        assert next(iter(akool.simulator.sessions)).avatar.actions == [
            {"action": "hand_wave", "expression": "happiness"}
        ]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"type":"chat","mid":"m","idx":0,"fin":true,"pld":{"text":"no version"}}',
        b'{"v":1,"type":"chat","mid":"m","idx":0,"fin":true,"pld":{"text":"old version"}}',
        b'{"v":2,"type":"chat","mid":"m","idx":0,"fin":true,"pld":{"text":"more","from":"bot"}}',
        b'{"v":2,"type":"chat","idx":0,"fin":true,"pld":{"text":"no mid"}}',
        b'{"v":2,"type":"command","mid":"c","pld":{"cmd":"dance"}}',
        b'{"v":2,"type":"command","pld":{"cmd":"interrupt"}}',
    ],
)
@virtual
async def test_what_it_does_not_know_it_ignores(packet: bytes) -> None:
    async with in_retelling() as (akool, connection, events):
        await connection.send(packet)
        await connection.send(chat("m2", "fine"))
        heard = await until(events, Packet, event="audio_end")
        assert {message["mid"] for message in heard} == {"m2"}
        assert next(iter(akool.simulator.sessions)).avatar.ignored == 1


@virtual
async def test_the_prologue_is_an_opening_line_in_retelling_only() -> None:
    async with customer() as akool:
        for mode, opening in ((1, ["Welcome to the Lantern House"]), (2, [])):
            session = await akool.create(mode_type=mode, knowledge_id="64f8a1b2c3d4e5f6a7b8c9d0")
            connection = akool.connection(session)
            await connection.join()
            events = connection.events()
            await until(events, PeerJoined)
            await connection.send(chat("q", "When is breakfast?"))
            await until(events, Packet, event="audio_end", mid="q")
            given = [said.given[:28] for said in spoken(akool) if said.mid != "q"]
            assert given == opening
            await akool.close(session["_id"])


@virtual
async def test_the_avatar_leaves_when_its_session_is_closed() -> None:
    async with customer() as akool:
        session = await akool.create(mode_type=1)
        connection = akool.connection(session)
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        await connection.send(chat("m", "I was just going to say something long"))
        await akool.close(session["_id"])
        await until(events, PeerLeft)
        assert akool.simulator.rooms.occupancy() == {}


@given(
    st.text(max_size=600) | st.text(st.characters(max_codepoint=31), max_size=600),
    st.sampled_from([5.0, 15.0, math.inf]),
)
def test_any_text_is_said_whole_in_packets_that_pass(text: str, pace: float) -> None:
    @virtual
    async def said() -> None:
        async with in_retelling(Options(pace=pace)) as (akool, connection, events):
            for idx, start in enumerate(range(0, len(text) or 1, 100)):
                await connection.send(
                    chat(str(uuid.UUID(int=1)), text[start : start + 100], idx, fin=start + 100 >= len(text))
                )
            assert text_of(await until(events, Packet, event="audio_end")) == text
            assert [said.finished for said in spoken(akool)] == [True]

    said()
