"""A simulated AKOOL for tests, spoken to as a client speaks to it."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx

from adapters.simulator import Options, Simulator, application
from adapters.simulator.voice import Speech
from bot.clock import Clock
from bot.ports.room import Packet, RoomConnection, RoomCredentials, RoomEvent
from bot.testing.virtual_time import LoopClock

ALMA = "sim_Alma_cardigan_1080P"
SESSION = "/api/open/v4/liveAvatar/session"


@dataclass
class Customer:
    """Somebody with a key to a simulator."""

    simulator: Simulator
    http: httpx.AsyncClient

    async def ask(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        """The whole envelope."""
        response = await self.http.request(method, path, **how)
        assert response.status_code == 200
        answer = response.json()
        assert isinstance(answer, dict)
        return answer

    async def create(self, **wanted: Any) -> dict[str, Any]:
        """The `data` of a session that was created."""
        answer = await self.ask("POST", f"{SESSION}/create", json={"avatar_id": ALMA, "duration": 600, **wanted})
        assert answer["code"] == 1000, answer
        data = answer["data"]
        assert isinstance(data, dict)
        return data

    async def close(self, session_id: str) -> dict[str, Any]:
        return await self.ask("POST", f"{SESSION}/close", json={"id": session_id})

    async def credit(self) -> float:
        answer = await self.ask("GET", "/api/open/v3/faceswap/quota/info")
        return float(answer["data"]["credit"])

    def connection(self, session: dict[str, Any]) -> RoomConnection:
        return self.simulator.connect(credentials(session))


def credentials(session: dict[str, Any]) -> RoomCredentials:
    given = session["credentials"]
    return RoomCredentials(given["agora_app_id"], given["agora_channel"], str(given["agora_uid"]), given["agora_token"])


@contextlib.asynccontextmanager
async def customer(
    options: Options | None = None, clock: Clock | None = None, speech: Speech | None = None
) -> AsyncIterator[Customer]:
    async with (
        Simulator(clock or LoopClock(), options, speech) as simulator,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(application(simulator)),
            base_url="http://akool.test",
            headers={"x-api-key": "simulator"},
        ) as http,
    ):
        yield Customer(simulator, http)


def chat(mid: str, text: str, idx: int = 0, *, fin: bool = True) -> bytes:
    return _packet({"type": "chat", "mid": mid, "idx": idx, "fin": fin, "pld": {"text": text}})


def command(mid: str, cmd: str, **data: Any) -> bytes:
    return _packet({"type": "command", "mid": mid, "pld": {"cmd": cmd, **({"data": data} if data else {})}})


def _packet(message: dict[str, Any]) -> bytes:
    return json.dumps({"v": 2, **message}, ensure_ascii=False).encode()


async def until(events: AsyncIterator[RoomEvent], kind: type, **fields: Any) -> list[dict[str, Any]]:
    """Every message up to the one with these fields, or up to the event of this kind when none are given."""
    heard = []
    async for event in events:
        if isinstance(event, Packet):
            heard.append(json.loads(event.data))
            if kind is Packet and fields.items() <= {**heard[-1], **heard[-1]["pld"]}.items():
                return heard
        elif isinstance(event, kind):
            return heard
    raise AssertionError(f"the connection was lost before {kind.__name__} {fields}; heard {heard}")
