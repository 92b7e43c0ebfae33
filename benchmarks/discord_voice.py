"""How long the avatar's sound takes from the room to somebody in a Discord voice channel, and how evenly it comes.

All on loopback: the bot's side is the production code with discord.py's encrypted voice client, the listener's is Discord's own libdave.
A talk begins with the first 20 ms that the room hands over and is heard with the first loud frame that is decrypted and decoded; the
pause before each lets the line fall silent, so that every talk waits for the lead that keeps it free of gaps. Target: 120 ms.

    python -m benchmarks.discord_voice [--talks 30]
"""

import argparse
import asyncio
import audioop
import itertools
import statistics
import sys
import time
from contextlib import AsyncExitStack

from adapters.discord.voice_source import LEAD_FRAMES
from benchmarks.table import Limit, judged, load, percentile
from tests.integration.discord.fake import GUILD, open_fake
from tests.integration.discord.test_voice import HALL, LOUNGE, STAGE, VAULT, Spoken, server, spoken, tone
from tests.integration.discord.wire import Wire, running, settings

FRAMES, PAUSE_FRAMES = 25, 15
LOUD = 1_000
FRAME_BYTES = 3_840
TARGET_MS = 120
FLOOR_MS = 20 * (LEAD_FRAMES + 1)
"""The lead, and the frame itself."""


async def talks(count: int) -> tuple[list[float], list[float], float]:
    """Delays and gaps between packets, in ms, and the share of a core."""
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(open_fake())
        discord.guilds = [server()]
        for channel in (LOUNGE, HALL, VAULT, STAGE):
            discord.channels[channel] = {"id": channel, "type": 2, "guild_id": GUILD}
        wire = await stack.enter_async_context(running(Wire(discord, settings=settings(home_guilds=(int(GUILD),)))))
        await wire.write("First")
        await wire.core.texts(1)
        talk = await stack.enter_async_context(spoken(wire))
        discord.voice.arrivals.clear()
        began, spent = time.perf_counter(), time.process_time()
        delays = [await _delay(talk) for _ in range(count)]
        share = (time.process_time() - spent) / (time.perf_counter() - began)
        gaps = [(later - earlier) * 1_000 for earlier, later in itertools.pairwise(discord.voice.arrivals)]
        return delays, gaps, share


async def _delay(talk: Spoken) -> float:
    """One talk, from its first sound to its being heard."""
    before, heard_at = talk.ann.frames, 0.0
    began = time.perf_counter()
    speaking = asyncio.create_task(_speak(talk))
    while not heard_at:
        await talk.discord.until(lambda heard=before: talk.ann.frames > heard)
        before = talk.ann.frames
        heard_at = time.perf_counter() if audioop.rms(talk.ann.pcm[-FRAME_BYTES:], 2) > LOUD else 0.0
    await speaking
    await asyncio.sleep(PAUSE_FRAMES * 0.02)
    return (heard_at - began) * 1_000


async def _speak(talk: Spoken) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(FRAMES):
        talk.call.play(TONES[number])
        await asyncio.sleep(max(0.0, began + (number + 1) * 0.02 - loop.time()))


TONES = [tone(number) for number in range(FRAMES)]


async def main(count: int) -> int:
    print(f"{load()}\n")
    delays, gaps, share = await talks(count)
    p50 = statistics.median(delays)
    print(f"room to listener: p50 {p50:.0f} ms, p95 {percentile(delays, 95):.0f} ms")
    print(f"between packets:  p50 {statistics.median(gaps):.1f} ms, p95 {percentile(gaps, 95):.1f} ms")
    print(f"both ends:        {share:.1%} of a core")
    return judged(Limit("room to listener", p50, FLOOR_MS, TARGET_MS / FLOOR_MS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--talks", type=int, default=30)
    sys.exit(asyncio.run(main(parser.parse_args().talks)))
