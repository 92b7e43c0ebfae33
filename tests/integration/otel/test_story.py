"""A message in a chat becomes a trace at a collector: the whole service, in real time."""

import asyncio
import contextlib

from adapters.otel.tracing import ATTRIBUTES
from bot.app.service import Parts, Service
from bot.app.tracing import open_observers
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.sessions import SessionStatus
from bot.ports.turn_traces import TurnMoment
from bot.storage.memory import MemoryStorage
from bot.telemetry import new_metrics
from bot.testing.avatar import AvatarBehavior
from bot.testing.chat import FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import FakeAvatarProvider
from tests.integration.otel.collector import Collector

QUICK = AvatarBehavior(arrives_after=0.01, thinking=0.01, pace=2_000)


async def test_a_message_arrives_as_a_trace_without_its_words() -> None:
    clock, metrics = SystemClock(), new_metrics()
    room, provider = FakeChat(clock=clock), FakeAvatarProvider(clock, QUICK)
    async with (
        asyncio.timeout(60),
        contextlib.aclosing(provider),
        Collector().serving() as collector,
        open_observers({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}) as observers,
    ):
        service = Service(Parts(MemoryStorage(clock), provider, clock, Policy(), metrics, observers=observers))
        service.add(FakeChatPlatform(room, service.core))
        async with service.running():
            await room.command("start", avatar="Alma")
            while not room.cards or room.card.status is not SessionStatus.LIVE:
                await asyncio.sleep(0.01)
            await room.say("A secret of mine", room.thread)
            while not metrics.registry.get_sample_value("avatarbot_caption_skew_seconds_count"):
                await asyncio.sleep(0.01)
    (turn,) = collector.spans
    told = {each.key for each in turn.attributes if each.key.startswith("avatarbot.seconds_to.")}
    assert told == {ATTRIBUTES[moment] for moment in TurnMoment} - {ATTRIBUTES[TurnMoment.RECEIVED]}
    assert b"secret" not in turn.SerializeToString()
    assert b"Ann" not in turn.SerializeToString()
