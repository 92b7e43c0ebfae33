"""A voice in a room, beside an SDK that refuses it."""

from collections.abc import Callable

from adapters.agora.sdk.published_voice import PublishedVoice
from bot.ports.room import VOICE_FRAME


class RefusingConnection:
    """Of the wrapper: refuses the first `refused` calls to publish."""

    def __init__(self, refused: int) -> None:
        self._refused = refused
        self.pushed = 0

    def publish_audio(self) -> int:
        self._refused -= 1
        return -1 if self._refused >= 0 else 0

    def push_audio_pcm_data(self, _data: bytearray, _rate: int, _channels: int) -> int:
        self.pushed += 1
        return 0

    def unpublish_audio(self) -> int:
        return 0


async def call(work: Callable[..., None], *given: object) -> None:
    work(*given)


async def test_a_refused_voice_is_one_line_in_the_log() -> None:
    notes: list[str] = []
    connection = RefusingConnection(refused=50)
    voice = PublishedVoice(call, lambda: connection, notes.append)
    for _ in range(50):
        beginning = voice.put(bytes(VOICE_FRAME))
        assert beginning
        await beginning
    assert len(notes) == 1
    heard = voice.put(bytes(VOICE_FRAME))
    assert heard
    await heard
    assert connection.pushed == 1
