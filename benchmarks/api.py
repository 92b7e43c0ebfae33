"""One POST until the first packet to the avatar, beside the same words written at the playground: `python -m benchmarks.api`.

50 live sessions on the simulator, the service and both clients in one process over loopback. A message comes to the next session in
turn, so that none waits for a voice. Measured is from before the request, or the frame, until `RoomConnection.send` gets the first
packet with its words. Then requests at a rate that is only accepted, and their 202. Figures are those of a machine that does nothing
else: the load stands below them.
"""

import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from pydantic import SecretStr

from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from benchmarks.table import Limit, judged, load, percentile
from benchmarks.world import AMPLE, FirstPackets, World, running
from bot.domain.api_tokens import ANY_CHANNEL, ApiToken, digest_of, new_secret
from bot.domain.conversations import Accepted, Command, ConversationRef, Inbound, Membership, Person
from bot.web.app import create_app, serve
from tests.acceptance.member import Member, ticket
from tests.acceptance.processes import SECRET, Deployment

SESSIONS, SECONDS = 50, 4
SPOKEN_AT, ACCEPTED_AT = 50, 200
"""A second: to be spoken, and to be accepted only."""

TOKENS = 20
UNLIMITED = replace(AMPLE, waiting=10**6, waiting_per_person=10**6)
"""Nothing is refused because others wait."""
MOST = 2.0
"""Times the playground's, for the median until the first packet."""

Say = Callable[[int, str], Awaitable[object]]


@dataclass(frozen=True)
class Service:
    """One that serves both ways in, with a session in each of its channels."""

    world: World
    url: str
    places: Sequence[ConversationRef]
    threads: Sequence[str]


@contextlib.asynccontextmanager
async def serving(packets: FirstPackets) -> AsyncIterator[Service]:
    async with running(connections=packets.watch, limits=UNLIMITED) as world:
        core, clock = world.service.core, world.service.services.clock
        channels = tuple(f"c{number}" for number in range(SESSIONS))
        playground = PlaygroundPlatform(core, clock, PlaygroundSettings(secret=SecretStr(SECRET), channels=channels))
        world.service.add(playground)
        app = create_app(world.service.services.metrics, {}, world.service.mounts())
        async with serve(app, "127.0.0.1", 0) as port:
            places = [ConversationRef("playground", "playground", channel) for channel in channels]
            threads = [await _started(world, number, place) for number, place in enumerate(places)]
            yield Service(world, f"http://127.0.0.1:{port}", places, threads)


async def _started(world: World, number: int, place: ConversationRef) -> str:
    """The thread of a session that is live."""
    starter, sessions = Person("u1", "Ann", Membership.MEMBER), world.service.services.storage.sessions
    start = Inbound(f"start{number}", number, place, starter, Command("start", {"mode": "retelling"}))
    outcome = await world.service.core.accept(start)
    assert isinstance(outcome, Accepted), outcome
    async with asyncio.timeout(120):
        while (session := await sessions.get(outcome.session_id)) is None or session.status != "live":
            await asyncio.sleep(0.02)
    return session.talk.thread_id


async def tokens(service: Service) -> list[str]:
    """So many that none comes too often."""
    storage, secrets = service.world.service.services.storage, [new_secret() for _ in range(TOKENS)]
    everywhere = (ConversationRef("playground", "playground", ANY_CHANNEL),)
    for number, secret in enumerate(secrets):
        token = ApiToken(f"t{number}", everywhere, ("say",), 60, service.world.service.services.clock.now())
        await storage.tokens.add(digest_of(secret), token)
    return secrets


async def paced(rate: int, name: str, say: Say) -> tuple[dict[str, float], list[float]]:
    """When each text was begun, and what it took until it was taken."""
    began, took = dict[str, float](), list[float]()

    async def one(number: int) -> None:
        text = f"{name} number {number}."
        began[text] = time.perf_counter()
        await say(number, text)
        took.append(time.perf_counter() - began[text])

    async with asyncio.TaskGroup() as group:
        due = time.perf_counter()
        for number in range(SECONDS * rate):
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(number))
    await asyncio.sleep(1)
    return began, took


async def measure() -> int:
    packets = FirstPackets(by="text")
    async with contextlib.AsyncExitStack() as stack:
        service = await stack.enter_async_context(serving(packets))
        http = await stack.enter_async_context(aiohttp.ClientSession(service.url))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        client = Deployment(folder, "", port=int(service.url.rpartition(":")[2]))
        cookie = await ticket(client)
        members = [
            await stack.enter_async_context(Member(client, cookie, f"Member {number}").present()) for number in range(5)
        ]
        secrets = itertools.cycle(await tokens(service))
        statuses: list[int] = []

        async def post(number: int, text: str) -> None:
            body = {"place": str(service.places[number % SESSIONS]), "text": text}
            async with http.post(
                "/api/v1/say", json=body, headers={"Authorization": f"Bearer {next(secrets)}"}
            ) as done:
                await done.read()
                statuses.append(done.status)

        async def write(number: int, text: str) -> None:
            channel = number % SESSIONS
            member = members[number % len(members)]
            await member.command(service.places[channel].channel_id, service.threads[channel], f"/avatar say {text}")

        await paced(10, "warm", post)
        await paced(10, "warm too", write)
        medians = [await spoken(packets, name, way) for name, way in (("playground", write), ("API", post))]
        statuses.clear()
        cpu = time.process_time()
        _, took = await paced(ACCEPTED_AT, "accepted", post)
        each = (time.process_time() - cpu) / len(statuses)
        print(f"\n{ACCEPTED_AT} requests a second: {dict(Counter(statuses))}, ", end="")
        print(f"202 after {percentile(took, 50) * 1000:.1f} ms, p99 {percentile(took, 99) * 1000:.1f} ms; ", end="")
        print(f"{each * 1000:.1f} ms of CPU each, client and avatars included")
        print(load())
    return judged(Limit(f"first packet, median at {SPOKEN_AT}/s", medians[1], medians[0], MOST))


async def spoken(packets: FirstPackets, name: str, way: Say) -> float:
    cpu = time.process_time()
    began, took = await paced(SPOKEN_AT, name, way)
    each = (time.process_time() - cpu) / len(began)
    first = [packets.sent[text] - at for text, at in began.items() if text in packets.sent]
    figures = [percentile(values, percent) * 1000 for values in (took, first) for percent in (50, 99)]
    print(
        f"{name:12} taken {figures[0]:.1f} ms, p99 {figures[1]:.1f}; first packet {figures[2]:.1f} ms, p99 {figures[3]:.1f}",
        end="",
    )
    print(f"; CPU {each * 1000:.1f} ms; {len(began) - len(first)} of {len(began)} not sent")
    return percentile(first, 50)


if __name__ == "__main__":
    sys.exit(asyncio.run(measure()))
