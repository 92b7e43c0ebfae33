"""What operators are served under `/status`: a page that is the same for everybody, and what it shows for who has the token, of all processes
and of this one: whether it is ready, its connections, how long people wait, what went wrong last.

Its address is `/status/#<token>`: the token never stands in a path or a query, and is sent as a bearer token.
"""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from prometheus_client import Histogram
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router

from bot.domain.errors import StoreUnavailable
from bot.ports.chat import HttpMount
from bot.queries.overview import Overview
from bot.settings import STATUS_TOKEN_LONGEST
from bot.telemetry import RECENT, Metrics, RecentProblem
from bot.web.page import STATIC_PAGE, Static
from bot.web.readiness import Readiness, reasons

HALF, MOST = 0.5, 0.95

STOPPING = "stopping"
"""What is asked beside connections: of interest only when it is so."""


@dataclass(frozen=True, slots=True)
class WaitingTime:
    """How long people waited: of `count` times half were no longer than `half` seconds and 95 of 100 no longer than `most`; None where that is
    longer than is counted.
    """

    what: str
    count: int
    half: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class ProviderCalls:
    """Calls to the provider since the process began."""

    name: str
    calls: int
    failed: int


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """`reasons` say why it is not ready, by what was asked: the database, the lease, chat platforms. `asked` names all of these."""

    since: datetime
    asked: list[str]
    reasons: Mapping[str, str]
    provider: ProviderCalls
    watching: int
    waits: list[WaitingTime]
    problems: list[RecentProblem]


async def process_status(
    metrics: Metrics, readiness: Mapping[str, Readiness], provider: str, since: datetime
) -> ProcessStatus:
    found = await reasons(readiness)
    return ProcessStatus(
        since,
        [name for name in readiness if name in found or name != STOPPING],
        found,
        _calls(metrics, provider),
        int(_value(metrics, "avatarbot_viewers")),
        [wait for what, histogram in _waits(metrics).items() if (wait := _wait(what, histogram)).count],
        RECENT.newest(),
    )


def _waits(metrics: Metrics) -> Mapping[str, Histogram]:
    return {
        "From a message to its first packet": metrics.said_to_first_packet,
        "From the packet to the avatar's voice": metrics.first_packet_to_voice,
        "From a start to live": metrics.start_to_live,
        "From Watch to the picture": metrics.watch_to_first_picture,
        "From receiving to written down": metrics.accept_seconds,
    }


def _wait(what: str, histogram: Histogram) -> WaitingTime:
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for metric in histogram.collect()
        for sample in metric.samples
        if sample.name.endswith("_bucket")
    ]
    count = buckets[-1][1]
    return WaitingTime(what, int(count), _within(buckets, count * HALF), _within(buckets, count * MOST))


def _within(buckets: list[tuple[float, float]], rank: float) -> float | None:
    """The bound below which so many are; None above the last."""
    bound = next(bound for bound, count in buckets if count >= rank)
    return None if bound == float("inf") else bound


def _calls(metrics: Metrics, name: str) -> ProviderCalls:
    counted = [
        (sample.labels["outcome"], int(sample.value))
        for metric in metrics.provider_calls.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    ]
    return ProviderCalls(
        name, sum(number for _, number in counted), sum(n for outcome, n in counted if outcome != "ok")
    )


def _value(metrics: Metrics, name: str) -> float:
    return metrics.registry.get_sample_value(name) or 0.0


# ---------------------------------------------------------------- served

FOLDER = Path(__file__).parent / "static"
BEARER = "Bearer "


class OperatorStatus(msgspec.Struct, frozen=True):
    """`service` is of all processes, None while the database is away; `process` is of the one that was asked."""

    service: Overview | None
    process: ProcessStatus


def status_mount(
    token: str, ask: Callable[[], Awaitable[Overview]], own: Callable[[], Awaitable[ProcessStatus]]
) -> HttpMount:
    """Read only: whatever else is asked for is not there."""
    static = Static(FOLDER)

    async def page(request: Request) -> Response:
        response = await static.get_response("status.html", request.scope)
        response.headers.update(STATIC_PAGE)
        return response

    async def now(request: Request) -> Response:
        offered = request.headers.get("authorization", "")[: len(BEARER) + STATUS_TOKEN_LONGEST + 1]
        if not hmac.compare_digest(offered.encode(), f"{BEARER}{token}".encode()):
            return PlainTextResponse("Not Found", 404)
        return Response(msgspec.json.encode(await _status(ask, own)), media_type="application/json")

    return HttpMount("/status", Router([Route("/", page), Route("/now", now), Mount("/static", static)]))


async def _status(
    ask: Callable[[], Awaitable[Overview]], own: Callable[[], Awaitable[ProcessStatus]]
) -> OperatorStatus:
    try:
        service = await ask()
    except StoreUnavailable:
        service = None  # why stands among the reasons of the process
    return OperatorStatus(service, await own())
