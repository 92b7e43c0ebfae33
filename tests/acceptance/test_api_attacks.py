"""Strangers, and programs that are out of order, at the API of the real service: bounded in size, number and time, and nothing is spent."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bot.web.http_limits import most_connections
from tests.acceptance.processes import Deployment, Simulation, simulation
from tests.patience import HANG_S

PLACE = "playground/playground/lobby"
SLOW = 100
AT_ONCE = min(1_000, most_connections() - 2 * SLOW)
"""With those that are slow no more than may be open: whoever has been waited for longest would make room."""
MOST_BYTES = 150 * 1024**2
"""What the service may grow by."""


@dataclass
class UnderAttack:
    services: Deployment
    simulated: Simulation
    pid: int
    token: str

    @property
    def memory(self) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

    def head(self, length: int, token: str) -> bytes:
        lines = (
            "POST /api/v1/say HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {token}",
            "Content-Type: application/json",
            f"Content-Length: {length}",
        )
        return "\r\n".join((*lines, "", "")).encode()

    async def answered(self, *sent: bytes) -> tuple[int, str]:
        """Status and type of what comes back for these bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.services.port)
        try:
            for piece in sent:
                writer.write(piece)
                await writer.drain()
            async with asyncio.timeout(HANG_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        finally:
            writer.transport.abort()
        return int(head.split()[1]), head.partition("content-type: ")[2].partition("\r\n")[0]

    async def serves_others(self) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with httpx.AsyncClient(
            base_url=self.services.url, headers=headers, trust_env=False, timeout=HANG_S
        ) as http:
            assert (await http.get("/healthz")).status_code == 200
            said = await http.post("/api/v1/say", json={"place": PLACE, "text": "Hello"})
            assert (said.status_code, said.json()["detail"][:17]) == (409, "No avatar is live")


@asynccontextmanager
async def attacked(folder: Path) -> AsyncIterator[UnderAttack]:
    with simulation() as simulated:
        services = Deployment(folder, simulated.url)
        with services.service() as process:
            await services.answers()
            made = services.avatarbot("tokens", "create", "release-bot", "--places", PLACE)
            yield UnderAttack(services, simulated, process.pid, made.stdout.strip())
        assert "Traceback" not in services.log
        assert simulated.state().sessions == []


async def test_slow_large_and_many_requests_are_bounded(tmp_path: Path) -> None:
    async with attacked(tmp_path) as under:
        await under.serves_others()
        before = under.memory
        body = json.dumps({"place": PLACE, "text": "Hello"}).encode()
        slow = [asyncio.create_task(under.answered(under.head(len(body), under.token), body[:1])) for _ in range(SLOW)]
        large = await under.answered(under.head(10**7, under.token), b"x" * 100_000)
        assert large == (413, "application/problem+json")
        strangers = await asyncio.gather(
            *(under.answered(under.head(len(body), "avb_no"), body) for _ in range(AT_ONCE)), return_exceptions=True
        )
        outcomes = Counter(each if isinstance(each, tuple) else type(each) for each in strangers)
        assert outcomes[401, "application/problem+json"] > AT_ONCE / 2, (
            outcomes
        )  # those that were connected are answered
        await under.serves_others()
        assert Counter(await asyncio.gather(*slow)) == {(408, "application/problem+json"): SLOW}
        assert under.memory < before + MOST_BYTES
        await under.serves_others()
