"""Traces of turns, where the standard variables of OpenTelemetry name a collector."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog

from bot.ports.turn_traces import TurnObserver
from bot.telemetry import keep_quiet

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
QUIET = {"opentelemetry": 40, "urllib3": 40}  # a collector that is away is told of once a batch


@contextlib.asynccontextmanager
async def open_observers(environ: Mapping[str, str]) -> AsyncIterator[Sequence[TurnObserver]]:
    """Whoever is shown every turn, until the block ends; nobody where no collector is named.

    Where one is named that cannot be used, a warning says what to do: the variables may be everybody's on the machine.
    """
    if not _wanted(environ):
        yield ()
        return
    protocol = next((environ[name] for name in PROTOCOLS if environ.get(name)), SPOKEN)
    if protocol != SPOKEN:
        log.warning("no traces are sent: only OTLP over HTTP is spoken", remedy=f"set {PROTOCOLS[1]}={SPOKEN}")
        yield ()
        return
    try:
        from adapters.otel.tracing import turn_spans  # noqa: PLC0415 - an extra
    except ImportError:
        log.warning("no traces are sent: they need an extra", remedy="pip install 'avatarbot[otel]'")
        yield ()
        return
    keep_quiet(QUIET)
    async with contextlib.AsyncExitStack() as stack:
        observers: Sequence[TurnObserver] = ()
        try:
            observers = (await stack.enter_async_context(turn_spans(environ)),)
        except ValueError as error:
            log.warning("no traces are sent: the SDK refuses a variable", remedy=f"correct OTEL_…: {error}")
        yield observers


def _wanted(environ: Mapping[str, str]) -> bool:
    """As the standard variables say: a collector is named, and neither the SDK nor its traces are off."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or environ.get("OTEL_TRACES_EXPORTER") == "none"
    return not off and any(environ.get(name) for name in ENDPOINTS)
