"""A child process that speaks: eSpeak NG, by way of `espeakng-loader`, when that is installed.

eSpeak NG is licensed under the GPL, so it runs apart and only talks over pipes. A request is a line of JSON, `{"text", "voice",
"rate", "pitch"}`; the answer is a length in four bytes, little-endian, and so many bytes of 16 bit PCM, mono, 16 kHz. Before the first one
comes a line that is `ready`, or a reason.
"""

import audioop
import ctypes
import json
import struct
import sys
from typing import Any

RATE = 16_000
SYNCHRONOUS, UTF_8 = 2, 1
SPEED, PITCH = 1, 3
"""Of `espeak_PARAMETER`."""

_Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """One at a time in a process: the library has one state."""

    def __init__(self) -> None:
        import espeakng_loader  # noqa: PLC0415 - optional

        self._library: Any = espeakng_loader.load_library()
        self._rate: int = self._library.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
        if self._rate <= 0:
            raise OSError("eSpeak NG found no data")
        self._pieces: list[bytes] = []
        self._heard = _Heard(self._take)
        self._library.espeak_SetSynthCallback(self._heard)

    def spoken(self, text: str, voice: str, rate: int, pitch: int) -> bytes:
        """`rate` in words a minute, `pitch` 0 to 100. A voice that is unknown is English."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            self._library.espeak_SetVoiceByName(b"en")
        self._library.espeak_SetParameter(SPEED, rate, 0)
        self._library.espeak_SetParameter(PITCH, pitch, 0)
        self._pieces.clear()
        words = text.encode()
        self._library.espeak_Synth(words, len(words) + 1, 0, 0, 0, UTF_8, None, None)
        sound, _ = audioop.ratecv(b"".join(self._pieces), 2, 1, self._rate, RATE, None, 3, 1)
        return sound

    def _take(self, samples: Any, count: int, _: object) -> int:
        if samples and count:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0


def main() -> None:
    """Answer until standard input ends."""
    try:
        espeak = Espeak()
    except (ImportError, OSError, AttributeError) as reason:
        _say(f"{reason}\n".encode())
        return
    _say(b"ready\n")
    for line in sys.stdin:
        sound = espeak.spoken(**json.loads(line))
        _say(struct.pack("<I", len(sound)) + sound)


def _say(answer: bytes) -> None:
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
