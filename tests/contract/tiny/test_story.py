"""A provider that only hosts and a platform that only posts: whole stories, in virtual time, with what is absent said in one sentence."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from avatarbot_tiny.parrot import GREETING, ParrotProvider
from avatarbot_tiny.telnet import TelnetPlatform
from bot.app.service import Parts, Service
from bot.commands.policy import Limits, Policy
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.virtual_time import LoopClock, virtual
from tests.patience import HANG_S

SLEEPS_SOON = Policy(Limits(sleep_after=timedelta(minutes=2)))


class Room:
    """Ann and Ben in the room of a service that runs."""

    def __init__(self, platform: TelnetPlatform, provider: ParrotProvider) -> None:
        self.provider = provider
        self.platform = platform
        self.seen: dict[str, list[str]] = {"Ann": [], "Ben": []}
        self._people = {name: platform.enter(name, lines.append) for name, lines in self.seen.items()}

    async def types(self, name: str, line: str) -> None:
        await self.platform.hear(self._people[name], line)

    async def reads(self, name: str, words: str, within: float = 60.0) -> str:
        """The first line that this person reads from now on, or has read, with these words in it."""
        async with asyncio.timeout(within):
            while not (found := [line for line in self.seen[name] if words in line]):
                await asyncio.sleep(0.05)
        return found[0]

    async def asks(self, line: str) -> str:
        """What Ann alone is answered."""
        before = len(self.seen["Ann"])
        await self.types("Ann", line)
        return "\n".join(line[2:] for line in self.seen["Ann"][before:] if line.startswith("* "))


@contextlib.asynccontextmanager
async def room(policy: Policy = Policy()) -> AsyncIterator[Room]:  # noqa: B008 - frozen
    clock = LoopClock()
    async with contextlib.aclosing(ParrotProvider()) as provider:
        service = Service(Parts(MemoryStorage(clock), provider, clock, policy, new_metrics()), "http://avatarbot.test")
        platform = TelnetPlatform(0, service.core)
        service.add(platform)
        platform.run = asyncio.Event().wait  # type: ignore[method-assign, assignment] # nobody connects from outside
        async with service.running():
            yield Room(platform, provider)


@virtual
async def test_a_talk_from_its_start_to_its_end() -> None:
    async with room() as here:
        await here.types("Ann", "/avatar start")
        await here.reads("Ben", "The parrot house: Live")
        await here.reads("Ben", GREETING)
        await here.types("Ben", "Who are you?")
        await asyncio.sleep(5)
        transcript = await here.asks("/avatar transcript")
        await here.types("Ann", "/avatar stop")
        await here.reads("Ben", "The parrot house: Ended")
        assert "Who are you?" in transcript
        assert not here.provider.open


@virtual
async def test_only_what_is_final_is_posted() -> None:
    async with room() as here:
        await here.types("Ann", "/avatar start")
        await here.reads("Ben", GREETING)
        said = [line for line in here.seen["Ben"] if line.startswith("The parrot house: ")]
        assert said == [f"The parrot house: {GREETING}"]


@virtual
async def test_a_card_is_posted_anew_only_where_it_matters() -> None:
    async with room() as here:
        await here.types("Ann", "/avatar start")
        await here.reads("Ben", "The parrot house: Live")
        for number in range(5):
            await here.types("Ann", f"Message {number}")
            await asyncio.sleep(3)
        await here.types("Ann", "/avatar stop")
        await here.reads("Ben", "Ended")
        cards = [line.partition("]")[0] for line in here.seen["Ben"] if line.startswith("[")]
        assert cards == [f"[The parrot house: {state}" for state in ("Starting", "Live", "Ended")]


@virtual
async def test_it_falls_asleep_and_a_line_wakes_it() -> None:
    async with room(SLEEPS_SOON) as here:
        await here.types("Ann", "/avatar start")
        await here.reads("Ben", "The parrot house: Live")
        await here.reads("Ben", "The parrot house: Asleep", within=200)
        assert not here.provider.open
        here.seen["Ben"].clear()
        await here.types("Ben", "Wake up!")
        await here.reads("Ben", "The parrot house: Live")
        assert here.provider.open


@virtual
async def test_what_is_not_renewed_ends_with_what_was_paid() -> None:
    async with room() as here:
        await here.types("Ann", "/avatar start")
        await here.reads("Ben", "The parrot house: Live")
        await asyncio.sleep(5)
        assert "Ends when its time is up" in await here.asks("/avatar status")
        await asyncio.sleep(300)
        await here.types("Ann", "Still here?")
        await here.reads("Ben", "Its time was up.", within=400)
        assert not here.provider.open


@virtual
async def test_help_and_lists_show_what_is_there() -> None:
    async with room() as here:
        shown = await here.asks("/avatar help")
        assert "/avatar start" in shown
        for absent in ("knowledge", "voices", "languages", "upload", "avatars", "/avatar set", "/avatar act"):
            assert absent not in shown
        assert "voice" not in await here.asks("/avatar help start")
        assert "credit" not in await here.asks("/avatar usage")


@virtual
async def test_what_is_absent_is_one_sentence() -> None:
    async with room() as here:
        name = "The parrot house"
        assert await here.asks("/avatar knowledge list") == f"{name} has no knowledge bases."
        assert await here.asks("/avatar help knowledge") == f"{name} has no knowledge bases."
        assert await here.asks("/avatar voices") == f"{name} has no voices to choose from."
        assert (
            await here.asks("/avatar upload https://example.com/a.mp4 Ann") == f"{name} makes no avatars from videos."
        )
        assert await here.asks("/avatar start language:fr") == f"{name} has no languages to choose from."
        await here.types("Ann", "/avatar start")
        await here.reads("Ben", "The parrot house: Live")
        assert await here.asks("/avatar act nod") == f"{name} has no gestures and faces."
        assert await here.asks("/avatar set speed:1.1") == f"{name} has no settings of voice, hearing or background."


@virtual
async def test_a_file_that_cannot_be_sent_is_said() -> None:
    async with room() as here:
        await here.types("Ann", "/avatar start")
        await here.reads("Ben", GREETING)
        for _ in range(3):
            await here.types("Ann", "word " * 200)
            await asyncio.sleep(10)
        assert ".md is left out: it cannot be sent here." in await here.asks("/avatar transcript")


async def test_people_connect_over_a_socket(unused_tcp_port: int) -> None:
    async with room() as here:
        platform = TelnetPlatform(unused_tcp_port, here.platform._core)
        serving = asyncio.create_task(platform.run())
        reader, writer = await connected(unused_tcp_port)
        writer.write(b"Cara\r\n/avatar help\r\n")
        assert await reader.readuntil(b"/avatar start")
        writer.close()
        serving.cancel()
        await asyncio.wait((serving,))


async def connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(HANG_S):
        while True:
            with contextlib.suppress(ConnectionError):
                return await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.05)


def test_each_is_smaller_than_200_lines() -> None:
    for module in (TelnetPlatform, ParrotProvider):
        source = __import__(module.__module__, fromlist=["x"]).__file__
        assert source
        with open(source) as file:  # noqa: PTH123
            assert len(file.readlines()) < 200
