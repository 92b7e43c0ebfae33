"""What belongs to the account and to everybody: tokens, credit, voices, languages."""

import zlib
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.simulator.codes import AkoolRefusal
from adapters.simulator.fixtures import LANGUAGES, VOICES, Voice
from adapters.simulator.http.auth import HttpAuth, body, query
from adapters.simulator.http.schemas import VoiceListing, VoiceQuery, VoiceRow
from adapters.simulator.languages import base
from adapters.simulator.sessions import SimulatedAccount
from adapters.simulator.voice import Speech, Tone, chime, wav

FLAG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240"><rect width="240" height="240" fill="hsl({hue} 45% 90%)"/>'
    '<path d="M58 52h124a24 24 0 0 1 24 24v64a24 24 0 0 1-24 24h-74l-40 32v-32h-10a24 24 0 0 1-24-24V76a24 24 0 0 1 24-24z" '
    'fill="hsl({hue} 42% 42%)"/><text x="120" y="128" font-family="sans-serif" font-size="58" font-weight="700" fill="#fff" '
    'text-anchor="middle">{letters}</text></svg>'
)


class ClientCredentials(msgspec.Struct, kw_only=True):
    client_id: str = msgspec.field(name="clientId", default="")
    client_secret: str = msgspec.field(name="clientSecret", default="")


class AccountRoutes:
    def __init__(self, account: SimulatedAccount, speech: Speech | None) -> None:
        self._account = account
        self._speech = speech

    def routes(self, gate: HttpAuth) -> list[Route]:
        return [
            Route("/api/open/v3/getToken", self._token, methods=["POST"]),
            gate.route("GET", "/api/open/v3/faceswap/quota/info", self._credit),
            gate.route("GET", "/api/open/v3/language/list", self._languages),
            gate.route("GET", "/api/open/v4/voice/list", self._voices),
            gate.route("GET", "/api/open/v3/voice/list", self._voices_v3),
            Route("/static/voices/{voice_id}.wav", self._preview),
            Route("/static/languages/{code}.svg", self._flag),
        ]

    async def _token(self, request: Request) -> Response:
        """The one answer whose `token` stands beside `code` and not under `data`."""
        try:
            client = await body(request, ClientCredentials)
            answer: dict[str, Any] = {
                "code": 1000,
                "token": self._account.token(client.client_id, client.client_secret),
            }
        except AkoolRefusal as refusal:
            answer = {"code": refusal.code, "msg": refusal.sentence}
        return Response(msgspec.json.encode(answer), media_type="application/json")

    async def _credit(self, _: Request) -> dict[str, float]:
        return {"credit": round(self._account.credit, 4)}

    async def _languages(self, request: Request) -> dict[str, Any]:
        flags = f"{request.base_url}static/languages/"
        rows = ({"lang_code": row.code, "lang_name": row.name, "url": f"{flags}{row.code}.svg"} for row in LANGUAGES)
        return {"lang_list": [*rows]}

    async def _flag(self, request: Request) -> Response:
        """A speech bubble with the language's letters, in a colour of its own."""
        code = request.path_params["code"]
        if not any(row.code == code for row in LANGUAGES):
            return Response(status_code=404)
        flag = FLAG.format(hue=zlib.crc32(code.encode()) % 360, letters=base(code).upper())
        return Response(flag, media_type="image/svg+xml")

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
