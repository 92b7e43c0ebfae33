"""The films of the cast, the voice, and how they are played to who watches."""

import array
import asyncio
import itertools
import math
from collections.abc import AsyncIterator
from dataclasses import astuple
from datetime import timedelta

import pytest

from adapters.simulator.avatar_catalog import BLANK
from adapters.simulator.dialogue import Persona
from adapters.simulator.fixtures import CHARACTERS
from adapters.simulator.media_source import (
    HEIGHT,
    ROUND,
    SILENCE,
    SOUND_BYTES,
    WIDTH,
    MediaSource,
    clips_of,
    is_key,
    mouth_of,
    packed,
    poses,
    unpacked,
)
from adapters.simulator.room import SimulatedConnection, SimulatedRooms
from adapters.simulator.voice import SAMPLE_RATE, babble
from bot.ports.room import AudioFrame, PeerJoined, RoomEvent, VideoFrame
from bot.testing.virtual_time import LoopClock, virtual
from tests.unit.simulator.vp8 import leaves

PORTRAITS = [*(character.avatar_id for character in CHARACTERS), BLANK]


@pytest.mark.parametrize("portrait", PORTRAITS)
def test_everybody_was_filmed(portrait: str) -> None:
    frames = clips_of(portrait).frames
    assert [pose.number for pose in poses()] == list(range(1, len(frames)))
    assert [is_key(frame) for frame in frames] == [True] + [False] * (len(frames) - 1)
    key = frames[0]
    assert key[3:6] == b"\x9d\x01\x2a"  # RFC 6386, 9.1: the start code, then width and height
    assert (int.from_bytes(key[6:8], "little"), int.from_bytes(key[8:10], "little")) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("portrait", PORTRAITS)
def test_a_pose_needs_only_a_key_frame(portrait: str) -> None:
    for frame in clips_of(portrait).frames[1:]:
        assert not any(astuple(leaves(frame)))


def test_a_film_can_be_packed_and_unpacked() -> None:
    frames = (b"\x10one", b"", b"\x11three")
    assert unpacked(packed(frames)) == frames


def test_the_mouth_is_open_where_something_is_heard() -> None:
    assert mouth_of(SILENCE) == 0
    assert mouth_of(tone(150, 400)) == 0
    assert [mouth_of(tone(800, amplitude)) for amplitude in (1_500, 4_000, 12_000)] == [1, 2, 3]
    assert mouth_of(tone(300, 12_000)) == ROUND
    assert {mouth_of(piece) for piece in pieces(babble(208))} >= {0, 1, 2}


def tone(frequency: int, amplitude: int) -> bytes:
    samples = (amplitude * math.sin(2 * math.pi * frequency * at / SAMPLE_RATE) for at in range(SOUND_BYTES // 2))
    return array.array("h", map(round, samples)).tobytes()


def pieces(sound: bytes) -> list[bytes]:
    return [sound[begin : begin + SOUND_BYTES] for begin in range(0, len(sound), SOUND_BYTES)]


async def studio() -> tuple[MediaSource, SimulatedConnection, AsyncIterator[RoomEvent]]:
    """A camera that rolls, a connection that may watch it, and what that connection sees."""
    rooms = SimulatedRooms(LoopClock())
    avatar, watcher = (rooms.connection(rooms.issue("here", uid, timedelta(minutes=5))) for uid in ("1", "2"))
    await avatar.join()
    await watcher.join()
    events = watcher.events()
    assert await anext(events) == PeerJoined("1")
    return MediaSource(avatar, Persona("Alma", portrait=PORTRAITS[0], gender="female")), watcher, events


async def take(events: AsyncIterator[RoomEvent], count: int) -> list[tuple[VideoFrame, AudioFrame]]:
    taken = []
    for _ in range(count):
        picture, sound = await anext(events), await anext(events)
        assert isinstance(picture, VideoFrame)
        assert isinstance(sound, AudioFrame)
        taken.append((picture, sound))
    return taken


@virtual
async def test_pictures_come_twenty_times_a_second_with_their_sound() -> None:
    source, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(source.run())
        await watcher.watch("1")
        began = asyncio.get_running_loop().time()
        taken = await take(events, 101)
        assert asyncio.get_running_loop().time() - began == pytest.approx(5)
        rolling.cancel()
    assert [picture.pts_us for picture, _ in taken] == [taken[0][0].pts_us + 50_000 * n for n in range(101)]
    assert all(sound.pts_us == picture.pts_us and len(sound.data) == 1_600 for picture, sound in taken)
    film = clips_of(PORTRAITS[0])
    assert [picture.key for picture, _ in taken] == [True] + [False] * 100
    shown = [film.frames.index(picture.data) for picture, _ in taken]
    closed = {pose.number: pose for pose in poses() if pose.mouth == 0}
    assert all(number in closed for number in shown[1:])
    steps = [abs(closed[one].sway - closed[two].sway) for one, two in itertools.pairwise(shown[1:])]
    assert set(steps) == {0, 1}, "it breathes, and does not jump"
    assert any(closed[number].lid is not None for number in shown[1:]), "it blinks"
    assert not any(any(sound.data) for _, sound in taken)


@virtual
async def test_who_speaks_is_seen_and_heard_speaking() -> None:
    source, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(source.run())
        await watcher.watch("1")
        await take(events, 10)
        said = tone(800, 12_000) * 4 + SILENCE + tone(800, 1_500) * 3
        source.speak(said)
        taken = await take(events, 10)
        rolling.cancel()
    film = clips_of(PORTRAITS[0])
    by_number = {pose.number: pose for pose in poses()}
    mouths = [by_number[film.frames.index(picture.data)].mouth for picture, _ in taken]
    assert b"".join(sound.data for _, sound in taken).strip(b"\0") in said
    assert mouths == [mouth_of(sound.data) for _, sound in taken]
    assert {3, 1, 0} <= set(mouths)


@virtual
async def test_without_words_it_babbles_as_long_as_it_speaks() -> None:
    source, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(source.run())
        await watcher.watch("1")
        await take(events, 10)
        source.speak(b"")
        taken = await take(events, 100)
        source.hush()
        quiet = (await take(events, 3))[-1]
        rolling.cancel()
    assert sum(any(sound.data) for _, sound in taken) > 70
    assert not any(quiet[1].data)


@virtual
async def test_a_key_frame_comes_when_it_is_asked_for() -> None:
    source, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(source.run())
        await watcher.watch("1")
        await take(events, 10)
        await watcher.request_key_frame("1")
        assert [picture.key for picture, _ in await take(events, 3)].count(True) == 1
        rolling.cancel()


@virtual
async def test_nothing_is_filmed_while_nobody_watches() -> None:
    source, watcher, events = await studio()
    async with asyncio.TaskGroup() as group:
        rolling = group.create_task(source.run())
        await asyncio.sleep(10)
        await watcher.watch("1")
        await take(events, 2)
        await watcher.watch(None)
        await asyncio.sleep(10)
        await watcher.leave()
        rolling.cancel()
    assert [event async for event in events] == []
