"""Turns as traces: by the official SDK, to a collector on this machine."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from adapters.otel.tracing import TRACED_A_SECOND, turn_spans
from bot.app.tracing import open_observers
from bot.ports.turn_traces import TurnMoment, TurnTrace
from tests.integration.otel.collector import Collector
from tests.patience import HANG_S

BEGAN = datetime(2026, 11, 28, 12, 0, 0, 123456, UTC)
TRACE = TurnTrace(
    "row1",
    "session1",
    "slack",
    "spoken",
    BEGAN,
    {moment: number / 100 for number, moment in enumerate(TurnMoment) if number},
)


async def sent(collector: Collector, *traces: TurnTrace, **variables: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url} | variables
    async with open_observers(environ) as (observer,):
        for trace in traces:
            observer.observe(trace)


async def test_a_turn_is_one_trace_with_all_moments() -> None:
    async with Collector().serving() as collector:
        await sent(collector, TRACE)
    (turn,) = collector.spans
    assert (turn.name, turn.parent_span_id) == ("turn", b"")
    began = int(BEGAN.timestamp()) * 10**9 + 123_456_000
    assert (turn.start_time_unix_nano, turn.end_time_unix_nano) == (began, began + 80_000_000)
    assert {each.key: each.value.double_value for each in turn.attributes if each.value.HasField("double_value")} == {
        "avatarbot.seconds_to.committed": 0.01,
        "avatarbot.seconds_to.claimed": 0.02,
        "avatarbot.seconds_to.first_packet": 0.03,
        "avatarbot.seconds_to.last_packet": 0.04,
        "avatarbot.seconds_to.first_sound": 0.05,
        "avatarbot.seconds_to.first_word": 0.06,
        "avatarbot.seconds_to.first_post": 0.07,
        "avatarbot.seconds_to.final_post": 0.08,
    }


async def test_two_turns_are_two_traces() -> None:
    async with Collector().serving() as collector:
        await sent(collector, TRACE, TRACE)
    assert len({span.trace_id for span in collector.spans}) == 2


async def test_the_standard_variables_take_fewer_traces() -> None:
    async with Collector().serving() as collector:
        await sent(collector, TRACE, TRACE, OTEL_TRACES_SAMPLER="always_off")
    assert collector.spans == []


@pytest.mark.parametrize(
    ("variables", "traced"), [({}, 2 * TRACED_A_SECOND), ({"OTEL_TRACES_SAMPLER": "always_on"}, 20)]
)
async def test_the_first_turns_of_a_second_are_traced(variables: Mapping[str, str], traced: int) -> None:
    times = iter([*[7.9] * 10, *[8.1] * 10])
    async with Collector().serving() as collector:
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **variables}
        async with turn_spans(environ, lambda: next(times)) as observer:
            for _ in range(20):
                observer.observe(TRACE)
    assert len(collector.spans) == traced


async def test_spans_hold_ids_outcomes_and_times_only() -> None:
    async with Collector().serving() as collector:
        await sent(collector, TRACE)
    (span,) = collector.spans
    assert span.events == []
    assert {each.key: each.value.string_value for each in span.attributes if each.value.string_value} == {
        "avatarbot.turn.id": "row1",
        "avatarbot.session.id": "session1",
        "avatarbot.platform": "slack",
        "avatarbot.outcome": "spoken",
    }


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({}, "avatarbot"),
        ({"OTEL_SERVICE_NAME": "avatars-eu"}, "avatars-eu"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=avatars-us"}, "avatars-us"),
    ],
)
async def test_the_standard_variables_name_the_service(variables: Mapping[str, str], service: str) -> None:
    async with Collector().serving() as collector:
        await sent(collector, TRACE, OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20secret", **variables)
    assert collector.service == service
    assert collector.headers[0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("status", [400, 503])
async def test_a_collector_that_refuses_holds_nothing_up(status: int) -> None:
    async with Collector(status=status).serving() as collector:
        async with asyncio.timeout(HANG_S):
            await sent(collector, TRACE)
    assert collector.requests


async def test_a_collector_that_is_away_holds_nothing_up() -> None:
    async with asyncio.timeout(HANG_S):
        await sent(Collector("http://127.0.0.1:1"), TRACE)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
async def test_without_a_collector_nobody_observes(environ: Mapping[str, str]) -> None:
    async with open_observers(environ) as observers:
        assert observers == ()


async def test_another_protocol_is_told_with_what_to_set() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with capture_logs() as logged:
        async with open_observers(environ) as observers:
            assert observers == ()
    assert [line["remedy"] for line in logged] == ["set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]


async def test_variables_that_the_sdk_refuses_end_nothing() -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_BSP_MAX_QUEUE_SIZE": "1"}
    with capture_logs() as logged:
        async with open_observers(environ) as observers:
            assert observers == ()
    assert [line["log_level"] for line in logged] == ["warning"]
    assert "max_queue_size" in logged[0]["remedy"]


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    assert _python("import sys, bot.app.run; print('opentelemetry' in sys.modules)") == "False"


def test_without_the_extra_one_sentence_says_so() -> None:
    script = """
import asyncio, sys
sys.modules["opentelemetry"] = None
from bot.app.tracing import open_observers
async def main():
    async with open_observers({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost"}) as observers:
        assert observers == ()
asyncio.run(main())
"""
    assert "pip install 'avatarbot[otel]'" in _python(script)


def _python(script: str) -> str:
    return subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.strip()
