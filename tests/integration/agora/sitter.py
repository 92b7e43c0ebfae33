"""A room that the bot sits in, for tests that look at its events one by one."""

import asyncio
from collections.abc import AsyncIterator

from adapters.agora.connection import AgoraConnection, AgoraConnections
from bot.ports.room import RoomCredentials, RoomEvent
from tests.patience import HANG_S

APP_ID = "0123456789abcdef0123456789abcdef"


def credentials(uid: str = "1002", channel: str = "room", app_id: str = APP_ID) -> RoomCredentials:
    return RoomCredentials(app_id, channel, uid, "a token")


class Sitter:
    """A connection that has joined, and its events one by one."""

    def __init__(self, connection: AgoraConnection) -> None:
        self.connection = connection
        self._events: AsyncIterator[RoomEvent] = connection.events()

    async def next(self) -> RoomEvent:
        async with asyncio.timeout(HANG_S):
            return await anext(self._events)


async def sit(connections: AgoraConnections, connection: RoomCredentials) -> Sitter:
    sitter = Sitter(connections(connection))
    await sitter.connection.join()
    return sitter
