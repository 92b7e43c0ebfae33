"""What every call of AKOOL's passes: faults, authorization, the envelope."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.simulator.codes import AkoolRefusal, Code
from adapters.simulator.faults import Fault, Faults
from adapters.simulator.sessions import SimulatedAccount

Handler = Callable[[Request], Awaitable[Any]]
"""Answers `data`, or raises `AkoolRefusal`."""

NOTHING = msgspec.UNSET
"""The `data` of an envelope that has none."""

Parsed = TypeVar("Parsed")


class Envelope(msgspec.Struct):
    code: int
    msg: str
    data: Any = NOTHING


class HttpAuth:
    def __init__(self, account: SimulatedAccount, faults: Faults) -> None:
        self._account = account
        self._faults = faults

    def route(self, method: str, path: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            return await self._pass(request, handler)

        return Route(path, answer, methods=[method])

    async def _pass(self, request: Request, handler: Handler) -> Response:
        await request.body()
        fault = self._faults.take(request.url.path)
        if fault and not fault.after_effect:
            return await _break(fault, request)
        response = await self._answer(request, handler)
        return await _break(fault, request) if fault else response

    async def _answer(self, request: Request, handler: Handler) -> Response:
        try:
            self._account.admit(request.headers.get("authorization"), request.headers.get("x-api-key"))
            data = await handler(request)
        except AkoolRefusal as refusal:
            return enveloped(refusal.code, refusal.sentence)
        return enveloped(Code.OK, "OK", data)


def enveloped(code: int, msg: str, data: Any = NOTHING) -> Response:
    """AKOOL's envelope; always HTTP 200, whatever the code."""
    return Response(msgspec.json.encode(Envelope(code, msg, data)), media_type="application/json")


async def body(request: Request, kind: type[Parsed]) -> Parsed:
    """The JSON of a request. Raises `AkoolRefusal`."""
    try:
        return msgspec.json.decode(await request.body() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AkoolRefusal(Code.BAD_PARAMETER, f"parameter error: {error}") from error


def query(request: Request, kind: type[Parsed]) -> Parsed:
    """The query of a request; an empty value counts as absent. Raises `AkoolRefusal`."""
    given = {name: value for name, value in request.query_params.items() if value}
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise AkoolRefusal(Code.BAD_PARAMETER, f"parameter error: {error}") from error


async def _break(fault: Fault, request: Request) -> Response:
    if fault.hang is not None:
        await _hang(fault.hang, request)
        return Response("gateway time-out", status_code=504, media_type="text/plain")
    if fault.status is not None:
        return Response("<html><body>Oops</body></html>", status_code=fault.status, media_type="text/html")
    if fault.body is not None:
        return Response(fault.body, media_type="application/json")
    return enveloped(fault.code or Code.OK, "injected")


async def _hang(seconds: float, request: Request) -> None:
    """Hold an answer back, until the caller has given up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                continue
