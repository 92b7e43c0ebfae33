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


@contextlib.asynccontextmanager
async def open_provider(settings: Settings) -> AsyncIterator[AkoolProvider]:
    """The provider that the settings name, closed at the end. Raises `SettingsError` when they name none."""
    akool = load(AkoolSettings)
    if settings.simulator_url:
        api = AkoolApi.at(settings.simulator_url, ApiKey(akool.api_key or SecretStr("simulator")))
        async with contextlib.aclosing(AkoolProvider(api, remote_seats(settings.simulator_url))) as provider:
            yield provider
        return
    api, agora = open_api(akool), load(AgoraSettings)
    async with AgoraSeats(agora) as seats, contextlib.aclosing(AkoolProvider(api, seats, agora.own_room)) as provider:
        yield provider
