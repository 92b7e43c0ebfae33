"""`/_simulator/`, which AKOOL does not have: the simulator's strings for tests, and its rooms for other processes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.simulator.control import Befall, Control, FaultScript
from adapters.simulator.faults import Fault
from adapters.simulator.remote import PATH, ClientRequest, RoomFrameKind, event_to_text
from adapters.simulator.room import SimulatedConnection, SimulatedRooms
from bot.domain.errors import RoomError
from bot.ports.room import RoomCredentials


class FaultQueue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    endpoint: str
    faults: list[Fault]


class ControlRoutes:
    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> list[Mount]:
        routes = [
            Route("/state", _plain(self._state), methods=["GET"]),
            Route("/faults", _plain(self._fail), methods=["POST"]),
            Route("/stage", _plain(self._script), methods=["PUT"]),
            Route("/incidents", _plain(self._befall), methods=["POST"]),
            Route("/heal", _plain(self._heal), methods=["POST"]),
        ]
        return [Mount("/_simulator", routes=routes)]

    async def _state(self, _: Request) -> object:
        return self._control.state()

    async def _fail(self, request: Request) -> object:
        wanted = msgspec.json.decode(await request.body(), type=FaultQueue)
        self._control.fail(wanted.endpoint, *wanted.faults)
        return {}

    async def _script(self, request: Request) -> object:
        self._control.script(msgspec.json.decode(await request.body(), type=FaultScript))
        return {}

    async def _befall(self, request: Request) -> object:
        return {"struck": self._control.befall(msgspec.json.decode(await request.body(), type=Befall))}

    async def _heal(self, _: Request) -> object:
        self._control.heal()
        return {}


def _plain(handler: Callable[[Request], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
    """No envelope; a request that cannot be read is a 422 that says why."""

    async def answer(request: Request) -> Response:
        try:
            return Response(msgspec.json.encode(await handler(request)), media_type="application/json")
        except msgspec.DecodeError as error:
            return Response(str(error), status_code=422, media_type="text/plain")

    return answer


# ---------------------------------------------------------------- rooms for other processes


class RoomBridge:
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
