"""Who hosts avatars: AKOOL with rooms at Agora, or a simulator in another process."""

import contextlib
from collections.abc import AsyncIterator

from pydantic import SecretStr

from adapters.agora.seats import AgoraSeats
from adapters.agora.settings import AgoraSettings
from adapters.akool.api import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.akool.settings import AkoolSettings, open_api
from adapters.simulator.remote import remote_seats
from bot.settings import Settings, load
from bot.telemetry import Metrics


@contextlib.asynccontextmanager
async def open_provider(settings: Settings, metrics: Metrics) -> AsyncIterator[AkoolProvider]:
    """The provider that the settings name, closed at the end. Raises `SettingsError` when they name none."""
    opened = _simulated(settings.simulator_url, metrics) if settings.simulator_url else _real(metrics)
    async with opened as provider, contextlib.aclosing(provider):
        yield provider


@contextlib.asynccontextmanager
async def _simulated(url: str, metrics: Metrics) -> AsyncIterator[AkoolProvider]:
    key = load(AkoolSettings).api_key or SecretStr("simulator")
    yield AkoolProvider(AkoolApi.at(url, ApiKey(key), metrics=metrics), remote_seats(url), metrics=metrics)


@contextlib.asynccontextmanager
async def _real(metrics: Metrics) -> AsyncIterator[AkoolProvider]:
    api, agora = open_api(load(AkoolSettings), metrics=metrics), load(AgoraSettings)
    async with AgoraSeats(agora) as seats:
        yield AkoolProvider(api, seats, agora.own_room, metrics, seats.check)
