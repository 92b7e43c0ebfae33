"""What a simulated avatar hears people say. Honest about being no speech recognition: it knows words in `tone_code` and no others."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from adapters.simulator import messages
from adapters.simulator.messages import ChatShape
from adapters.simulator.tone_code import Recognised, ToneRecogniser
from bot.ports.room import VOICE_FRAME

PIECE_MS = 20
SILENCE_MS = 500
"""After which somebody has said what they had to say: AKOOL's default."""

ABSENT_S = 0.2
"""Without a piece of sound, after which it is silence and no unevenness of the network."""

FRAMES_LIMIT = 3_000
"""A minute of sound that may wait; more is not heard."""


class Hearing:
    """Sends what people say as utterances of theirs, word by word; `heard` gets the whole of each."""

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], heard: Callable[[str], None], shape: ChatShape
    ) -> None:
        self._send = send
        self._heard = heard
        self._shape = shape
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(FRAMES_LIMIT)
        self._recogniser = ToneRecogniser(SILENCE_MS // PIECE_MS)
        self._words: list[str] = []
        self._mid = ""

    def put(self, sound: bytes) -> None:
        """The next piece of 20 ms. Never waits."""
        if not self._frames.full():
            self._frames.put_nowait(sound)

    def detect_turns(self, detection: Mapping[str, Any]) -> None:
        """`turn_detection` as it was set."""
        self._recogniser.silence = max(1, int(detection.get("silence_duration_ms", SILENCE_MS)) // PIECE_MS)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for sound in await self._sounds():
                await self._take(self._recogniser.hear(sound))

    async def _sounds(self) -> Sequence[bytes]:
        """The next piece of sound; silence, where nothing is published in the middle of somebody's turn."""
        try:
            async with asyncio.timeout(ABSENT_S if self._recogniser.busy else None):
                return (await self._frames.get(),)
        except TimeoutError:
            return (bytes(VOICE_FRAME),) * round(ABSENT_S * 1_000 / PIECE_MS)

    async def _take(self, recognised: Recognised) -> None:
        for word in recognised.words:
            self._mid = self._mid or f"user-{uuid.uuid4().hex[:12]}"
            await self._say(f" {word}" if self._words else word, last=False)
            self._words.append(word)
        if recognised.over:
            await self._say("", last=True)
            text, self._words, self._mid = " ".join(self._words), [], ""
            self._heard(text)

    async def _say(self, text: str, *, last: bool) -> None:
        await self._send(messages.recognised(self._mid, text, self._shape.position(len(self._words), last=last)))
