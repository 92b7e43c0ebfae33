"""`/_simulator/`: the simulator's strings, for tests in another process. Nothing of this exists at AKOOL."""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from adapters.simulator.control import Befall, Control, FaultScript
from adapters.simulator.faults import Fault


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
