"""Sends what the outbox holds to its receivers: each until it was taken, for a day at most, a few at a time for each receiver."""

import asyncio
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.domain.conversations import Channel
from bot.domain.errors import AvatarbotError, StoreUnavailable
from bot.jobs.scheduler import JobHolder
from bot.ports.storage.hooks import EventRecord, HookDelivery, HookRecord
from bot.ports.web import WebhookAnswer, WebhookClient, WebhookUnreachable
from bot.runtime.services import Services
from bot.tasks import rest

log = structlog.get_logger(__name__)

LOOK_EVERY = 5.0
"""Seconds between two looks at what is due without a wakeup."""

AT_ONCE = 4
"""Deliveries to one receiver under way: a slow one holds up itself and nobody else."""

GIVE_UP = timedelta(days=1)
"""After which an event that nobody took is a dead letter."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
"""Seconds after a failed attempt, doubled each time; at least half of it, by chance."""

ASK_AGAIN, ASKED = 20.0, 3
"""Seconds after which a platform that does not say that a channel is public is asked again, and how often."""

MOST_WAITING = 10_000
"""Events for one receiver: one that is so far behind is disabled, and what waits can be sent again by hand."""

JOB = "webhooks"

COUNT_EVERY = 60.0
"""Seconds between two looks at how many wait."""

GONE = 410
"""The receiver wants nothing any more, whatever it is (RFC 9110, 15.5.11)."""

HIDDEN = Channel("", private=True, private_thread=True)
"""A channel of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that failed: why, and after how many seconds the next is due, None for never."""

    reason: str
    pause: float | None


def failure(reason: str, attempts: int, age: timedelta, asked: float | None, dice: float) -> Failure:
    """What follows a failed attempt on an event of this age after so many earlier ones. `dice` is between 0 and 1.

    A receiver that `asked` for a pause gets it, as far as there is time for it.
    """
    backoff = min(FIRST_PAUSE * 2.0 ** min(attempts, 30), LONGEST_PAUSE)
    pause = max(backoff * (0.5 + dice / 2), asked or 0.0)
    return Failure(reason, pause if age + timedelta(seconds=min(pause, 1e6)) < GIVE_UP else None)


class WebhookSender:
    """`run` sends until cancelled; what is under way then is sent again after the next start. One process at a time does."""

    def __init__(
        self,
        services: Services,
        jobs: JobHolder,
        client: WebhookClient,
        dice: Callable[[], float] = random.random,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._services = services
        self._jobs = jobs
        self._client = client
        self._dice = dice
        self._most_waiting = most_waiting
        self._under_way: dict[str, set[str]] = {}  # events by receiver
        self._counted_at = -math.inf

    async def run(self) -> None:
        await self._jobs.enlisted.wait()
        with self._services.storage.outbox.joined() as wakeup:
            async with asyncio.TaskGroup() as deliveries:
                while True:
                    try:
                        await self._begin_due(deliveries, wakeup)
                    except AvatarbotError as error:
                        log.info("cannot look for events to send", reason=error.detail)
                    await rest(wakeup, LOOK_EVERY)
                    wakeup.clear()

    async def _begin_due(self, deliveries: asyncio.TaskGroup, wakeup: asyncio.Event) -> None:
        storage = self._services.storage
        hooks = [hook for hook in await storage.hooks.everything() if not hook.disabled]
        if not hooks or not await self._jobs.has(JOB, LOOK_EVERY):
            return
        await self._disable_behind(hooks)
        for hook in hooks:
            under_way = self._under_way.setdefault(hook.id, set())
            if room := AT_ONCE - len(under_way):
                for delivery in await storage.hooks.due(hook.id, room, tuple(under_way)):
                    under_way.add(delivery.event.id)
                    deliveries.create_task(self._deliver(hook, delivery, wakeup), name="webhook")

    async def _disable_behind(self, hooks: Sequence[HookRecord]) -> None:
        """A receiver that takes less than there is would fill the database."""
        now = asyncio.get_running_loop().time()
        if now - self._counted_at < COUNT_EVERY:
            return
        self._counted_at = now
        for hook in hooks:
            if await self._services.storage.hooks.waiting(hook.id, self._most_waiting) >= self._most_waiting:
                log.warning("a hook is disabled", hook=hook.id, reason="too far behind")
                await self._services.storage.hooks.disable(hook.id, f"{self._most_waiting} events waited for it")

    async def _deliver(self, hook: HookRecord, delivery: HookDelivery, wakeup: asyncio.Event) -> None:
        """One attempt. What it comes to and cannot be written down is tried again: a receiver tells by the id that it knows it."""
        try:
            await self._attempt(hook, delivery)
        except StoreUnavailable as error:
            log.info("what came of an event is not written down", hook=hook.id, reason=error.detail)
            await asyncio.sleep(LOOK_EVERY)
        except Exception:
            log.exception("an event was not sent", hook=hook.id)
            await asyncio.sleep(LOOK_EVERY)
        finally:
            self._under_way[hook.id].discard(delivery.event.id)
            wakeup.set()

    async def _attempt(self, hook: HookRecord, delivery: HookDelivery) -> None:
        hooks, event = self._services.storage.hooks, delivery.event
        if not await self._may_hear(hook, event):
            await self._keep_from(hook, delivery)
            return
        try:
            answer = await self._client.send(hook, event)
        except WebhookUnreachable as error:
            await self._failed(hook, delivery, error.sentence, None)
            return
        if 200 <= answer.status < 300:
            await hooks.settled(hook.id, event.id)
            self._count("delivered")
        else:
            await self._refused(hook, delivery, answer)

    async def _refused(self, hook: HookRecord, delivery: HookDelivery, answer: WebhookAnswer) -> None:
        reason = f"answered {answer.status}"
        if answer.status != GONE:
            await self._failed(hook, delivery, reason, answer.retry_after)
            return
        log.warning("a hook is disabled", hook=hook.id, reason=reason)
        await self._services.storage.hooks.disable(hook.id, reason)
        self._count("dead")

    async def _failed(self, hook: HookRecord, delivery: HookDelivery, reason: str, asked: float | None) -> None:
        event, now = delivery.event, self._services.clock.now()
        came_to = failure(reason, delivery.attempts, now - event.at, asked, self._dice())
        until = None if came_to.pause is None else now + timedelta(seconds=came_to.pause)
        await self._services.storage.hooks.put_off(hook.id, event.id, until, reason)
        self._count("dead" if until is None else "failed")
        if until is None:
            log.warning("an event could not be sent", hook=hook.id, event_id=event.id, reason=reason)

    async def _may_hear(self, hook: HookRecord, event: EventRecord) -> bool:
        """What is private is heard of where the operator named it, and nowhere else."""
        platform = self._services.platforms.get(event.place.platform)
        return hook.scope.covers(event.place, await platform.channel(event.place) if platform else HIDDEN)

    async def _keep_from(self, hook: HookRecord, delivery: HookDelivery) -> None:
        """A channel that is not known to be public may be so in a moment, when its platform is connected."""
        hooks, event_id = self._services.storage.hooks, delivery.event.id
        if delivery.attempts < ASKED:
            until = self._services.clock.now() + timedelta(seconds=ASK_AGAIN)
            await hooks.put_off(hook.id, event_id, until, "its channel is not known to be public")
        else:
            await hooks.settled(hook.id, event_id)

    def _count(self, outcome: str) -> None:
        self._services.metrics.webhooks.labels(outcome).inc()
