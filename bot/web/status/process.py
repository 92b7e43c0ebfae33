"""What one process knows of itself: whether it is ready, its connections, how long people wait, what went wrong last."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import Histogram

from bot.telemetry import RECENT, Metrics, RecentProblem
from bot.web.readiness import Readiness, reasons

HALF, MOST = 0.5, 0.95

STOPPING = "stopping"
"""What is asked beside connections: of interest only when it is so."""


@dataclass(frozen=True, slots=True)
class WaitingTime:
    """Of so many: half were no longer than `half` seconds, 95 of 100 no longer than `most`; None where that is longer than is counted."""

    what: str
    count: int
    half: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class ProviderCalls:
    """Since the process began."""

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
