"""From what is said to the first packet to the avatar, in 50 live sessions: `python -m benchmarks.turns`.

Measured from the call of `accept` until `RoomConnection.send` gets the first packet of that turn, in one process with the simulator. The
avatars speak at once and a message comes to the next session in turn, so nothing waits for a voice or for the stream's budget.
The floor is `accept` alone: a commit on SQLite with synchronous=FULL.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec

from benchmarks.table import load, percentile
from benchmarks.world import World, running
from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.messages import Accepted, Inbound, MessagePosted
from bot.domain.people import Membership, Person
from bot.ports.room import ConnectRoom, RoomConnection, RoomCredentials

SESSIONS, SECONDS = 50, 4
RATES = (10, 25, 50, 100, 200)
TARGET = "target at 200/s: p50 5 ms, p99 25 ms"


class FirstPackets:
    """When the first packet of each turn was handed to a connection."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}

    def watch(self, connections: ConnectRoom) -> ConnectRoom:
        def connection(credentials: RoomCredentials) -> RoomConnection:
            watched = connections(credentials)
            watched.send = self._noting(watched.send)  # type: ignore[method-assign, assignment]
            return watched

        return connection

    def _noting(self, send: Callable[[bytes], Awaitable[None]]) -> Callable[[bytes], Awaitable[None]]:
        def noting(packet: bytes) -> Awaitable[None]:
            self.sent.setdefault(msgspec.json.decode(packet).get("mid", ""), time.perf_counter())
            return send(packet)

        return noting


class Talk:
    """Messages at an even pace, each to the next session."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self._name = name
        self.began: dict[str, float] = {}
        self.accepted: list[float] = []
        self.refused = 0

    async def run(self, rate: int) -> None:
        async with asyncio.TaskGroup() as group:
            due = time.perf_counter()
            for number in range(SECONDS * rate):
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(self._say(number, self._world.threads[number % SESSIONS]))

    async def _say(self, number: int, thread: ConversationRef) -> None:
        event = f"{self._name}-{number}"
        said = MessagePosted("What time is it?", MessageRef(thread, event))
        inbound = Inbound(
            event, time.time_ns() // 1000, thread, Person(f"p{number % 7}", "Ann", Membership.MEMBER), said
        )
        began = time.perf_counter()
        outcome = await self._world.service.core.accept(inbound)
        self.accepted.append(time.perf_counter() - began)
        if isinstance(outcome, Accepted):
            self.began[outcome.row_id] = began
        else:
            self.refused += 1


async def measure() -> None:
    packets = FirstPackets()
    async with running(connections=packets.watch) as world:
        await world.start(SESSIONS)
        await Talk(world, "warm").run(10)
        print(f"{'':12}{'accept() ms':>20}{'first packet ms':>22}")
        print(f"{'a second':12}{'median':>10}{'p99':>10}{'median':>12}{'p99':>10}{'refused':>10}{'not sent':>10}")
        for rate in RATES:
            talk = Talk(world, str(rate))
            await talk.run(rate)
            await asyncio.sleep(1)
            took = [packets.sent[row] - began for row, began in talk.began.items() if row in packets.sent]
            line(rate, talk, took)
    print(f"\n{TARGET}; {load()}")


def line(rate: int, talk: Talk, took: list[float]) -> None:
    figures = [percentile(values, percent) * 1000 for values in (talk.accepted, took) for percent in (50, 99)]
    alone = "".join(f"{figure:{width}.1f}" for figure, width in zip(figures, (10, 10, 12, 10), strict=True))
    print(f"{rate:<12}{alone}{talk.refused:10}{len(talk.began) - len(took):10}")


if __name__ == "__main__":
    asyncio.run(measure())
