"""The HTTP API under `/api/v1`: reads requests within limits, does what they ask for, and answers with JSON or a problem."""

import asyncio
import contextlib
import json
import math
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.clock import new_id
from bot.commands.catalogue import FORMATS
from bot.commands.parser import listed
from bot.domain.errors import StoreUnavailable
from bot.domain.hook_events import EventType
from bot.ingress.gateway import FAULT
from bot.ports.chat import HttpMount
from bot.web.api.authentication import ApiCaller, Authentication
from bot.web.api.events import EventStreams
from bot.web.api.openapi import document, query_names
from bot.web.api.operations import LONGEST_WAIT, ApiOperations
from bot.web.api.wire import (
    MOST_DAYS,
    ON_A_SESSION,
    USUAL_DAYS,
    ApiProblem,
    AvatarList,
    AvatarOffer,
    OptionValue,
    Problem,
    ProblemKind,
    RequestStatus,
    SayRequest,
    SessionList,
)

PATH = "/api/v1"

BODY_BYTES = 64 * 1024
BODY_WITHIN = 10.0
"""Seconds for a body, from the end of its head."""

KEY_LENGTH = 128
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,128}")
WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*(\d{1,4})\s*(?:,|;|$)", re.IGNORECASE)

CHANGES_SLOWLY = {"cache-control": "public, max-age=300"}

T = TypeVar("T")

NOTHING_THERE = f"There is nothing at this URL. {PATH}/openapi.json says what there is."


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request of a caller who may make it."""

    http: Request
    caller: ApiCaller

    @property
    def session(self) -> str:
        return str(self.http.path_params["session"])

    @property
    def request(self) -> str:
        return str(self.http.path_params["request"])

    def number(self, name: str, usual: int, most: int) -> int:
        """A whole number of the query, from 1."""
        text = self.http.query_params.get(name, str(usual))
        if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= most):
            raise ApiProblem(ProblemKind.BAD_REQUEST, f"“{name}” is a whole number from 1 to {most}.")
        return int(text)

    @property
    def key(self) -> str:
        """The one that was given, or one that nobody else will give: without one each request is a new one."""
        given = self.http.headers.get("idempotency-key")
        if given is None:
            return new_id()
        if not IDEMPOTENCY_KEY.fullmatch(given):
            raise ApiProblem(
                ProblemKind.BAD_REQUEST,
                f"Idempotency-Key has 1 to {KEY_LENGTH} visible characters of ASCII and no blanks.",
            )
        return given

    @property
    def wait(self) -> float:
        """Seconds: what is preferred is no more than a preference."""
        found = WAIT.search(self.http.headers.get("prefer", "")[:200])
        return min(float(found[1]), LONGEST_WAIT) if found else 0.0

    async def body(self, kind: type[T]) -> T:
        """The body as JSON of a kind. Raises `ApiProblem`."""
        if self.http.headers.get("content-type", "").partition(";")[0].strip().casefold() != "application/json":
            raise ApiProblem(ProblemKind.UNSUPPORTED_MEDIA_TYPE, "Send JSON, with Content-Type: application/json.")
        try:
            return msgspec.json.decode(await bounded_body(self.http), type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ApiProblem(ProblemKind.BAD_REQUEST, f"The body makes no sense: {error}.") from None

    async def options(self) -> dict[str, str]:
        """The body as options of a command, as somebody would type them; none where there is no body."""
        if self.http.headers.get("content-length", "") in {"", "0"} and "transfer-encoding" not in self.http.headers:
            return {}
        found = await self.body(dict[str, OptionValue])
        return {name: text_of(value) for name, value in found.items()}


def text_of(value: OptionValue) -> str:
    """As it would be typed."""
    return value if isinstance(value, str) else json.dumps(value)


async def bounded_body(request: Request) -> bytes:
    """At most so many bytes, within so many seconds. Raises `ApiProblem`."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES:
                    raise ApiProblem(ProblemKind.TOO_LARGE, f"A body has at most {BODY_BYTES // 1024} KiB.")
    except TimeoutError:
        raise ApiProblem(
            ProblemKind.REQUEST_TIMEOUT, f"The body did not come within {BODY_WITHIN:g} seconds."
        ) from None
    return bytes(body)


Operation = Callable[["ApiRequest"], Awaitable[Response]]


class ApiRoutes:
    """Each route reads, calls one operation and writes."""

    def __init__(self, operations: ApiOperations, authentication: Authentication, streams: EventStreams) -> None:
        self._operations = operations
        self._streams = streams
        self._authentication = authentication
        self._document = msgspec.json.encode(document())

    def mount(self) -> HttpMount:
        app = Starlette(
            routes=self._routes(),
            exception_handlers={
                ApiProblem: self._problem,
                StoreUnavailable: self._unavailable,
                HTTPException: self._not_routed,
                Exception: self._broken,
            },
        )
        app.router.redirect_slashes = False
        return HttpMount(PATH, app)

    def _routes(self) -> list[Route]:
        on_session = (self._route(f"/sessions/{{session}}/{verb}", POST=self._command(verb)) for verb in ON_A_SESSION)
        return [
            Route("/openapi.json", self.openapi, methods=["GET"]),
            self._route("/say", POST=self.say),
            self._route("/sessions", GET=self.sessions, POST=self.start),
            self._route("/sessions/{session}", GET=self.session),
            self._route("/sessions/{session}/transcript", GET=self.transcript),
            *on_session,
            self._route("/requests/{request}", GET=self.request),
            self._route("/usage", GET=self.usage),
            self._route("/avatars", GET=self.avatars),
            self._route("/events", GET=self.events),
        ]

    def _route(self, path: str, **operations: Operation) -> Route:
        queries = query_names()

        async def endpoint(request: Request) -> Response:
            caller = await self._authentication.caller(request.headers.get("authorization", ""))
            method = "GET" if request.method == "HEAD" else request.method
            if (names := queries.get((method.lower(), path))) is not None:
                _require_known(request, names)
            return await operations[method](ApiRequest(request, caller))

        return Route(path, endpoint, methods=list(operations))

    # ------------------------------------------------------------ what changes a session

    async def say(self, request: ApiRequest) -> Response:
        asked, key = await request.body(SayRequest), request.key
        start = {name: text_of(value) for name, value in asked.start.items()}
        said = await self._operations.say(request.caller, asked.place, asked.text, key, start)
        return await self._accepted(request, key, said)

    async def start(self, request: ApiRequest) -> Response:
        options, key = await request.options(), request.key
        place = options.pop("place", "")
        if not place:
            raise ApiProblem(ProblemKind.BAD_REQUEST, "Say where: “place” is missing.")
        return await self._accepted(request, key, await self._operations.start(request.caller, place, options, key))

    def _command(self, verb: str) -> Operation:
        async def command(request: ApiRequest) -> Response:
            options, key = await request.options(), request.key
            done = await self._operations.command(request.caller, request.session, verb, options, key)
            return await self._accepted(request, key, done)

        return command

    async def _accepted(self, request: ApiRequest, key: str, done: RequestStatus) -> Response:
        """200 where it is over, waited for if that was asked for; else 202 with where to look. It was taken, whatever comes then."""
        headers = {"location": f"{PATH}/requests/{done.id}", "idempotency-key": key}
        if request.wait:
            headers["preference-applied"] = f"wait={request.wait:g}"
            with contextlib.suppress(StoreUnavailable):
                done = await self._operations.request(request.caller, done.id, request.wait)
        return answered(done, 200 if done.status.final else 202, headers)

    # ------------------------------------------------------------ questions

    async def openapi(self, _request: Request) -> Response:
        await self._authentication.require_on()
        return Response(self._document, media_type="application/json", headers=CHANGES_SLOWLY)

    async def request(self, request: ApiRequest) -> Response:
        return answered(await self._operations.request(request.caller, request.request, request.wait))

    async def sessions(self, request: ApiRequest) -> Response:
        place = request.http.query_params.get("place")
        return answered(SessionList(await self._operations.sessions(request.caller, place)))

    async def session(self, request: ApiRequest) -> Response:
        return answered(await self._operations.session(request.caller, request.session))

    async def transcript(self, request: ApiRequest) -> Response:
        form = request.http.query_params.get("format", "json")
        if form not in FORMATS:
            raise ApiProblem(ProblemKind.BAD_REQUEST, f"A transcript is kept as {listed(FORMATS)}.")
        file = await self._operations.transcript(request.caller, request.session, form)
        return Response(file.content, media_type=file.mime)

    async def usage(self, request: ApiRequest) -> Response:
        return answered(await self._operations.usage(request.caller, request.number("days", USUAL_DAYS, MOST_DAYS)))

    async def avatars(self, request: ApiRequest) -> Response:
        query = request.http.query_params
        options = {name: query[name] for name in ("name", "page") if name in query}
        reply = await self._operations.avatars(request.caller, query.get("place", ""), options)
        return answered(
            AvatarList(reply.text, [AvatarOffer(each.title, each.detail, each.picture) for each in reply.items])
        )

    async def events(self, request: ApiRequest) -> Response:
        """They never end by themselves, so the document does not have them."""
        after = request.http.headers.get("last-event-id", "")
        if not re.fullmatch(r"[0-9A-Za-z]{0,64}", after):
            raise ApiProblem(ProblemKind.BAD_REQUEST, "“Last-Event-ID” is the id of an event.")
        kinds = _kinds(request)
        if request.http.method == "HEAD":
            return Response(media_type="text/event-stream")
        return await self._streams.response(request.caller, kinds, after)

    # ------------------------------------------------------------ what goes wrong

    async def _problem(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiProblem)
        return refused(error)

    async def _unavailable(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, StoreUnavailable)
        return refused(ApiProblem(ProblemKind.UNAVAILABLE, error.sentence, retry_after=1))

    async def _not_routed(self, _request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        try:
            await self._authentication.require_on()
        except ApiProblem as off:
            return refused(off)
        if error.status_code == ProblemKind.METHOD_NOT_ALLOWED.status:
            allowed = (error.headers or {}).get("Allow", "")
            return refused(ApiProblem(ProblemKind.METHOD_NOT_ALLOWED, f"Use {allowed} here."), {"allow": allowed})
        return refused(ApiProblem(ProblemKind.NOT_FOUND, NOTHING_THERE))

    async def _broken(self, _request: Request, _error: Exception) -> Response:
        return refused(ApiProblem(ProblemKind.BROKEN, FAULT))


def _kinds(request: ApiRequest) -> frozenset[EventType]:
    names = [name for name in request.http.query_params.get("events", "").split(",") if name]
    if unknown := [name for name in names if name not in set(EventType)]:
        raise ApiProblem(ProblemKind.BAD_REQUEST, f"Events are {listed([*EventType])}, not “{unknown[0][:50]}”.")
    return frozenset(map(EventType, names)) or frozenset(EventType)


def _require_known(request: Request, names: Collection[str]) -> None:
    """A name of the query that is mistyped would otherwise be overlooked."""
    if strange := sorted(set(request.query_params) - set(names)):
        known = f"only {listed(sorted(names))}" if names else "no query"
        raise ApiProblem(ProblemKind.BAD_REQUEST, f"“{strange[0][:50]}” is not known here: this takes {known}.")


def answered(value: msgspec.Struct, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def refused(problem: ApiProblem, headers: Mapping[str, str] | None = None) -> Response:
    """RFC 9457."""
    kind, more = problem.kind, dict(headers or {})
    if kind is ProblemKind.UNAUTHORIZED:
        more["www-authenticate"] = "Bearer"
    if problem.retry_after is not None:
        more["retry-after"] = str(math.ceil(problem.retry_after))
    body = msgspec.json.encode(Problem(kind.uri, kind.title, kind.status, problem.sentence))
    return Response(body, kind.status, more, media_type="application/problem+json")
