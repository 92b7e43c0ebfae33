"""Speaks what a simulated avatar says, in words, in a child process: see `adapters/simulator/espeak.py`."""

import asyncio
import contextlib
import json
import os
import struct
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from adapters.simulator.voice import SAMPLE_RATE

PROGRAM = Path(__file__).with_name("espeak.py")
WORDS_PER_MINUTE = 160
"""At speed 1.0: about the 15 characters a second at which a simulated avatar writes."""

INHERITED = ("PATH", "SYSTEMROOT", "LANG")
"""Of our environment, in which secrets may stand."""

TEXT_LIMIT = 6_000
"""Characters spoken of one text: some six minutes."""
WITHIN_S = 10.0
"""For one text, starting the child included; it speaks a hundred times as fast as it is heard."""
SOUND_LIMIT = 64 * 1024 * 1024
"""Bytes of one answer that are believed."""

_LENGTH = struct.Struct("<I")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tone:
    """How something is said: `language` in AKOOL's codes, `timbre` a variant of eSpeak's, `speed` as AKOOL's."""

    language: str = "en"
    timbre: str = ""
    speed: float = 1.0

    @property
    def voice(self) -> str:
        """ESpeak's name of it."""
        language = {"zh": "cmn", "en": "en-gb"}.get(self.language.split("-")[0], self.language.split("-")[0])
        return f"{language}+{self.timbre}" if self.timbre else language


def has_words() -> bool:
    """Whether the synthesiser is installed."""
    return find_spec("espeakng_loader") is not None


class Speech:
    """`async with Speech() as speech`: the child is started at once and awaited when something is to be said."""

    def __init__(self, text_limit: int = TEXT_LIMIT) -> None:
        self._text_limit = text_limit
        self._child: asyncio.subprocess.Process | None = None
        self._ready = self._stale = False
        self._turn = asyncio.Lock()

    @property
    def process_id(self) -> int | None:
        return self._child.pid if self._child else None

    async def __aenter__(self) -> Self:
        if has_words():
            await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def spoken(self, text: str, tone: Tone) -> bytes:
        """16 bit PCM, mono, at `SAMPLE_RATE`; empty when it cannot be said."""
        async with self._turn:
            if self._child is None or not text.strip():
                return b""
            if self._stale:
                await self._end()
                await self._begin()
            try:
                async with asyncio.timeout(WITHIN_S):
                    return await self._asked(text[: self._text_limit], tone)
            except (TimeoutError, OSError, asyncio.IncompleteReadError, ValueError) as reason:
                _log.warning("speech.lost", reason=type(reason).__name__)
                await self._end()
                return b""
            except asyncio.CancelledError:
                self._stale = True  # half an answer is in the pipe
                raise

    async def _begin(self) -> None:
        self._ready = self._stale = False
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", str(PROGRAM)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={name: os.environ[name] for name in INHERITED if name in os.environ},
            start_new_session=True,  # Ctrl-C is for us; it ends when we hang up
        )

    async def _asked(self, text: str, tone: Tone) -> bytes:
        child = self._child
        assert child
        assert child.stdin
        assert child.stdout
        if not self._ready:
            self._ready = (await child.stdout.readline()).strip() == b"ready"
            if not self._ready:
                raise ValueError("not ready")
        wish = {"text": text, "voice": tone.voice, "rate": round(WORDS_PER_MINUTE * tone.speed), "pitch": 50}
        child.stdin.write(json.dumps(wish).encode() + b"\n")
        await child.stdin.drain()
        (length,) = _LENGTH.unpack(await child.stdout.readexactly(_LENGTH.size))
        if length > SOUND_LIMIT:
            raise ValueError("too long")
        return await child.stdout.readexactly(length)

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


def seconds(sound: bytes) -> float:
    return len(sound) / (2 * SAMPLE_RATE)
