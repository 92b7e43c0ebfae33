"""AKOOL's session endpoints."""

from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from adapters.simulator.avatar import AvatarParams, speed, unspoken
from adapters.simulator.codes import AkoolRefusal, Code
from adapters.simulator.fixtures import VOICES
from adapters.simulator.http.auth import HttpAuth, body, query
from adapters.simulator.http.schemas import CloseSession, CreateSession, Credentials, Listing, SessionQuery, SessionRow
from adapters.simulator.options import Options
from adapters.simulator.sessions import Booking, HostedSession, Sessions
from bot.clock import Clock
from bot.domain.sessions import Mode
from bot.ports.room import RoomCredentials

BASE = "/api/open/v4/liveAvatar/session"


class SessionRoutes:
    def __init__(self, sessions: Sessions, options: Options, clock: Clock) -> None:
        self._sessions = sessions
        self._options = options
        self._clock = clock

    def routes(self, gate: HttpAuth) -> list[Route]:
        return [
            gate.route("POST", f"{BASE}/create", self._create),
            gate.route("GET", f"{BASE}/detail", self._detail),
            gate.route("POST", f"{BASE}/close", self._close),
            gate.route("GET", f"{BASE}/list", self._list),
        ]

    async def _create(self, request: Request) -> SessionRow:
        wanted = await body(request, CreateSession)
        session = self._sessions.create(self._booking(wanted))
        row = _row(session)
        if wanted.credentials is None:
            row.credentials.agora_token = session.client.token
        return row

    async def _detail(self, request: Request) -> SessionRow:
        return _row(self._sessions.find(request.query_params.get("id", "")))

    async def _close(self, request: Request) -> dict[str, Any]:
        wanted = await body(request, CloseSession)
        session_id = wanted.id or wanted.session_id or wanted.record_id
        if not session_id:
            raise AkoolRefusal(Code.BAD_PARAMETER, "id is required")
        self._sessions.close(session_id)
        return {"session_id": session_id, "status": "closed", "closed_at": int(self._clock.now().timestamp() * 1000)}

    async def _list(self, request: Request) -> Listing:
        wanted = query(request, SessionQuery)
        rows = [_row(session) for session in self._sessions if wanted.status in {None, int(session.state)}]
        return Listing(count=len(rows), result=wanted.cut(rows))

    def _booking(self, wanted: CreateSession) -> Booking:
        return Booking(
            wanted.avatar_id,
            self._options.default_duration if wanted.duration is None else wanted.duration,
            _params(wanted),
            wanted.knowledge_id or None,
            _own_room(wanted.credentials),
        )


def _params(wanted: CreateSession) -> AvatarParams:
    if any(voice.voice_id == wanted.voice_id and not voice.streams for voice in VOICES):
        raise AkoolRefusal(Code.BAD_PARAMETER, "voices of Akool Multilingual 2 cannot be used with streaming avatars")
    return AvatarParams(
        Mode(wanted.mode_type or Mode.DIALOGUE),
        wanted.voice_id,
        wanted.voice_url,
        wanted.language,
        wanted.background_url,
        speed(wanted.voice_params.get("speed")) or 1.0,
        unspoken(wanted.voice_params) or None,
    )


def _own_room(given: Credentials | None) -> RoomCredentials | None:
    """The avatar's connection in a room of the team's own, where `agora_token` is required."""
    if given is None:
        return None
    if not given.agora_token or not given.agora_channel:
        raise AkoolRefusal(Code.BAD_PARAMETER, "agora_uid, agora_channel and agora_token are required")
    return RoomCredentials(given.agora_app_id, given.agora_channel, str(given.agora_uid), given.agora_token)


def _row(session: HostedSession) -> SessionRow:
    connection = session.client
    return SessionRow(
        session_id=session.id,
        status=int(session.state),
        credentials=Credentials(
            agora_uid=int(connection.uid), agora_app_id=connection.app_id, agora_channel=connection.channel
        ),
    )
