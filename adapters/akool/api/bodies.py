"""The bodies of AKOOL's writes, in its own names. What was not asked for is left out, except `mode_type`."""

import re
from typing import Any

import httpx

from bot.domain.errors import ProviderError, Verdict
from bot.domain.sessions import ElevenLabs, SessionSpec, TurnDetection, VoiceParams
from bot.ports.provider import Knowledge
from bot.ports.room import RoomCredentials

STREAMING = 2  # `type` of an avatar
DIRECT_LINK = 1
VIDEO_PAGE = 2

VIDEO_PAGES = ("youtube.com", "youtu.be", "tiktok.com", "x.com", "twitter.com", "drive.google.com")
"""Sites whose pages, not files, AKOOL can take a video from."""

AVATAR_ID = re.compile(r"[a-zA-Z0-9]+")
"""Of an upload, where we choose it. AKOOL's own ids break it."""


def session_body(spec: SessionSpec, duration_s: int, avatar_credentials: RoomCredentials | None) -> dict[str, Any]:
    """Of `session/create`; `avatar_credentials` is the avatar's in a room of ours, None for a room of AKOOL's."""
    asked = {
        "knowledge_id": spec.knowledge_id,
        "voice_id": spec.voice_id,
        "voice_url": spec.voice_url,
        "language": spec.language,
        "background_url": spec.background_url,
        "voice_params": _voice_params(spec.voice),
        "credentials": avatar_credentials and _room_credentials(avatar_credentials),
    }
    # Without `mode_type` a live session behaves as dialogue, whatever the documents say.
    always = {"avatar_id": spec.avatar_id, "duration": duration_s, "mode_type": int(spec.mode), "stream_type": "agora"}
    return always | _given(asked)


def upload_body(url: str, avatar_id: str, name: str) -> dict[str, Any]:
    """Of `avatar/create`. Raises `ProviderError` when AKOOL could not use the id."""
    if not AVATAR_ID.fullmatch(avatar_id):
        raise ProviderError("An avatar's id may hold only letters A to Z and digits.", verdict=Verdict.FIX_INPUT)
    return {"url": url, "avatar_id": avatar_id, "name": name, "type": STREAMING, "url_from": url_source(url)}


def url_source(url: str) -> int:
    """AKOOL's `url_from`: whether `url` is a video, or a page that shows one. Raises `ProviderError` when it is neither."""
    try:
        host = httpx.URL(url).host
    except httpx.InvalidURL as error:
        raise ProviderError("This is not a web address.", str(error), verdict=Verdict.FIX_INPUT) from error
    return VIDEO_PAGE if any(host == site or host.endswith(f".{site}") for site in VIDEO_PAGES) else DIRECT_LINK


def knowledge_body(knowledge: Knowledge) -> dict[str, Any]:
    """Of `knowledge/create`, or with an `id` of `knowledge/update`, where empty fields are sent because they clear."""
    content = {
        "name": knowledge.name,
        "prologue": knowledge.prologue,
        "prompt": knowledge.prompt,
        "docs": [{"name": doc.name, "url": doc.url, "size": doc.size} for doc in knowledge.documents],
        "urls": list(knowledge.links),
    }
    if knowledge.id:
        return {"id": knowledge.id} | content
    return {name: value for name, value in content.items() if value}


def _room_credentials(credentials: RoomCredentials) -> dict[str, Any]:
    return {
        "agora_uid": int(credentials.uid),
        "agora_app_id": credentials.app_id,
        "agora_channel": credentials.channel,
        "agora_token": credentials.token,
    }


def _voice_params(voice: VoiceParams) -> dict[str, Any] | None:
    asked = {
        "speed": voice.speed,
        "pron_map": dict(voice.pronunciation) or None,
        "stt_language": voice.stt_language,
        "stt_type": voice.stt_type,
        "turn_detection": voice.turn_detection and _turn_detection(voice.turn_detection),
        "elevenlabs_settings": voice.elevenlabs and _elevenlabs(voice.elevenlabs),
    }
    return _given(asked) or None


def _turn_detection(turn: TurnDetection) -> dict[str, Any]:
    if turn.type != "server_vad":  # the other fields belong to it alone
        return {"type": turn.type}
    asked = {
        "threshold": turn.threshold,
        "prefix_padding_ms": turn.prefix_padding_ms,
        "silence_duration_ms": turn.silence_duration_ms,
    }
    return {"type": turn.type} | _given(asked)


def _elevenlabs(settings: ElevenLabs) -> dict[str, Any]:
    asked = {
        "model_id": settings.model_id,
        "stability": settings.stability,
        "similarity_boost": settings.similarity_boost,
        "style": settings.style,
        "use_speaker_boost": settings.use_speaker_boost,
    }
    return {"api_key": settings.api_key} | _given(asked)


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
