"""Secrets in what people write where others read along."""

import pytest

from bot.commands.secret_detection import shows_secret


@pytest.mark.parametrize(
    "text",
    [
        "defaults elevenlabs api_key:0123456789abcdef",
        "defaults elevenlabs 0123456789abcdef",
        "Defaults-ElevenLabs model:eleven_flash_v2_5 apikey=0123 nonsense:1",
        "/avatar defaults elevenlabs 0123456789abcdef",
        "here it is: API-Key: 0123456789abcdef",
        "defaults elevenlbas --api-key 0123456789abcdef",
        "my key is sk_0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjY0In0.c2lnbmF0dXJl",
    ],
)
def test_a_secret_is_noticed(text: str) -> None:
    assert shows_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "Good morning",
        "defaults elevenlabs",
        "help defaults elevenlabs",
        "What does defaults elevenlabs do?",
        "Where do I find my api_key?",
        "The key: be on time. A basic idea, and sk-8 is a road.",
        "defaults voice speed:1.1",
    ],
)
def test_ordinary_words_are_none(text: str) -> None:
    assert not shows_secret(text)
