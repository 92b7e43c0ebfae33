"""The providers that keep the contract, in virtual time. One more joins by an entry in `PROVIDERS`."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

import httpx
import pytest
from pydantic import SecretStr

from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from bot.ports.provider import (
    AvatarLists,
    AvatarProvider,
    CreditBalance,
    KnowledgeBases,
    LanguageLists,
    Uploads,
    VoiceLists,
)
from bot.testing.provider import AVATARS, FakeAvatarProvider
from bot.testing.virtual_time import LoopClock

SESSIONS = 5
"""How many an account under test has room for."""

MINUTES = 100
"""What its credit pays for."""

UPLOAD_S = 6.0


class WholeProvider(
    AvatarProvider, AvatarLists, VoiceLists, LanguageLists, KnowledgeBases, Uploads, CreditBalance, Protocol
):
    """With everything that a provider may have."""


@dataclass(frozen=True)
class ProviderUnderTest:
    """A provider with an account of `SESSIONS` and `MINUTES`. `avatar_id` is an avatar that can be hosted."""

    provider: WholeProvider
    avatar_id: str


@contextlib.asynccontextmanager
async def fake() -> AsyncIterator[ProviderUnderTest]:
    provider = FakeAvatarProvider(LoopClock(), concurrency=SESSIONS, credit=MINUTES * 6.0, upload_s=UPLOAD_S)
    async with contextlib.aclosing(provider):
        yield ProviderUnderTest(provider, AVATARS[0].id)


@contextlib.asynccontextmanager
async def akool() -> AsyncIterator[ProviderUnderTest]:
    options = Options(concurrency=SESSIONS, credit=MINUTES * 6.0, upload_time=UPLOAD_S)
    async with Simulator(LoopClock(), options) as simulator:
        key = ApiKey(SecretStr(options.api_key))
        api = AkoolApi.at("http://akool.test", key, httpx.ASGITransport(application(simulator)))
        async with contextlib.aclosing(AkoolProvider(api, simulator.connect)) as provider:
            yield ProviderUnderTest(provider, "sim_Alma_cardigan_1080P")


Kind = Callable[[], AbstractAsyncContextManager[ProviderUnderTest]]

PROVIDERS: dict[str, Kind] = {"fake": fake, "akool": akool}


@pytest.fixture(params=PROVIDERS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return PROVIDERS[request.param]
