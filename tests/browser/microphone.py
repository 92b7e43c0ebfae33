"""Chromium with a microphone that says what a test wants: tone words from a file, through all that a browser does with a voice; and who hears it."""

import array
import contextlib
import math
import shutil
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright
from playwright.async_api import Error as PlaywrightError

from adapters.simulator.hearing import ToneRecogniser, tones
from bot.media.voices import Microphone
from tests.browser.conftest import FLAGS
from tests.browser.session_fixture import SESSION, ScriptedCore

SPOKEN = 16_000
"""Hz of `tones`."""


def record(file: Path, text: str, rate: int = 48_000, before: float = 0.5, after: float = 1.0) -> None:
    """A microphone's sound: silence, the words, and silence."""
    pcm = array.array("h", bytes(round(2 * before * SPOKEN)) + tones(text))
    samples = array.array("h", (_between(pcm, at * SPOKEN / rate) for at in range(len(pcm) * rate // SPOKEN - 1)))
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples.tobytes() + bytes(2 * round(after * rate)))


def _between(pcm: "array.array[int]", at: float) -> int:
    first = math.floor(at)
    part = at - first
    return round(pcm[first] * (1 - part) + pcm[min(first + 1, len(pcm) - 1)] * part)


@contextlib.asynccontextmanager
async def speaking_browser(
    playwright: Playwright, file: Path | None, *, refuses: bool = False
) -> AsyncIterator[Browser]:
    """A Chromium whose microphone is `file`, over and over: on a busy machine a browser may swallow parts of it. One that gives nobody a
    microphone where it `refuses`.
    """
    try:
        browser = await _launched(playwright, file, refuses=refuses)
    except PlaywrightError as error:
        pytest.skip(f"no chromium to drive: {error.message.splitlines()[0]}")
    yield browser
    await browser.close()


async def _launched(playwright: Playwright, file: Path | None, *, refuses: bool) -> Browser:
    allowed = "--deny-permission-prompts" if refuses else "--use-fake-ui-for-media-stream"
    microphone = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={file}"]
    local = shutil.which("chromium") or shutil.which("chromium-browser")
    return await playwright.chromium.launch(
        executable_path=local, args=[*FLAGS, allowed, *(microphone if file else [])]
    )


@contextlib.asynccontextmanager
async def speaking(
    playwright: Playwright, folder: Path, text: str = "Tell me", rate: int = 48_000
) -> AsyncIterator[Browser]:
    record(folder / "microphone.wav", text, rate)
    async with speaking_browser(playwright, folder / "microphone.wav") as browser:
        yield browser


class Listener:
    """Hears whoever has the floor of the scripted session."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.words: set[str] = set()
        self._recogniser = ToneRecogniser()
        self.handed: list[str] = []
        self.begun = 0

    @property
    def speaker(self) -> str:
        """Who has the floor; empty while nobody has."""
        return self.handed[-1] if self.handed else ""

    def refusal(self, _microphone: Microphone) -> str:
        return ""

    def hand_over(self, microphone: Microphone | None) -> None:
        self.handed.append(microphone.claimant.name if microphone else "")

    def take(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.words.update(self._recogniser.hear(frame).words)

    def speaks(self) -> None:
        self.begun += 1


@contextlib.contextmanager
def listening(core: ScriptedCore) -> Iterator[Listener]:
    listener = Listener()
    with core.events.voices.of(SESSION).heard_by(listener):
        yield listener
