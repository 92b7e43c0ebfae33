"""Seats for clients in other processes, over a WebSocket."""

import asyncio
import contextlib

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.simulator.remote_protocol import PATH, Wish, event_to_text
from adapters.simulator.room import Rooms, SimulatedConnection
from bot.domain.errors import RoomError
from bot.ports.room import RoomCredentials


class Bridge:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def routes(self) -> list[WebSocketRoute]:
        return [WebSocketRoute(PATH, self._serve)]

    async def _serve(self, socket: WebSocket) -> None:
        """One seat, for as long as the socket: a client that is killed has left."""
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            try:
                seat = await self._take(await socket.receive_text())
            except RoomError as error:
                await socket.send_text(error.detail)
                await socket.close()
            else:
                await _hold(socket, seat)

    async def _take(self, credentials: str) -> SimulatedConnection:
        try:
            seat = self._rooms.seat(msgspec.json.decode(credentials, type=RoomCredentials))
        except msgspec.DecodeError as error:
            raise RoomError("The room did not let us in.", f"not credentials: {error}") from error
        await seat.join()
        return seat


async def _hold(socket: WebSocket, seat: SimulatedConnection) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_hear(socket, seat))
            await socket.send_text("")
            await _tell(socket, seat)
    except* WebSocketDisconnect:
        pass  # the client went away, and so has its seat
    finally:
        await seat.leave()


async def _tell(socket: WebSocket, seat: SimulatedConnection) -> None:
    """Pass on what happens, until the seat is lost; then hang up, which ends `_hear` too."""
    async for event in seat.events():
        await socket.send_text(event_to_text(event))
    await socket.close()


async def _hear(socket: WebSocket, seat: SimulatedConnection) -> None:
    while (frame := await socket.receive())["type"] != "websocket.disconnect":
        if (packet := frame.get("bytes")) is not None:
            with contextlib.suppress(RoomError):  # lost meanwhile: the client is being told
                await seat.send(packet)
        else:
            await _grant(msgspec.json.decode(frame["text"], type=Wish), seat)
    await seat.leave()


async def _grant(wish: Wish, seat: SimulatedConnection) -> None:
    if wish.key_frame and wish.uid is not None:
        await seat.request_key_frame(wish.uid)
    else:
        await seat.watch(wish.uid)
