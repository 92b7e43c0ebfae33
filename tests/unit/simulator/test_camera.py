"""The films of the cast, the voice, and how they are played to who watches."""

import array
import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.simulator.camera import Camera
from adapters.simulator.cast import CHARACTERS
from adapters.simulator.footage import FRAME_RATE, HEIGHT, WIDTH, Loop, footage, is_key, packed, unpacked
from adapters.simulator.gallery import BLANK
from adapters.simulator.mind import Persona
from adapters.simulator.room import Rooms, SimulatedSeat
from adapters.simulator.voice import LENGTH_S, SAMPLE_RATE, babble, openness
from bot.ports.room import AudioFrame, PeerJoined, SeatEvent, VideoFrame
from tests.virtual_time import LoopClock, virtual

PORTRAITS = [*(character.avatar_id for character in CHARACTERS), BLANK]


@pytest.mark.parametrize("portrait", PORTRAITS)
@pytest.mark.parametrize("loop", Loop)
def test_everybody_was_filmed(portrait: str, loop: Loop) -> None:
    frames = footage(portrait, loop)
    assert [is_key(frame) for frame in frames] == [True] + [False] * (len(frames) - 1)
    key = frames[0]
    assert key[3:6] == b"\x9d\x01\x2a"  # RFC 6386, 9.1: the start code, then width and height
    assert (int.from_bytes(key[6:8], "little"), int.from_bytes(key[8:10], "little")) == (WIDTH, HEIGHT)


def test_a_film_can_be_packed_and_unpacked() -> None:
    frames = (b"\x10one", b"", b"\x11three")
    assert unpacked(packed(frames)) == frames


def test_the_voice_is_as_long_as_the_film_and_heard_where_the_mouth_is_open() -> None:
    assert len(footage(BLANK, Loop.SPEAKING)) / FRAME_RATE == LENGTH_S
    samples = array.array("h", babble(208))
    assert len(samples) == LENGTH_S * SAMPLE_RATE
    for begin in range(0, len(samples), 400):
        middle = openness((begin + 200) / SAMPLE_RATE)
        loudest = max(map(abs, samples[begin : begin + 400]))
        assert loudest > 500 if middle > 0.3 else loudest < 7_000 * (middle + 0.5)
    assert samples != array.array("h", babble(122))


async def studio() -> tuple[Camera, SimulatedSeat, AsyncIterator[SeatEvent]]:
    """A camera that rolls, a seat that may watch it, and what that seat sees."""
    rooms = Rooms(LoopClock())
    avatar, watcher = (rooms.seat(rooms.issue("here", uid, timedelta(minutes=5))) for uid in ("1", "2"))
    await avatar.join()
    await watcher.join()
    events = watcher.events()
    assert await anext(events) == PeerJoined("1")
    return Camera(avatar, Persona("Alma", portrait=PORTRAITS[0], gender="female")), watcher, events


async def take(events: AsyncIterator[SeatEvent], count: int) -> list[tuple[VideoFrame, AudioFrame]]:
    taken = []
    for _ in range(count):
        picture, sound = await anext(events), await anext(events)
        assert isinstance(picture, VideoFrame)
        assert isinstance(sound, AudioFrame)
        taken.append((picture, sound))
    return taken


@virtual
async def test_pictures_come_twenty_times_a_second_with_their_sound() -> None:
    camera, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(camera.run())
        await watcher.watch("1")
        began = asyncio.get_running_loop().time()
        taken = await take(events, 101)
        assert asyncio.get_running_loop().time() - began == pytest.approx(5)
        rolling.cancel()
    assert [picture.pts_us for picture, _ in taken] == [taken[0][0].pts_us + 50_000 * n for n in range(101)]
    assert all(sound.pts_us == picture.pts_us and len(sound.data) == 1_600 for picture, sound in taken)
    film = footage(PORTRAITS[0], Loop.IDLE)
    assert [picture.data for picture, _ in taken] == [film[n % len(film)] for n in range(101)]
    assert not any(any(sound.data) for _, sound in taken)


@virtual
async def test_who_speaks_is_seen_and_heard_speaking() -> None:
    camera, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(camera.run())
        await watcher.watch("1")
        await take(events, 10)
        camera.speaking = True
        taken = (await take(events, 50))[-48:]
        rolling.cancel()
    film = footage(PORTRAITS[0], Loop.SPEAKING)
    assert {picture.data for picture, _ in taken} == set(film)
    assert {sound.data for _, sound in taken} == {babble(208)[n : n + 1_600] for n in range(0, len(babble(208)), 1_600)}


@virtual
async def test_a_key_frame_comes_when_it_is_asked_for() -> None:
    camera, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(camera.run())
        await watcher.watch("1")
        await take(events, 10)
        await watcher.request_key_frame("1")
        assert [picture.key for picture, _ in await take(events, 3)].count(True) == 1
        rolling.cancel()


@virtual
async def test_nothing_is_filmed_while_nobody_watches() -> None:
    camera, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(camera.run())
        await asyncio.sleep(10)
        await watcher.watch("1")
        await take(events, 2)
        await watcher.watch(None)
        await asyncio.sleep(10)
        await watcher.leave()
        rolling.cancel()
    assert [event async for event in events] == []
