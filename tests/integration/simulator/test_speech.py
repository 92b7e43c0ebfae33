"""The voice that has words: the child process, what is asked of it, and what happens when it is not there."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.simulator import voice as module
from adapters.simulator.media_source import SOUND_BYTES, mouth_of
from adapters.simulator.voice import Speech, Tone, has_words, seconds
from bot.clock import SystemClock
from bot.ports.room import Packet, PeerJoined
from tests.unit.simulator.customer import chat, customer, until

pytestmark = pytest.mark.skipif(not has_words(), reason="espeakng-loader is not installed")

SENTENCE = "Good morning. What would you like to know?"


async def test_a_sentence_becomes_sound_that_a_mouth_can_follow() -> None:
    async with Speech() as speech:
        sound = await speech.spoken(SENTENCE, Tone("en", "f3"))
    assert 1.5 < seconds(sound) < 6
    mouths = [mouth_of(sound[at : at + SOUND_BYTES]) for at in range(0, len(sound), SOUND_BYTES)]
    assert {0, 1, 2, 3} <= set(mouths)


async def test_speed_language_and_timbre_are_heard() -> None:
    async with Speech() as speech:
        slow, fast, german, other = [
            await speech.spoken(SENTENCE, tone)
            for tone in (Tone(speed=0.8), Tone(speed=1.2), Tone("de-DE"), Tone("en", "m3"))
        ]
    assert seconds(slow) > 1.2 * seconds(fast)
    assert len({slow, fast, german, other}) == 4


async def test_a_language_nobody_knows_is_read_as_english() -> None:
    async with Speech() as speech:
        unknown, english = [seconds(await speech.spoken(SENTENCE, Tone(code))) for code in ("qx", "en")]
    assert unknown == pytest.approx(english, rel=0.1)


async def test_an_empty_text_is_unspoken_and_a_long_one_cut() -> None:
    async with Speech(text_limit=12) as speech:
        assert await speech.spoken("  ", Tone()) == b""
        assert seconds(await speech.spoken("one two three" * 50, Tone())) < 3


def test_where_the_library_is_missing_the_child_says_so() -> None:
    alone = [sys.executable, "-I", "-S", "-W", "ignore", str(module.PROGRAM)]
    said = subprocess.run(alone, input=b"", capture_output=True, check=True, timeout=60)
    assert said.stdout.splitlines() == [b"No module named 'espeakng_loader'"]


async def test_the_child_sees_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKOOL_API_KEY", "a-secret-of-ours")
    async with Speech() as speech:
        environment = Path(f"/proc/{speech.process_id}/environ")
        if not environment.exists():
            pytest.skip("no /proc here")
        assert b"a-secret-of-ours" not in environment.read_bytes()


async def test_who_asks_and_goes_away_leaves_nothing_behind() -> None:
    async with Speech() as speech:
        await speech.spoken("Yes.", Tone())  # the child is ready
        child = speech.process_id
        assert child is not None
        os.kill(child, signal.SIGSTOP)
        asked = asyncio.create_task(speech.spoken(SENTENCE * 50, Tone()))
        for _ in range(10):  # the question is in the pipe, and the answer cannot be
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        os.kill(child, signal.SIGCONT)
        again = await speech.spoken("Yes.", Tone())
    assert seconds(again) < 3


async def test_a_child_that_dies_costs_the_words_and_nothing_else() -> None:
    async with Speech() as speech:
        await speech.spoken("Yes.", Tone())
        assert speech.process_id is not None
        os.kill(speech.process_id, signal.SIGKILL)
        assert await speech.spoken("No.", Tone()) == b""
        assert await speech.spoken("No.", Tone()) == b""


async def test_an_avatar_writes_as_fast_as_it_speaks() -> None:
    async with Speech() as speech, customer(clock=SystemClock(), speech=speech) as akool:
        session = await akool.create(mode_type=1)
        connection = akool.connection(session)
        await connection.join()
        events = connection.events()
        await until(events, PeerJoined)
        await connection.send(chat("m1", "One, two, three."))
        await until(events, Packet, event="audio_start")
        began = asyncio.get_running_loop().time()
        await until(events, Packet, event="audio_end")
        took = asyncio.get_running_loop().time() - began
        heard = seconds(await speech.spoken("One, two, three.", Tone("en", "f4")))
    assert took >= heard > 0.8
