"""What seeing a turn costs: `python -m benchmarks.observing`.

In one run: the CPU of a message, from the platform to the avatar's answer, and the CPU of all that is told and written down of its
turn, with the histograms alone and with traces by the official SDK, their sending included. The collector is a process of its own.
What is judged is the mean of as many messages a second as are sent here, of which the first few are traced.
"""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime

from adapters.otel.tracing import TRACED_A_SECOND
from benchmarks.table import Limit, judged, load
from benchmarks.turns import SECONDS, SESSIONS, Talk
from benchmarks.world import running
from bot.app.tracing import open_observers
from bot.clock import SystemClock, new_id
from bot.domain.conversations import ConversationRef, Role
from bot.ports.storage.records import SAY, InboxOutcome, InboxRecord, InboxState
from bot.ports.turn_traces import TurnMoment, TurnObserver
from bot.runtime.turn_times import TurnTimes
from bot.telemetry import new_metrics

RATE, TURNS, ROUNDS = 25, 4_000, 3
MOST = 0.03
"""Of a message's CPU."""

COLLECTOR = """
import http.server
class Sink(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sink)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def collector() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait(10)


def row() -> InboxRecord:
    place = ConversationRef("slack", "W", "C")
    return InboxRecord(
        new_id(), "session", 1, SAY, {"text": "Hello"}, "ann", "Ann", Role.MEMBER, place, None, None,
        InboxState.CLAIMED, InboxOutcome.NONE, "", datetime.now(UTC),
    )  # fmt: skip


async def of_turns(rows: Sequence[InboxRecord], observers: Sequence[TurnObserver]) -> None:
    """Everything that is told of these turns."""
    times = TurnTimes(new_metrics(), SystemClock(), observers)
    clock = asyncio.get_running_loop()
    for number, told in enumerate(rows):
        times.accepted(told.id, clock.time())
        times.claimed(told, 0.0)
        for moment in (*TurnMoment, *[TurnMoment.FIRST_WORD] * 5, *[TurnMoment.FINAL_POST]):
            times.mark(told.id, moment)
        times.over(told.id, InboxOutcome.SPOKEN, posted=True)
        if number % 50 == 0:
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def cpu(result: list[float], turns: int) -> AsyncIterator[None]:
    """Seconds of each turn, of all threads."""
    began = time.process_time()
    yield
    result.append((time.process_time() - began) / turns)


async def measure() -> int:
    messages: list[float] = []
    histograms: list[float] = []
    traced: list[float] = []
    untraced: list[float] = []
    with collector() as url:
        async with running() as world:
            await world.start(SESSIONS)
            await Talk(world, "warm").run(10)
            for number in range(ROUNDS):
                talk = Talk(world, str(number))
                rows = [row() for _ in range(TURNS)]
                async with cpu(messages, SECONDS * RATE):
                    await talk.run(RATE)
                    await asyncio.sleep(1)
                async with cpu(histograms, TURNS):
                    await of_turns(rows, ())
                for sampler, turns in (("always_on", traced), ("always_off", untraced)):
                    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_TRACES_SAMPLER": sampler}
                    async with cpu(turns, TURNS), open_observers(variables) as observers:
                        await of_turns(rows, observers)
    message, share = min(messages), TRACED_A_SECOND / RATE
    by_default = share * min(traced) + (1 - share) * min(untraced)
    by_name = {
        "a message": message,
        "histograms": min(histograms),
        "a turn that is traced": min(traced),
        "a turn that is not": min(untraced),
        f"{TRACED_A_SECOND} traced of {RATE}": by_default,
    }
    for name, seconds in by_name.items():
        print(f"{name:22} {seconds * 1e6:8.0f} µs of CPU {seconds / message:8.1%}")
    print(load())
    return judged(
        Limit("histograms, of a message's CPU", min(histograms), message, MOST),
        Limit("with traces, of a message's CPU", by_default, message, MOST),
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(measure()))
