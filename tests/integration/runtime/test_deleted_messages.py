"""A message that is deleted is not said, and what is being said of it stops."""

import asyncio

from adapters.akool.stream.protocol import Chat, Interrupt, decode
from bot.domain.conversations import MessageRef
from bot.ports.room import ConnectRoom, RoomConnection, RoomCredentials
from bot.testing.chat import ANN
from tests.integration.queries.asking import ask
from tests.integration.runtime.test_moderation import Model
from tests.world_fixture import Stack, on_stack

LONG = "这是一个很长的消息。" * 140
"""Six packets' worth of one message."""


class Tap:
    """Connections that note what is sent from them, in order."""

    def __init__(self, connections: ConnectRoom) -> None:
        self._connections = connections
        self.sent: list[Chat | Interrupt] = []

    @property
    def chats(self) -> list[Chat]:
        return [packet for packet in self.sent if isinstance(packet, Chat)]

    def __call__(self, credentials: RoomCredentials) -> RoomConnection:
        connection = self._connections(credentials)
        send = connection.send

        async def noted(packet: bytes) -> None:
            message = decode(packet)
            if isinstance(message, Chat | Interrupt):
                self.sent.append(message)
            await send(packet)

        connection.send = noted  # type: ignore[method-assign]
        return connection


def written_last(stack: Stack) -> MessageRef:
    """The message that Ann has just written."""
    return next(message.ref for message in reversed(stack.room.messages.values()) if message.author == ANN)


async def begin(stack: Stack, mode: str) -> None:
    await stack.room.command("start", mode=mode)
    await stack.live()


@on_stack()
async def test_a_deletion_lets_at_most_one_more_packet_out(stack: Stack) -> None:
    tap = stack.tap = Tap(stack.simulator.connect)
    async with stack.serving():
        await begin(stack, "retelling")
        await stack.room.say(LONG, stack.room.thread)
        await stack.until(lambda: len(tap.sent) >= 2, within=5)
        await stack.room.withdraw(written_last(stack))
        sent = len(tap.sent)
        await stack.room.say("What is next?", stack.room.thread)
        await stack.until(lambda: "What is next?" in stack.spoken)
    (stop,) = [index for index, packet in enumerate(tap.sent) if isinstance(packet, Interrupt)]
    rest = [packet for packet in tap.sent[sent:] if isinstance(packet, Chat) and packet.mid == tap.chats[0].mid]
    assert len(rest) <= 1
    assert stop <= sent + 1
    assert not tap.chats[stop - 1].fin


@on_stack()
async def test_deleted_while_it_is_spoken_the_avatar_stops(stack: Stack) -> None:
    tap = stack.tap = Tap(stack.simulator.connect)
    async with stack.serving():
        await begin(stack, "retelling")
        await stack.room.say("I have a very long story to tell. " * 20, stack.room.thread)
        await stack.until(lambda: bool(stack.spoken))
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        await stack.room.withdraw(written_last(stack))
        await stack.until(lambda: isinstance(tap.sent[-1], Interrupt), within=1)
        await stack.room.say("What is next?", stack.room.thread)
        await stack.until(lambda: "What is next?" in stack.spoken)
        assert asyncio.get_running_loop().time() - began < 3
    assert not [told for told in stack.room.answers() if "say it again" in told]


@on_stack()
async def test_the_answer_of_an_own_model_to_it_stops(stack: Stack) -> None:
    model = Model(tuple(f"Sentence number {number} is here." for number in range(60)))
    async with stack.serving(model=model):
        await begin(stack, "dialogue")
        await stack.room.say("Tell me everything.", stack.room.thread)
        await stack.until(lambda: model.written >= 2)
        await stack.room.withdraw(written_last(stack))
        await asyncio.sleep(10)
    assert model.written < 6


@on_stack()
async def test_the_deletion_of_another_message_stops_nothing(stack: Stack) -> None:
    tap = stack.tap = Tap(stack.simulator.connect)
    async with stack.serving():
        await begin(stack, "retelling")
        await stack.room.say("Hello.", stack.room.thread)
        await stack.until(lambda: stack.spoken == ["Hello."])
        other = written_last(stack)
        await stack.room.say("I have a very long story to tell. " * 20, stack.room.thread)
        await stack.until(lambda: len(stack.spoken) == 2)
        await stack.room.withdraw(other)
        await asyncio.sleep(5)
    assert not [packet for packet in tap.sent if isinstance(packet, Interrupt)]


@on_stack()
async def test_the_same_deletion_twice_is_one(stack: Stack) -> None:
    async with stack.serving():
        await begin(stack, "retelling")
        await stack.room.say("I have a very long story to tell. " * 20, stack.room.thread)
        await stack.until(lambda: bool(stack.spoken))
        await stack.room.withdraw(written_last(stack))
        await stack.room.redeliver()
        await stack.room.say("What is next?", stack.room.thread)
        await stack.until(lambda: "What is next?" in stack.spoken)


@on_stack()
async def test_a_cut_by_deletion_is_marked_in_the_transcript(stack: Stack) -> None:
    async with stack.serving():
        await begin(stack, "retelling")
        await stack.room.say("I have a very long story to tell. " * 20, stack.room.thread)
        await stack.until(lambda: bool(stack.spoken))
        await asyncio.sleep(1)
        await stack.room.withdraw(written_last(stack))
        await asyncio.sleep(2)
        reply = await ask(stack, "transcript", format="md")
    assert reply.file is not None
    assert b"*(interrupted)*" in reply.file.content
