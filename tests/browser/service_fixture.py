"""The true demo, AKOOL simulated and all else real, in this process, so that it can be stopped and started again."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from bot.app.demo import demo_parts
from bot.app.service import Parts, Service
from bot.web.app import create_app, serve

SECRET = "a-secret-for-tests"
LOOPBACK = "127.0.0.1"


class DemoService:
    """What `avatarbot demo` runs. `stop` ends the service, leaving its sessions open; `start` begins a new one at the same address."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self._parts = parts
        self._folder = folder
        self._running = contextlib.AsyncExitStack()
        self.port = 0
        self.service: Service | None = None

    @property
    def base(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.base}/playground#key={SECRET}"

    async def start(self) -> None:
        service = self.service = Service(self._parts)
        settings = PlaygroundSettings(secret=SecretStr(SECRET), history=self._folder / "channel.jsonl")
        service.add(PlaygroundPlatform(service.core, service.services.clock, settings, self._parts.pictures))
        app = create_app(service.services.metrics, service.readiness(), service.mounts())
        self.port = await self._running.enter_async_context(serve(app, LOOPBACK, self.port))
        service.base_url = self.base
        await self._running.enter_async_context(service.running(hand_over=True))

    async def stop(self) -> None:
        await self._running.aclose()


@asynccontextmanager
async def demo_services(folder: Path) -> AsyncIterator[DemoService]:
    async with demo_parts(folder) as parts:
        services = DemoService(parts, folder)
        await services.start()
        try:
            yield services
        finally:
            await services.stop()
