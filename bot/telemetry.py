"""What operators see: log lines without secrets and not too many of a kind, and metrics without tenants."""

import collections
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from structlog.typing import EventDict, Processor

from bot.domain.text import printable, printable_line
from bot.redaction import REDACTOR

EVERY_S = 60.0
KINDS_LIMIT = 1000
"""Kinds that are remembered; what is forgotten may be logged again."""


class LogThrottle:
    """Lets one line of a kind through in `EVERY_S`, and counts the rest."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._logged: dict[str, float] = {}
        self._left_out: collections.Counter[str] = collections.Counter()

    def admit(self, kind: str) -> int | None:
        """How many of this kind were left out since its last line; None when this one is to be left out too."""
        if self._now() - self._logged.get(kind, -EVERY_S) < EVERY_S:
            self._left_out[kind] += 1
            return None
        if len(self._logged) >= KINDS_LIMIT:
            self._logged.clear()
            self._left_out.clear()
        self._logged[kind] = self._now()
        return self._left_out.pop(kind, 0)


_throttle = LogThrottle()


def warn_of_outsider(event: str, **fields: object) -> None:
    """One line at warning, at most once in `EVERY_S`. `fields` are words of ours, never of anybody else's."""
    left_out = _throttle.admit(event)
    if left_out is not None:
        structlog.get_logger("bot.outsiders").warning(event, left_out=left_out, **fields)


class ThrottledWarnings(logging.Filter):
    """For a library's logger: its warnings are throttled, its errors pass."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno != logging.WARNING or self._throttle.admit(str(record.msg)) is not None


QUIETER = {
    "httpx": logging.WARNING,  # its information is every URL
    "httpcore": logging.WARNING,
    "aiohttp": logging.WARNING,
    "uvicorn": logging.WARNING,
    "websockets": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "mcp": logging.WARNING,
    "httpx2": logging.WARNING,
    "PIL": logging.WARNING,
}
"""The least level of libraries that talk much or quote what people write; LOG_LEVEL never lowers them. Adapters add theirs."""


def keep_quiet(levels: Mapping[str, int]) -> None:
    """Keep these loggers at their least level from now on, whether logging is configured already or not."""
    QUIETER.update(levels)
    for name, least in levels.items():
        logging.getLogger(name).setLevel(max(least, logging.getLogger().level))


def configure_logging(level: str = "info", stream: TextIO | None = None, *, terminal: bool | None = None) -> None:
    """Send every log line of the process, ours and the libraries', to `stream` (standard error): readable on a terminal, JSON lines otherwise.

    `level` is a name of the standard library's, in any case. Replaces what was configured before.
    """
    stream = sys.stderr if stream is None else stream
    readable = stream.isatty() if terminal is None else terminal
    threshold = logging.getLevelNamesMapping()[level.upper()]
    _route_standard_library(stream, threshold, _formatter(readable))
    structlog.configure(
        processors=[RECENT, *_gathering(readable), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _route_standard_library(stream: TextIO, threshold: int, formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    logging.captureWarnings(capture=True)
    for name, least in QUIETER.items():
        logging.getLogger(name).setLevel(max(least, threshold))
    server = logging.getLogger("uvicorn.error")  # warns of each request that makes no sense
    if not any(isinstance(each, ThrottledWarnings) for each in server.filters):
        server.addFilter(ThrottledWarnings())


def _gathering(readable: bool) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if readable else "iso", utc=not readable),
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(readable: bool) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_gathering(readable),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _without_secrets,
            *([_without_controls] if readable else []),  # JSON escapes them
            _renderer(readable),
        ],
    )


def _renderer(readable: bool) -> Processor:
    if readable:
        # The traceback is text already, so that it could be redacted.
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    redacted: EventDict = REDACTOR.value(event)
    return redacted


def _without_controls(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Nobody's name forges a line of the log, or moves the cursor of whoever reads it."""
    return {printable_line(name): _shown(value, lines=name in {"exception", "stack"}) for name, value in event.items()}


def _shown(value: Any, *, lines: bool) -> Any:
    if not isinstance(value, str):
        return value  # a `repr`, which escapes them
    return printable(value) if lines else printable_line(value)


@dataclass(frozen=True, slots=True)
class Metrics:
    """What is counted. No label ever names a workspace, a channel, a person or a session."""

    registry: CollectorRegistry
    sessions: Gauge  # status
    viewers: Gauge
    connected: Gauge  # platform
    accepted: Counter  # platform
    refused: Counter  # platform
    duplicates: Counter  # platform
    accept_seconds: Histogram
    turns: Counter  # outcome
    said_to_first_packet: Histogram
    first_packet_to_voice: Histogram
    caption_skew: Histogram
    start_to_live: Histogram
    watch_to_first_picture: Histogram
    renewal_gap: Histogram
    packets_sent: Counter
    packets_dropped: Counter  # reason
    posts: Counter  # platform
    edits: Counter  # platform
    throttled: Counter  # platform
    links: Gauge  # role
    links_failed: Counter
    webhooks: Counter  # outcome
    provider_calls: Counter  # endpoint, outcome
    provider_seconds: Histogram  # endpoint
    hosted: Gauge
    claims: Counter
    leases_lost: Counter
    takeover: Histogram
    store_retries: Counter  # sqlstate
    budget_wait: Histogram  # key

    def retried(self, sqlstate: str) -> None:
        """A piece of work is done again by the database."""
        self.store_retries.labels(sqlstate).inc()

    def waited_for_budget(self, key: str, seconds: float) -> None:
        """A call had its turn in a budget that all processes share."""
        self.budget_wait.labels(key).observe(seconds)

    def exposition(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry)


@dataclass(frozen=True, slots=True)
class _Families:
    """Makes metrics in one registry, under the names that all of ours have."""

    registry: CollectorRegistry

    def counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"avatarbot_{name}", what, labels, registry=self.registry)

    def gauge(self, name: str, what: str, *labels: str) -> Gauge:
        return Gauge(f"avatarbot_{name}", what, labels, registry=self.registry)

    def seconds(self, name: str, what: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"avatarbot_{name}_seconds", what, labels, buckets=buckets, registry=self.registry)


def new_metrics() -> Metrics:
    """A fresh set in a registry of its own, with the process's memory and CPU."""
    made = _Families(CollectorRegistry())
    ProcessCollector(registry=made.registry)
    return Metrics(
        registry=made.registry,
        sessions=made.gauge("sessions", "Sessions that have not ended, by status", "status"),
        viewers=made.gauge("viewers", "People who watch at the moment"),
        links=made.gauge(
            "links", "Sessions watched from another process: at the one with pages, and at the worker", "role"
        ),
        links_failed=made.counter("links_failed", "Links that a process with pages could not open"),
        connected=made.gauge(
            "platform_connected", "1 while a chat platform hears people, 0 while it does not", "platform"
        ),
        accepted=made.counter("inbox_accepted", "Inbound events committed", "platform"),
        refused=made.counter("inbox_refused", "Inbound events answered with a refusal", "platform"),
        duplicates=made.counter("inbox_duplicates", "Inbound events known already", "platform"),
        accept_seconds=made.seconds("accept", "From receiving to committed", buckets=ACCEPT_BUCKETS),
        turns=made.counter("turns", "Turns by outcome", "outcome"),
        said_to_first_packet=made.seconds(
            "said_to_first_packet",
            "From a message, or from the avatar's being free for it, to its first packet",
            buckets=OUR_BUCKETS,
        ),
        first_packet_to_voice=made.seconds(
            "first_packet_to_voice", "From a turn's first packet to the answer's voice", buckets=ANSWER_BUCKETS
        ),
        caption_skew=made.seconds(
            "caption_skew", "Between an answer's voice and its first word", buckets=ANSWER_BUCKETS
        ),
        start_to_live=made.seconds("start_to_live", "From a start to the avatar's being live", buckets=START_BUCKETS),
        watch_to_first_picture=made.seconds(
            "watch_to_first_picture", "From watching an avatar that is there to its picture", buckets=ANSWER_BUCKETS
        ),
        renewal_gap=made.seconds(
            "renewal_gap", "How long nobody could be heard during a renewal", buckets=(0.001, 0.01, *ANSWER_BUCKETS)
        ),
        packets_sent=made.counter("stream_packets_sent", "Stream messages sent to avatars"),
        packets_dropped=made.counter("stream_packets_dropped", "Stream messages received and not understood", "reason"),
        posts=made.counter("transcript_posts", "Transcript messages posted", "platform"),
        edits=made.counter("transcript_edits", "Transcript messages edited", "platform"),
        throttled=made.counter("transcript_throttled", "Transcript calls that a platform slowed down", "platform"),
        webhooks=made.counter("webhooks", "Attempts to send an event to a hook, by what came of it", "outcome"),
        provider_calls=made.counter("provider_calls", "Calls of the avatar provider", "endpoint", "outcome"),
        provider_seconds=made.seconds("provider", "Duration of provider calls", "endpoint", buckets=PROVIDER_BUCKETS),
        hosted=made.gauge("hosted", "Sessions that run in this process"),
        claims=made.counter("claims", "Sessions that this process began to run"),
        leases_lost=made.counter("leases_lost", "Times that this process could not renew its lease in time"),
        takeover=made.seconds(
            "takeover",
            "From claiming a session that was live elsewhere to its being live here; up to 4.5 s of a lease came before",
            buckets=START_BUCKETS,
        ),
        store_retries=made.counter("store_retries", "Transactions that were run again, by why", "sqlstate"),
        budget_wait=made.seconds(
            "budget_wait", "Until a call had its turn in a budget of all processes", "key", buckets=OUR_BUCKETS
        ),
    )


ACCEPT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
OUR_BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ANSWER_BUCKETS = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
START_BUCKETS = (0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0)
PROVIDER_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


KEPT = 10
LEVELS = frozenset({"warning", "error", "critical"})


@dataclass(frozen=True, slots=True)
class RecentProblem:
    """`event` is a sentence of the program's own; its fields, which may name somebody, are not kept. `times` counts it since `first`."""

    first: datetime
    last: datetime
    level: str
    event: str
    times: int = 1


class RecentProblems:
    """The last `KEPT` kinds of problems. A processor of structlog's, which changes nothing."""

    def __init__(self) -> None:
        self._kinds: deque[RecentProblem] = deque(maxlen=KEPT)

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in LEVELS:
            self.note(method, str(event.get("event", "")), datetime.now(UTC))
        elif method == "exception":
            self.note("error", str(event.get("event", "")), datetime.now(UTC))
        return event

    def note(self, level: str, event: str, now: datetime) -> None:
        before = next((each for each in self._kinds if (each.level, each.event) == (level, event)), None)
        if before:
            self._kinds.remove(before)
        first, times = (before.first, before.times + 1) if before else (now, 1)
        self._kinds.append(RecentProblem(first, now, level, event, times))

    def newest(self) -> list[RecentProblem]:
        return [*reversed(self._kinds)]


RECENT = RecentProblems()
"""The problems of this process."""
