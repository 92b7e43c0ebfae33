"""From `/avatar start` to the transcript through the real wrapper: our service, AKOOL's simulator behind the stub's room."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from adapters.agora.connection import AgoraConnections
from adapters.agora.rooms import OwnRooms
from adapters.akool.client import AkoolApi, ApiKey
from adapters.akool.provider import AkoolProvider
from adapters.simulator.hearing import tones
from adapters.simulator.http.app import application
from adapters.simulator.options import Options
from adapters.simulator.simulator import Simulator
from bot.app.service import Parts, Service
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.conversations import Accepted, Role
from bot.domain.sessions import SessionStatus
from bot.ports.grants import Grant, Scope
from bot.ports.room import VOICE_FRAME
from bot.storage.encryption import Cipher
from bot.storage.sql import sql_storage
from bot.telemetry import new_metrics
from bot.testing.chat import ANN, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.web.viewer.actions import microphone
from tests.database import database_in
from tests.integration.agora.bridge import bridged
from tests.integration.agora.conftest import SETTINGS
from tests.integration.agora.hub import Hub
from tests.patience import until

QUICK = replace(Options(), join_delay=0.1, thinking=0.1, pace=300.0)
OWN_APP_ID = "0123456789abcdef0123456789abcdef"
OWN_PROJECT = OwnRooms(OWN_APP_ID, "fedcba9876543210fedcba9876543210")


@dataclass
class World:
    simulator: Simulator
    room: FakeChat
    hub: Hub
    service: Service

    async def until(self, holds: Callable[[], bool]) -> None:
        await until(holds)

    async def started(self) -> None:
        assert isinstance(await self.room.command("start"), Accepted)
        await self.until(lambda: bool(self.room.cards) and self.room.card.status is SessionStatus.LIVE)

    async def answered(self, question: str) -> str:
        before = len(self.room.finals)
        await self.room.say(question, self.room.thread)
        await self.until(lambda: len(self.room.finals) > before)
        return self.room.finals[-1]


@contextlib.asynccontextmanager
async def world(folder: Path, hub: Hub, own_room: OwnRooms | None = None) -> AsyncIterator[World]:
    clock, url, room = SystemClock(), database_in(folder), FakeChat()
    async with contextlib.AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(clock, QUICK))
        await stack.enter_async_context(bridged(hub, simulator.connect))
        connections = await stack.enter_async_context(AgoraConnections(SETTINGS, {"AGORA_STUB_SOCKET": str(hub.path)}))
        cipher = Cipher((Fernet.generate_key().decode(),))
        storage = await stack.enter_async_context(sql_storage(url, cipher, clock))
        transport = httpx.ASGITransport(application(simulator))
        api = AkoolApi.at("http://akool.test", ApiKey(SecretStr(QUICK.api_key)), transport)
        provider = await stack.enter_async_context(contextlib.aclosing(AkoolProvider(api, connections, own_room)))
        service = Service(Parts(storage, provider, clock, Policy(), new_metrics()), "http://avatarbot.test")
        service.add(FakeChatPlatform(room, service.core))
        await stack.enter_async_context(service.running())
        yield World(simulator, room, hub, service)


@pytest.mark.parametrize("own_room", [None, OWN_PROJECT], ids=["AKOOL's room", "a room of our own"])
async def test_from_start_to_transcript(tmp_path: Path, wrapper: Path, hub: Hub, own_room: OwnRooms | None) -> None:
    async with world(tmp_path, hub, own_room) as here:
        await here.started()

        assert here.room.card.avatar_name in await here.answered("Who are you? Grüße 👋")
        ours = here.hub.alive[0].app_id == OWN_APP_ID
        assert (
            ours == bool(own_room) == bool(here.hub.connections(here.room.card.session_id))
        )  # the channel is our session's id

        await here.room.command("stop")
        await here.until(lambda: here.room.card.status is SessionStatus.ENDED)
        assert not [session for session in here.simulator.sessions if session.open]


@pytest.mark.parametrize("own_room", [None, OWN_PROJECT], ids=["AKOOL's room", "a room of our own"])
async def test_from_a_voice_to_the_transcript(
    tmp_path: Path, wrapper: Path, hub: Hub, own_room: OwnRooms | None
) -> None:
    async with world(tmp_path, hub, own_room) as here:
        await here.started()
        services, session_id = here.service.services, here.room.card.session_id
        expires = services.clock.now() + timedelta(hours=1)
        grant = Grant("g", session_id, Scope.SPEAK, here.room.thread, ANN, Role.STARTER, expires)
        ours = microphone(grant, here.service.core, services.clock, print, print)
        assert ours
        voices = services.events.voices.of(session_id)
        while not any(line.text == "joke" for line in here.room.lines):  # a busy machine may garble it
            voices.ask(ours)
            await speak("joke", lambda frame: voices.say(ours.claimant.id, frame))
            voices.leave(ours.claimant.id)
            await asyncio.sleep(1.5)
        await here.until(lambda: any(line.answers and line.answers.name == "Ann" for line in here.room.lines))
        await hub.until(lambda: not any(each.publishes for each in hub.connections(channel_of(hub))))


def channel_of(hub: Hub) -> str:
    (channel,) = hub.channels
    return channel


async def speak(text: str, say: Callable[[bytes], object]) -> None:
    sound = tones(text)
    for at in range(0, len(sound), VOICE_FRAME):
        say(sound[at : at + VOICE_FRAME].ljust(VOICE_FRAME, b"\0"))
        await asyncio.sleep(0.02)


async def test_a_killed_room_host_costs_no_session(tmp_path: Path, wrapper: Path, hub: Hub) -> None:
    async with world(tmp_path, hub) as here:
        await here.started()
        await here.answered("Who are you?")
        (first,) = here.hub.alive

        os.kill(first.pid, signal.SIGKILL)
        await here.hub.until(lambda: [process.pid for process in here.hub.alive] not in ([], [first.pid]))

        assert await here.answered("Are you still there?")
        assert len(list(here.simulator.sessions)) == 1
