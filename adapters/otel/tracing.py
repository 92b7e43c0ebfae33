"""One trace per turn, sent by OTLP over HTTP as the standard `OTEL_*` variables say. Imports the extra `otel`."""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Tracer

from bot.ports.turn_traces import TurnMoment, TurnObserver, TurnTrace

SENT_WITHIN_S = 2.0
"""For one batch, where OTEL_EXPORTER_OTLP_TIMEOUT says nothing."""

ENDS_WITHIN_S = 1.0
"""For what is not sent yet when the service ends, which has ten seconds for all of its end."""

ATTRIBUTES = {moment: f"avatarbot.seconds_to.{moment.value.replace(' ', '_')}" for moment in TurnMoment}

TRACED_A_SECOND = 5
"""Turns, where OTEL_TRACES_SAMPLER says nothing: a busy process spends no more on the others."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class TurnSpans:
    """A `TurnObserver`: a span for the turn, from when it was received until the last that happened to it, with its moments as attributes.

    An event for each costs twice as much, a span for each more (`benchmarks/observing.py`), and OpenTelemetry gives events of spans up.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def observe(self, trace: TurnTrace) -> None:
        began = _ns(trace.received)
        turn = self._tracer.start_span("turn", Context(), start_time=began)
        if turn.is_recording():
            turn.set_attributes(_attributes(trace))
        turn.end(began + round(max(trace.after.values(), default=0.0) * 1e9))


class FirstOfEachSecond(Sampler):
    """Takes the first turns of each second, so that all of a quiet process are traced. `now` is a clock in seconds that never goes back."""

    def __init__(self, most: int, now: Callable[[], float]) -> None:
        self._most = most
        self._now = now
        self._second = 0.0
        self._taken = 0

    def should_sample(self, *_: object, **__: object) -> SamplingResult:
        second = self._now() // 1
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return SamplingResult(Decision.RECORD_AND_SAMPLE if self._taken <= self._most else Decision.DROP)

    def get_description(self) -> str:
        return f"FirstOfEachSecond{{{self._most}}}"


@contextlib.asynccontextmanager
async def turn_spans(
    environ: Mapping[str, str], now: Callable[[], float] = time.monotonic
) -> AsyncIterator[TurnObserver]:
    """Until the block ends; then what is not sent yet is. Sending has a thread and a queue of its own, and loses what finds no collector."""
    sampler = None if environ.get("OTEL_TRACES_SAMPLER") else FirstOfEachSecond(TRACED_A_SECOND, now)
    with _in_environment({name: value for name, value in environ.items() if name.startswith("OTEL_")}):
        exporter = OTLPSpanExporter(timeout=None if _timed(environ) else SENT_WITHIN_S)
        provider = TracerProvider(sampler, _resource(), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield TurnSpans(provider.get_tracer("avatarbot"))
    finally:
        ending = threading.Thread(target=provider.shutdown, name="last-traces", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, ENDS_WITHIN_S)


@contextlib.contextmanager
def _in_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The SDK reads the process's environment, and no `.env`."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _timed(environ: Mapping[str, str]) -> bool:
    return any(environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in ("TIMEOUT", "TRACES_TIMEOUT"))


def _resource() -> Resource:
    """The standard variables count; without them the service is `avatarbot`."""
    named = Resource.create()
    unnamed = str(named.attributes.get(SERVICE_NAME, "")).startswith("unknown_service")
    return named.merge(Resource({SERVICE_NAME: "avatarbot"})) if unnamed else named


def _attributes(trace: TurnTrace) -> dict[str, str | float]:
    """Ids, the outcome, and seconds from when it was received."""
    return {
        "avatarbot.turn.id": trace.turn_id,
        "avatarbot.session.id": trace.session_id,
        "avatarbot.platform": trace.platform,
        "avatarbot.outcome": trace.outcome,
        **{ATTRIBUTES[moment]: seconds for moment, seconds in trace.after.items()},
    }


def _ns(moment: datetime) -> int:
    """Since the epoch; exact, which a float is not."""
    return (moment - _EPOCH) // _MICROSECOND * 1000
