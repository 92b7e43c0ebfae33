"""Puts somebody else's rooms behind the stub: who joins through the SDK sits in truth in a connection of theirs.

With the AKOOL simulator's rooms, the whole way from a chat message to the avatar and back runs through the real wrapper.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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
    said: asyncio.Queue[bytes] = asyncio.Queue()
    connection.outlet = said.put_nowait
    hub.let_in(connection)
    async with asyncio.TaskGroup() as ways:
        there, back = ways.create_task(_send(said, behind)), ways.create_task(_hear(behind, connection))
        await hub.until(lambda: connection.left, within=3_600)
        there.cancel()
        back.cancel()
    await behind.leave()


async def _send(said: asyncio.Queue[bytes], behind: port.RoomConnection) -> None:
    while True:
        await behind.send(await said.get())


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
