"""Our end of protocol v2 against the simulator's: the real avatar on a real connection, on a good line and on a bad one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.akool.avatar import AkoolAvatar
from adapters.simulator import ChatShape, Control, Ending, FaultScript, NetworkConditions, Numbering, Simulator
from bot.domain.posts import Speaker
from bot.domain.sessions import Mode, ParamChanges
from bot.ports.avatar import AvatarArrived, AvatarEvent, Speaking, Utterance
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import credentials, customer

TEXT = "The first sentence is short. The second one, with 日本語 and 👩🏽\u200d💻 in it, is not. " * 20


class Conversation:
    def __init__(self, avatar: AkoolAvatar, simulator: Simulator) -> None:
        self.avatar = avatar
        self.simulator = simulator
        self.told: list[AvatarEvent] = []

    async def listen(self) -> None:
        async for event in self.avatar.events():
            self.told.append(event)

    async def reply(self, turn_id: str) -> str:
        """What it said in this turn, when it has said it."""
        async with asyncio.timeout(600):
            while not any(isinstance(e, Utterance) and e.id == turn_id and e.final for e in self.told):
                await asyncio.sleep(0.1)
        await asyncio.sleep(40)
        said = [e for e in self.told if isinstance(e, Utterance) and e.id == turn_id]
        assert said[-1].final
        assert {utterance.speaker for utterance in said} == {Speaker.BOT}
        return said[-1].text


@asynccontextmanager
async def conversation(shape: ChatShape = ChatShape()) -> AsyncIterator[Conversation]:  # noqa: B008 - frozen
    async with customer() as somebody, asyncio.TaskGroup() as group:
        Control(somebody.simulator).script(FaultScript(shape=shape))
        ours = credentials(await somebody.create(mode_type=Mode.RETELLING, duration=3600))
        avatar = AkoolAvatar(somebody.simulator.connect(ours), own_uid=ours.uid)
        talk = Conversation(avatar, somebody.simulator)
        await avatar.join()
        group.create_task(talk.listen())
        try:
            yield talk
        finally:
            await avatar.leave()


@virtual
async def test_a_long_text_is_retold_word_for_word() -> None:
    async with conversation() as talk:
        await talk.avatar.say("turn", TEXT)
        assert await talk.reply("turn") == TEXT
        assert talk.told[0] == AvatarArrived()
        assert [event for event in talk.told if isinstance(event, Speaking)] == [
            Speaking("turn", on=True),
            Speaking("turn", on=False),
        ]


@pytest.mark.parametrize("numbering", Numbering)
@pytest.mark.parametrize("ending", Ending)
@virtual
async def test_an_answer_in_any_shape_is_whole(numbering: Numbering, ending: Ending) -> None:
    """AKOOL's own clients show all of them whole."""
    text = "It was a very, very, very good question. " * 100
    async with conversation(ChatShape(numbering, ending, part_length=2, pause=25)) as talk:
        await talk.avatar.say("turn", text)
        await asyncio.sleep(400)
        assert await talk.reply("turn") == text


@virtual
async def test_repeated_and_reordered_parts_make_the_same_words() -> None:
    async with conversation() as talk:
        talk.simulator.rooms.to_client.conditions = NetworkConditions(repeat=0.3, reorder=0.3, late_s=0.8)
        await talk.avatar.say("turn", TEXT)
        assert await talk.reply("turn") == TEXT


@virtual
async def test_lost_parts_are_shown_as_gaps() -> None:
    async with conversation() as talk:
        talk.simulator.rooms.to_client.conditions = NetworkConditions(lose=0.2)
        await talk.avatar.say("turn", TEXT)
        pieces = (await talk.reply("turn")).split("…")
        assert len(pieces) > 5
        assert all(piece in TEXT for piece in pieces)


@virtual
async def test_a_command_survives_its_loss() -> None:
    async with conversation() as talk:
        await asyncio.sleep(1)
        async with asyncio.TaskGroup() as group:
            talk.simulator.rooms.to_avatar.conditions = NetworkConditions(lose=1)
            group.create_task(talk.avatar.set_params(ParamChanges(mode=Mode.DIALOGUE)))
            await asyncio.sleep(1)
            talk.simulator.rooms.to_avatar.conditions = NetworkConditions()
        await talk.avatar.say("question", "What is your name?")
        assert "Alma" in await talk.reply("question")


@virtual
async def test_an_interrupt_silences_it() -> None:
    async with conversation() as talk:
        await talk.avatar.say("turn", TEXT)
        await asyncio.sleep(2)
        await talk.avatar.interrupt()
        assert len(await talk.reply("turn")) < len(TEXT) / 2
        assert talk.told[-1] == Speaking("turn", on=False)
