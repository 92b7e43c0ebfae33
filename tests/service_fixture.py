"""The whole service on the simulator, in real time: for platforms that talk to their stand-in over real sockets."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from bot.app.service import Parts, Service
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.storage.encryption import Cipher
from bot.storage.sql import sql_storage
from bot.telemetry import new_metrics
from tests.database import database_in

KEY = Fernet.generate_key().decode()
QUICK = replace(Options(), join_delay=0.1, thinking=0.05, pace=150.0)
"""An avatar that is there at once and speaks ten times as fast as people do."""


@asynccontextmanager
async def whole_service(folder: Path, simulator: Simulator) -> AsyncIterator[Service]:
    """Not running yet and without a platform. Opened again on the same folder, it is the same service after a restart."""
    url = database_in(folder)
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        storage = await stack.enter_async_context(sql_storage(url, Cipher((KEY,)), clock))
        key = ApiKey(SecretStr(simulator.options.api_key))
        api = AkoolApi.at("http://akool.test", key, httpx.ASGITransport(application(simulator)))
        provider = await stack.enter_async_context(aclosing(AkoolProvider(api, simulator.connect)))
        yield Service(Parts(storage, provider, clock, Policy(), new_metrics()), "http://avatarbot.test")
