"""Films and records a simulated avatar: encoded pictures, and PCM in step with them."""

import array
import asyncio
import itertools
import math
import sys

from adapters.simulator.clips import FRAME_RATE, HEIGHT, SWAYS, WIDTH, Pose, clips_of
from adapters.simulator.dialogue import Persona
from adapters.simulator.room import SimulatedConnection
from adapters.simulator.voice import SAMPLE_RATE, babble
from bot.ports.room import AudioFrame, Codec, VideoFrame

FRAME_US = 1_000_000 // FRAME_RATE
SOUND_BYTES = 2 * SAMPLE_RATE // FRAME_RATE
"""Of the sound that goes with one picture."""
SILENCE = bytes(SOUND_BYTES)

PITCH = {"female": 208, "male": 122}
"""Hz, of the babble."""

BREATH_S, TALKING_BREATH_S = 4.6, 3.0
"""From one breath to the next."""
BLINK_FRAMES = (0, 1, 1, 0)
"""The lids of a blink, a picture each."""
BLINK_EVERY = (61, 83, 47, 102)
"""Pictures between blinks, in turn."""

LOUD = (500, 1_700, 3_300)
"""Mean amplitudes from which a mouth is a little, half and wide open."""
ROUND_BELOW = 48
"""Zero crossings in the sound of one picture: fewer than this is an o or a u."""
ROUND = 4


class MediaSource:
    """Runs while somebody in the room watches."""

    def __init__(self, connection: SimulatedConnection, persona: Persona) -> None:
        self._connection = connection
        self._reel = clips_of(persona.portrait)
        self._babble = babble(PITCH.get(persona.gender, 160))
        self._speaking: bytes | None = None
        self._heard = 0.0
        self._breath = 0.0
        self._until_blink = BLINK_EVERY[0]
        self._blinks = 0

    def speak(self, sound: bytes) -> None:
        """From now on this PCM is heard and the mouth follows it; without any it babbles."""
        self._speaking = sound or self._babble
        self._heard = asyncio.get_running_loop().time()

    def hush(self) -> None:
        self._speaking = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._connection.watched.wait()
            await self._roll()

    async def _roll(self) -> None:
        clock = asyncio.get_running_loop()
        began, frames = clock.time(), 0
        self._connection.key_wanted = True
        while self._connection.watched.is_set():
            self._shoot(began, frames)
            frames += 1
            await asyncio.sleep(began + frames / FRAME_RATE - clock.time())

    def _shoot(self, began: float, frames: int) -> None:
        pts = round(began * 1_000_000) + frames * FRAME_US
        sound = self._sound(began + frames / FRAME_RATE)
        key = self._connection.take_keyframe_request()
        pose = self._pose(sound)
        picture = self._reel.key if key else self._reel.pose(pose)
        uid = self._connection.uid
        self._connection.perform(VideoFrame(uid, Codec.VP8, key, WIDTH, HEIGHT, pts, picture))
        self._connection.perform(AudioFrame(uid, SAMPLE_RATE, 1, pts, sound))

    # ------------------------------------------------ how it looks

    def _pose(self, sound: bytes) -> Pose:
        talking = self._speaking is not None
        self._breath += 1 / FRAME_RATE / (TALKING_BREATH_S if talking else BREATH_S)
        sway = round((SWAYS - 1) * (0.5 - 0.5 * math.cos(2 * math.pi * self._breath)))
        mouth = mouth_of(sound)
        return Pose(sway, mouth, self._lid(mouth))

    def _lid(self, mouth: int) -> int | None:
        """Nobody blinks in the middle of a vowel here: those poses have a closed mouth."""
        self._until_blink -= 1
        if self._until_blink == 0 and mouth:
            self._until_blink = 1
        if self._until_blink > 0:
            return None
        at = -self._until_blink
        if at == len(BLINK_FRAMES) - 1:
            self._blinks += 1
            self._until_blink = BLINK_EVERY[self._blinks % len(BLINK_EVERY)]
        return BLINK_FRAMES[at] if mouth == 0 else None

    # ------------------------------------------------ how it sounds

    def _sound(self, moment: float) -> bytes:
        """What is heard from `moment` on, in time with when it began to speak. Babble goes round and round."""
        speaking = self._speaking
        if speaking is None:
            return SILENCE
        begin = 2 * max(0, round((moment - self._heard) * SAMPLE_RATE))
        if speaking is self._babble:
            begin %= len(speaking)
        return speaking[begin : begin + SOUND_BYTES].ljust(SOUND_BYTES, b"\0")


def mouth_of(sound: bytes) -> int:
    """The mouth that makes such a sound, an index of `MOUTHS`."""
    samples = array.array("h", sound)
    if sys.byteorder == "big":
        samples.byteswap()
    loudness = sum(map(abs, samples)) / max(1, len(samples))
    wide = sum(loudness >= least for least in LOUD)
    return ROUND if wide > 1 and _crossings(samples) < ROUND_BELOW else wide


def _crossings(samples: "array.array[int]") -> int:
    signs = [sample >= 0 for sample in samples]
    return sum(one != other for one, other in itertools.pairwise(signs))
