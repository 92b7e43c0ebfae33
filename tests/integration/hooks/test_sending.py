"""From the outbox to a receiver on a real socket: signed, at least once, with the same id, and nowhere else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from standardwebhooks import WebhookVerificationError
from starlette.responses import RedirectResponse, Response, StreamingResponse

from adapters.web.webhooks import StandardWebhooks
from bot.app.service import Parts, Service
from bot.commands.policy import Policy
from bot.domain.conversations import Channel
from bot.domain.hook_events import EventType, PlaceScope
from bot.domain.posts import Speaker
from bot.jobs.scheduler import JobHolder
from bot.jobs.webhooks import ASK_AGAIN, ASKED, AT_ONCE, FIRST_PAUSE, WebhookSender
from bot.ports.storage.hooks import EventRecord, HookRecord
from bot.ports.storage.records import Lease, ProcessProfile, UtteranceRecord
from bot.ports.web import WebhookUnreachable
from bot.runtime.lease import WorkerLease
from bot.storage.memory import MemoryStorage
from bot.tasks import cancel_and_wait
from bot.telemetry import new_metrics
from bot.testing.chat import CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import FakeAvatarProvider
from bot.testing.virtual_time import ManualClock, virtual
from tests.integration.hooks.receiver import INSIDE, Internet, Names, Receiver, receiving, verified
from tests.patience import until
from tests.stored import started

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://hooks.example/in?token=abc"
HOUR = 3600.0


@dataclass
class Sending:
    """A service that sends to a receiver, and a session of which it tells."""

    receiver: Receiver
    names: Names
    internet: Internet
    storage: MemoryStorage
    clock: ManualClock
    lease: Lease
    service: Service
    hook_id: str = "hook"

    async def happens(self, number: int = 1) -> None:
        """The avatar says that many things."""
        for _ in range(number):
            now, count = self.clock.now(), len(self.storage.data.utterances.keys())
            async with self.storage.fenced(self.lease) as run:
                run.save(UtteranceRecord(f"u{count}", "p", f"u{count}", Speaker.BOT, "Hi.", True, False, now, now))

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.storage.outbox.notify()

    @property
    def waits(self) -> int:
        return len(self.storage.data.deliveries.keys())

    async def failures(self, attempts: int) -> None:
        """All that waits was tried so often."""
        await until(lambda: all(row.attempts >= attempts for row in self.storage.data.deliveries))


def hook(scope: PlaceScope | None = None, url: str = URL, id_: str = "hook") -> HookRecord:
    scope = scope or PlaceScope((CHANNEL,))
    return HookRecord(id_, url, SECRET, frozenset({EventType.UTTERANCE_FINAL}), scope, ManualClock().now())


@contextlib.asynccontextmanager
async def sending(
    chat: FakeChat | None = None, scope: PlaceScope | None = None, *, before: int = 0
) -> AsyncIterator[Sending]:
    """`before` things have happened when the sender begins, for which three is too many."""
    clock, names = ManualClock(), Names()
    storage = MemoryStorage(clock)
    async with receiving() as receiver, contextlib.aclosing(FakeAvatarProvider(clock)) as provider:
        internet = Internet(receiver.port)
        service = Service(Parts(storage, provider, clock, Policy(), new_metrics()))
        service.add(FakeChatPlatform(chat or FakeChat(clock=clock)))
        worker = WorkerLease(service.services.storage.workers, ProcessProfile(), alone=True)
        await worker.enlist()
        await storage.hooks.add(hook(scope))
        await started(storage, "s")
        (lease,) = await storage.workers.claim(worker.id, room=1)
        client = StandardWebhooks(("127.0.0.1",), names, internet)
        most = {"most_waiting": 3} if before else {}
        sender = WebhookSender(
            service.services, JobHolder(storage.coordination, worker.enlisted), client, lambda: 1.0, **most
        )
        sends = Sending(receiver, names, internet, storage, clock, lease, service)
        await sends.happens(before)
        running = asyncio.create_task(sender.run())
        try:
            yield sends
        finally:
            await cancel_and_wait(running)


async def test_an_event_arrives_signed_as_others_verify_it() -> None:
    async with sending() as sends:
        await sends.happens()
        await sends.receiver.has(1)
        (received,) = sends.receiver.taken
        payload = verified(received, SECRET)
        assert (payload["type"], payload["data"]["text"]) == ("utterance.final", "Hi.")
        with pytest.raises(WebhookVerificationError):
            verified(received, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
        await until(lambda: not sends.waits)
        assert sends.internet.went == ["93.184.216.34"]


async def test_what_fails_is_sent_again_with_its_id() -> None:
    async with sending() as sends:
        sends.receiver.answers = [Response(status_code=500), Response(status_code=302), Response(status_code=429)]
        await sends.happens()
        for attempts in (1, 2, 3):
            await sends.receiver.was_asked(attempts)
            await sends.failures(attempts)
            await sends.pass_time(HOUR)
        await sends.receiver.has(1)
        assert len({each.id for each in sends.receiver.attempts}) == 1
        for each in sends.receiver.attempts:
            verified(each, SECRET)


async def test_a_receiver_that_was_down_for_an_hour_misses_nothing() -> None:
    async with sending() as sends:
        sends.receiver.answers = [Response(status_code=503) for _ in range(50)]
        await sends.happens(5)
        for attempts in range(1, 11):  # 85 minutes together
            await sends.failures(attempts)
            await sends.pass_time(FIRST_PAUSE * 2.0 ** (attempts - 1))
        await sends.receiver.has(5)
        assert len(sends.receiver.attempts) == 55
        assert len({each.id for each in sends.receiver.taken}) == 5
        await until(lambda: not sends.waits)


async def test_what_nobody_takes_for_a_day_is_a_dead_letter() -> None:
    async with sending() as sends:
        sends.receiver.answers = [Response(status_code=500) for _ in range(100)]
        await sends.happens()
        await sends.failures(1)
        await sends.pass_time(24 * HOUR)
        await until(lambda: any(row.due_at is None for row in sends.storage.data.deliveries))
        (dead,) = await sends.storage.hooks.failed(10)
        assert (dead.attempts, dead.reason) == (2, "answered 500")
        sends.receiver.answers.clear()
        await sends.storage.hooks.retry()
        sends.storage.outbox.notify()
        await sends.receiver.has(1)
        assert sends.receiver.taken[0].id == dead.event.id


async def test_a_receiver_that_is_too_far_behind_is_disabled() -> None:
    async with sending(before=3) as sends:
        await until(lambda: any(each.disabled for each in sends.storage.data.hooks))
        (disabled,) = await sends.storage.hooks.everything()
        assert disabled.disabled == "3 events waited for it"
        assert len(await sends.storage.hooks.failed(10)) == 3
        assert sends.receiver.attempts == []
        await sends.storage.hooks.retry("hook")
        sends.storage.outbox.notify()
        await sends.receiver.has(3)


async def test_a_pause_that_is_asked_for_is_kept() -> None:
    async with sending() as sends:
        sends.receiver.answers = [Response(status_code=503, headers={"retry-after": "1800"})]
        await sends.happens()
        await sends.failures(1)
        (waits,) = sends.storage.data.deliveries
        assert waits.due_at == sends.clock.now() + timedelta(seconds=1800)


async def test_a_receiver_that_is_gone_is_told_nothing_more() -> None:
    async with sending() as sends:
        sends.receiver.answers = [Response(status_code=410)]
        await sends.happens()
        await until(lambda: any(each.disabled for each in sends.storage.data.hooks))
        await sends.happens(2)
        assert len(await sends.storage.hooks.failed(10)) == 1
        assert len(sends.receiver.attempts) == 1


async def test_a_slow_receiver_holds_up_nobody_else() -> None:
    async with sending() as sends, receiving() as quick:
        sends.receiver.open.clear()
        await sends.storage.hooks.add(hook(url=f"http://127.0.0.1:{quick.port}/", id_="quick"))
        await sends.happens(20)
        await quick.has(20)
        assert sends.receiver.most_under_way <= AT_ONCE


async def test_no_more_than_a_few_are_under_way() -> None:
    async with sending() as sends:
        sends.receiver.open.clear()
        await sends.happens(20)
        await sends.receiver.was_asked(AT_ONCE)
        sends.receiver.open.set()
        await sends.receiver.has(20)
        assert sends.receiver.most_under_way == AT_ONCE


async def test_an_inner_address_behind_a_name_gets_nothing() -> None:
    async with sending() as sends:
        await sends.happens()
        await sends.receiver.has(1)
        sends.names.addresses["hooks.example"] = INSIDE
        await sends.happens()
        await sends.failures(1)
        assert [row.reason for row in sends.storage.data.deliveries] == [
            "its name leads to an address that is not on the internet"
        ]
        assert sends.internet.went == ["93.184.216.34"]


async def test_a_redirect_is_never_followed() -> None:
    async with sending() as sends:
        sends.receiver.answers = [RedirectResponse("http://127.0.0.1:1/inside", 307)]
        await sends.happens()
        await sends.failures(1)
        assert [row.reason for row in sends.storage.data.deliveries] == ["answered 307"]
        assert sends.internet.went == ["93.184.216.34"]


async def test_an_endless_answer_is_not_read() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)

    async with sending() as sends:
        sends.receiver.answers = [StreamingResponse(endless())]
        await sends.happens(2)
        await sends.receiver.has(2)
        await until(lambda: not sends.waits)


class Silence(httpx.AsyncBaseTransport):
    """Whoever is reached through it never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError


@virtual
async def test_a_receiver_that_never_answers_is_given_up() -> None:
    event = EventRecord("e1", EventType.UTTERANCE_FINAL, CHANNEL, "{}", ManualClock().now())
    with pytest.raises(WebhookUnreachable, match="no answer within 15 s"):
        await StandardWebhooks(("127.0.0.1",), way=Silence()).send(hook(url="http://127.0.0.1/"), event)


def chat_with(*, private: bool) -> FakeChat:
    chat = FakeChat(clock=ManualClock())
    chat.channels[CHANNEL] = Channel("#lobby", private=private)
    return chat


async def test_without_places_a_hook_hears_of_public_channels() -> None:
    async with sending(chat_with(private=False), PlaceScope()) as sends:
        await sends.happens()
        await sends.receiver.has(1)


async def test_without_places_a_hook_hears_of_nothing_private() -> None:
    async with sending(chat_with(private=True), PlaceScope()) as sends:
        await sends.happens()
        for asked in range(1, ASKED + 1):
            await sends.failures(asked)
            await sends.pass_time(ASK_AGAIN)
        await until(lambda: not sends.waits)
        assert sends.receiver.attempts == []


async def test_a_private_channel_is_told_of_where_it_is_named() -> None:
    async with sending(chat_with(private=True), PlaceScope((CHANNEL,))) as sends:
        await sends.happens()
        await sends.receiver.has(1)
