"""What belongs to the account and to everybody: tokens, credit, voices, languages."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.simulator.account import Account
from adapters.simulator.cast import LANGUAGES, VOICES, Voice
from adapters.simulator.chime import chime, wav
from adapters.simulator.http.gate import Gate, body, query
from adapters.simulator.http.rows import VoiceListing, VoiceQuery, VoiceRow
from adapters.simulator.refusal import Refusal
from adapters.simulator.speech import Speech, Tone
from adapters.simulator.tongues import base


class Client(msgspec.Struct, kw_only=True):
    client_id: str = msgspec.field(name="clientId", default="")
    client_secret: str = msgspec.field(name="clientSecret", default="")


class Office:
    def __init__(self, account: Account, speech: Speech | None) -> None:
        self._account = account
        self._speech = speech

    def routes(self, gate: Gate) -> list[Route]:
        return [
            Route("/api/open/v3/getToken", self._token, methods=["POST"]),
            gate.route("GET", "/api/open/v3/faceswap/quota/info", self._credit),
            gate.route("GET", "/api/open/v3/language/list", self._languages),
            gate.route("GET", "/api/open/v4/voice/list", self._voices),
            gate.route("GET", "/api/open/v3/voice/list", self._voices_v3),
            Route("/static/voices/{voice_id}.wav", self._preview),
        ]

    async def _token(self, request: Request) -> Response:
        """The one answer whose `token` stands beside `code` and not under `data`."""
        try:
            client = await body(request, Client)
            answer: dict[str, Any] = {
                "code": 1000,
                "token": self._account.token(client.client_id, client.client_secret),
            }
        except Refusal as refusal:
            answer = {"code": refusal.code, "msg": refusal.sentence}
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _credit(self, _: Request) -> dict[str, float]:
        return {"credit": round(self._account.credit, 4)}

    async def _languages(self, request: Request) -> dict[str, Any]:
        flag = f"{request.base_url}static/avatars/flag.svg"
        return {"lang_list": [{"lang_code": row.code, "lang_name": row.name, "url": flag} for row in LANGUAGES]}

    async def _voices(self, request: Request) -> VoiceListing:
        wanted = query(request, VoiceQuery)
        rows = [_row(request, voice) for voice in VOICES if wanted.type == 2 and _fits(voice, wanted)]
        return VoiceListing(count=len(rows), result=wanted.cut(rows), page=wanted.page, size=wanted.size)

    async def _voices_v3(self, request: Request) -> list[dict[str, Any]]:
        """A bare array of an older shape."""
        return [
            {
                "_id": _record_id(voice),
                "voice_id": voice.voice_id,
                "name": voice.name,
                "gender": voice.gender,
                "from": 3,
            }
            for voice in VOICES
            if request.query_params.get("from", "3") == "3"
        ]

    async def _preview(self, request: Request) -> Response:
        voice_id = request.path_params["voice_id"]
        voice = next((voice for voice in VOICES if voice.voice_id == voice_id), None)
        sound = (
            await self._speech.spoken(voice.sample, Tone(base(voice.locale), voice.timbre))
            if voice and self._speech
            else b""
        )
        return Response(wav(sound) if sound else chime(voice_id), media_type="audio/wav")


def _fits(voice: Voice, wanted: VoiceQuery) -> bool:
    return (
        wanted.name.lower() in voice.name.lower()
        and (not wanted.gender or voice.gender in wanted.gender.lower().split(","))
        and (not wanted.style or voice.style.lower() in wanted.style.lower().split(","))
        and (wanted.support_stream is None or voice.streams == (wanted.support_stream == 1))
    )


def _row(request: Request, voice: Voice) -> VoiceRow:
    return VoiceRow(
        record_id=_record_id(voice),
        voice_id=voice.voice_id,
        gender=voice.gender,
        language=voice.language,
        locale=voice.locale,
        name=voice.name,
        preview=f"{request.base_url}static/voices/{voice.voice_id}.wav",
        style=[voice.style],
        scenario=["Conversation"],
        age=["Adult"],
        voice_model_name=voice.model,
        support_stream=voice.streams,
    )


def _record_id(voice: Voice) -> str:
    return f"676b{VOICES.index(voice):020x}"
