"""Puts somebody else's rooms behind the stub: who joins through the SDK sits in truth in a connection of theirs.

With the AKOOL simulator's rooms, the whole way from a chat message to the avatar and back runs through the real wrapper.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from bot.domain.errors import RoomError
from bot.ports import room as port
from tests.integration.agora.hub import LOST, SAME_UID, Frame, Hub, HubConnection

INVALID_TOKEN, EXPIRED = 8, 9
REASONS = {
    port.LossReason.THROWN_OUT: SAME_UID,
    port.LossReason.EXPIRED: EXPIRED,
    port.LossReason.LOST: LOST,
    port.LossReason.ERROR: LOST,
}


class Said(NamedTuple):
    """What somebody sends, and how."""

    send: Callable[[bytes], Awaitable[None]]
    what: bytes


@asynccontextmanager
async def bridged(hub: Hub, rooms: port.ConnectRoom) -> AsyncIterator[None]:
    """Everybody who joins through the hub sits in `rooms`, until they have left and the block ends."""
    async with asyncio.TaskGroup() as tasks:

        def admit(connection: HubConnection) -> None:
            tasks.create_task(_carry(hub, connection, rooms))

        hub.admission = admit
        yield


async def _carry(hub: Hub, connection: HubConnection, rooms: port.ConnectRoom) -> None:
    app_id = hub.processes[connection.pid].app_id
    behind = rooms(port.RoomCredentials(app_id, connection.channel, connection.uid, connection.token))
    try:
        await behind.join()
    except RoomError:
        connection.fail(INVALID_TOKEN)
        return
    said: asyncio.Queue[Said] = asyncio.Queue()
    connection.outlet = lambda packet: said.put_nowait(Said(behind.send, packet))

    def take_voice(sound: bytes) -> None:
        for frame in _frames(sound):
            said.put_nowait(Said(behind.publish, frame))

    connection.voice_outlet = take_voice
    hub.let_in(connection)
    async with asyncio.TaskGroup() as ways:
        there, back = ways.create_task(_send(said)), ways.create_task(_hear(behind, connection))
        await hub.until(lambda: connection.left, within=3_600)
        there.cancel()
        back.cancel()
    await behind.leave()


def _frames(sound: bytes) -> Iterator[bytes]:
    return (sound[at : at + port.VOICE_FRAME] for at in range(0, len(sound), port.VOICE_FRAME))


async def _send(said: asyncio.Queue[Said]) -> None:
    while True:
        send, what = await said.get()
        await send(what)


async def _hear(behind: port.RoomConnection, connection: HubConnection) -> None:
    async for event in behind.events():
        match event:
            case port.PeerJoined(uid):
                connection.notice(Frame("j", uid))
            case port.PeerLeft(uid):
                connection.notice(Frame("g", uid))
            case port.Packet(uid, packet):
                connection.hear(uid, packet)
            case port.LinkDown():
                connection.break_off()
            case port.LinkUp():
                connection.restore()
            case port.ConnectionLost(reason):
                connection.throw_out(REASONS[reason])
