"""Connections for clients in other processes, over a WebSocket."""

import asyncio
import contextlib

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.simulator.remote_protocol import PATH, ClientRequest, RoomFrameKind, event_to_text
from adapters.simulator.room import SimulatedConnection, SimulatedRooms
from bot.domain.errors import RoomError
from bot.ports.room import RoomCredentials


class Bridge:
    def __init__(self, rooms: SimulatedRooms) -> None:
        self._rooms = rooms

    def routes(self) -> list[WebSocketRoute]:
        return [WebSocketRoute(PATH, self._serve)]

    async def _serve(self, socket: WebSocket) -> None:
        """One connection, for as long as the socket: a client that is killed has left."""
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            try:
                connection = await self._take(await socket.receive_text())
            except RoomError as error:
                await socket.send_text(error.detail)
                await socket.close()
            else:
                await _hold(socket, connection)

    async def _take(self, credentials: str) -> SimulatedConnection:
        try:
            connection = self._rooms.connection(msgspec.json.decode(credentials, type=RoomCredentials))
        except msgspec.DecodeError as error:
            raise RoomError("The room did not let us in.", f"not credentials: {error}") from error
        await connection.join()
        return connection


async def _hold(socket: WebSocket, connection: SimulatedConnection) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_hear(socket, connection))
            await socket.send_text("")
            await _tell(socket, connection)
    except* WebSocketDisconnect:
        pass  # the client went away, and so has its connection
    finally:
        await connection.leave()


async def _tell(socket: WebSocket, connection: SimulatedConnection) -> None:
    """Pass on what happens, until the connection is lost; then hang up, which ends `_hear` too."""
    async for event in connection.events():
        await socket.send_text(event_to_text(event))
    await socket.close()


async def _hear(socket: WebSocket, connection: SimulatedConnection) -> None:
    while (frame := await socket.receive())["type"] != "websocket.disconnect":
        if (said := frame.get("bytes")) is not None:
            with contextlib.suppress(RoomError):  # lost meanwhile: the client is being told
                await (connection.publish if said[0] == RoomFrameKind.VOICE else connection.send)(said[1:])
        else:
            await _grant(msgspec.json.decode(frame["text"], type=ClientRequest), connection)
    await connection.leave()


async def _grant(request: ClientRequest, connection: SimulatedConnection) -> None:
    if request.key_frame and request.uid is not None:
        await connection.request_key_frame(request.uid)
    else:
        await connection.watch(request.uid)
