"""Films and records a simulated avatar: encoded pictures, and PCM in step with them."""

import asyncio

from adapters.simulator.footage import FRAME_RATE, HEIGHT, WIDTH, Loop, footage, is_key
from adapters.simulator.mind import Persona
from adapters.simulator.room import SimulatedSeat
from adapters.simulator.voice import SAMPLE_RATE, babble
from bot.ports.room import AudioFrame, Codec, VideoFrame

FRAME_US = 1_000_000 // FRAME_RATE
SOUND_BYTES = 2 * SAMPLE_RATE // FRAME_RATE
"""Of the sound that goes with one picture."""

PITCH = {"female": 208, "male": 122}
"""Hz."""


class Camera:
    """Runs while somebody in the room watches. `speaking` may be set at any time."""

    def __init__(self, seat: SimulatedSeat, persona: Persona) -> None:
        self.speaking = False
        self._seat = seat
        self._portrait = persona.portrait
        self._pitch = PITCH.get(persona.gender, 160)
        self._loop = Loop.IDLE
        self._at = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._seat.watched.wait()
            await self._roll()

    async def _roll(self) -> None:
        clock = asyncio.get_running_loop()
        self._at = 0
        began, frames = clock.time(), 0
        while self._seat.watched.is_set():
            self._shoot(round(began * 1_000_000) + frames * FRAME_US)
            frames += 1
            await asyncio.sleep(began + frames / FRAME_RATE - clock.time())

    def _shoot(self, pts: int) -> None:
        self._cut()
        reel = footage(self._portrait, self._loop)
        picture = reel[self._at]
        uid = self._seat.uid
        self._seat.publish(VideoFrame(uid, Codec.VP8, is_key(picture), WIDTH, HEIGHT, pts, picture))
        self._seat.publish(AudioFrame(uid, SAMPLE_RATE, 1, pts, self._sound()))
        self._at = (self._at + 1) % len(reel)

    def _cut(self) -> None:
        """To the beginning of the other loop, or of this one when somebody needs a key frame."""
        loop = Loop.SPEAKING if self.speaking else Loop.IDLE
        if self._seat.take_key_wish() or loop is not self._loop:
            self._loop, self._at = loop, 0

    def _sound(self) -> bytes:
        if self._loop is Loop.IDLE:
            return bytes(SOUND_BYTES)
        begin = self._at * SOUND_BYTES
        return babble(self._pitch)[begin : begin + SOUND_BYTES]
