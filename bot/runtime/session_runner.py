"""The life of one session in this process, from its claim to its end, and its video and audio, for as long as somebody watches."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from bot.clock import new_id
from bot.domain.conversations import ConversationRef, Inbound, MessagePosted, Role
from bot.domain.errors import AvatarbotError, PlaceGone, PlatformError, ProviderError, RoomError
from bot.domain.sessions import EndReason, SessionStatus
from bot.media.keyframes import KeyframeThrottle
from bot.ports.avatar import Avatar, AvatarArrived, AvatarEvent
from bot.ports.room import AudioFrame, LinkUp, VideoFrame
from bot.ports.storage.coordination import SUSPECT_AFTER
from bot.ports.storage.records import (
    NOBODY,
    SAY,
    Conclusion,
    InboxOutcome,
    InboxRecord,
    InboxState,
    Lease,
    LeaseLost,
    NewRow,
    UnfinishedRow,
)
from bot.ports.storage.transactions import Settlement
from bot.runtime.budget import BudgetSpent, NobodyIsLeft, day_of_payer
from bot.runtime.closing import Closing
from bot.runtime.context import Asleep, Ending, HandedOver, SessionContext, ThrownOut
from bot.runtime.controls import Controls
from bot.runtime.lifecycle import LifecycleTimer
from bot.runtime.llm_reply import LlmReplies
from bot.runtime.provider_sessions import NoAvatar, ProviderSessions
from bot.runtime.resolve import NotOffered, resolved, suggested_by, within
from bot.runtime.services import Services
from bot.runtime.status_card import StatusCard
from bot.runtime.turns import UNHEARD, Turns
from bot.runtime.voice_input import VoiceInput
from bot.runtime.voice_presence import VoicePresence
from bot.tasks import rest
from bot.transcript.publisher import TranscriptPublisher

MOST_ATTEMPTS = 3
"""Runs that failed without becoming live, after which a session is given up. Those that lost their lease or gave it up are none."""

MOST_DEATHS = SUSPECT_AFTER + 1
"""In a row: what kills the process that runs it would kill all of them, one after another. The last died of no other session."""

CREATE_PATIENCE = 2.5
"""Seconds that a run waits for the answer to a `create` when the service stops: if it comes later, the next start closes what it made."""


HEARD_OUT_WITHIN = 3.0
"""Seconds that a turn in flight may still take before its session is handed over."""


class SessionRunner:
    """Runs one session under one lease. `held_since` says whether that certainly held all the time since a moment. A session that is
    `stuck` is ended at once.
    """

    def __init__(self, services: Services, lease: Lease, held_since: Callable[[float], bool], *, stuck: bool) -> None:
        self._services = services
        self.lease = lease
        self._held_since = held_since
        self._stuck = stuck
        self._context: SessionContext | None = None
        self._early: Ending | None = None

    @property
    def channel(self) -> ConversationRef | None:
        """Where it is hosted, once that was read."""
        return self._context.session.place.channel if self._context else None

    @property
    def workspace(self) -> tuple[str, str]:
        """Platform and workspace of where it is hosted, once that was read."""
        place = self._context.session.place if self._context else None
        return (place.platform, place.workspace_id) if place else ("", "")

    @property
    def on_probation(self) -> bool:
        """Whether this process may die of it yet, as others may have; which is not known before its row was read. Closing it takes long
        where the provider does not answer.
        """
        if self._context is None:
            return True
        session = self._context.session
        return session.deaths > 0 and session.status is not SessionStatus.STOPPING

    @property
    def quiet(self) -> bool:
        """Whether it is live, nobody watches or listens, and nothing is said or waits to be."""
        context = self._context
        if context is None or context.session.status is not SessionStatus.LIVE or context.ending.done():
            return False
        return not (context.attended or context.turn_lock.locked() or context.waiting)

    def hand_over(self, row: InboxRecord) -> None:
        """It was accepted for the session. Before the run has read its session there is nobody to take it: it is read then."""
        if self._context:
            self._context.take_in(row)

    def look_for(self, row_id: str) -> None:
        """It waits: where nobody handed it over, what waits is read again."""
        context = self._context
        if context and not (context.turns.knows(row_id) or context.controls.knows(row_id)):
            context.look_again()

    def look_again(self) -> None:
        """What waits may have changed."""
        if self._context:
            self._context.look_again()

    def end(self, ending: Ending) -> None:
        """Ask the run to end, whatever it does."""
        self._early = self._early or ending
        if self._context:
            self._context.end(ending)

    async def run(self) -> None:
        """Until the session has ended, sleeps, or belongs to another. Raises only what is a fault of ours."""
        storage = self._services.storage
        session = await storage.sessions.get(self.lease.session_id)
        if session is None:
            return
        settings = await storage.channels.settings(session.place)
        if platform := self._services.platforms.get(session.place.platform):
            await self._services.limiters.recall(session.place, platform.pace)
        ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        media = self._services.events.media.of(session.id)
        self._context = context = SessionContext(
            self._services, self.lease, session, settings, self._held_since, ending, media
        )
        try:
            async with asyncio.TaskGroup() as group:
                await _LiveSession(context, group, self._early).give(stuck=self._stuck)
        except* LeaseLost:
            context.log.warning("another process hosts this session now")


class _LiveSession:
    """The tasks of a run, put together and taken apart."""

    def __init__(self, context: SessionContext, group: asyncio.TaskGroup, early: Ending | None) -> None:
        self._context = context
        self._group = group
        if early:
            context.end(early)
        self._publisher = TranscriptPublisher(context)
        llm_replies = LlmReplies(context) if context.services.model else None
        self._turns = Turns(context, self._publisher, llm_replies)
        self._media_subscription = MediaSubscription(context)
        self._voice_input = VoiceInput(context, self._turns)
        # The publisher last: the others find out whose an utterance is and to which turn it belongs, and it asks.
        listeners = (self._voice_input, self._turns, self._media_subscription, self._publisher)
        self._provider_sessions = ProviderSessions(context, group, listeners)
        self._cards = StatusCard(context)
        self._voice = VoicePresence(context)
        self._closing = Closing(context, self._provider_sessions, self._publisher, self._cards)
        self._tasks: list[asyncio.Task[None]] = []

    async def give(self, *, stuck: bool) -> None:
        try:
            writing = self._start(self._publisher.run, "transcript")
            given_up = stuck or self._kills()
            ending = self._context.session.end_reason or EndReason.ERROR if given_up else await self._play()
            await self._finish(ending, writing)
        except ThrownOut:
            await self._provider_sessions.leave()
            await self._closing.leave_to_the_next(EndReason.THROWN_OUT)
        finally:
            await self._stop_tasks()
            await self._provider_sessions.leave()
            self._context.services.events.forget(self._context.session.id)
            self._context.services.turn_times.leave(self._context.session.id)

    # ------------------------------------------------------------ playing

    def _kills(self) -> bool:
        session = self._context.session
        kills = session.deaths >= MOST_DEATHS and session.status is not SessionStatus.STOPPING
        if kills:
            self._context.log.error("ended: one process after another died while it ran this", deaths=session.deaths)
        return kills

    async def _play(self) -> Ending:
        """Join an avatar, make it active, and wait for the reason to end."""
        context = self._context
        if context.session.status is SessionStatus.STOPPING:
            await self._take_over()
            return context.session.end_reason or EndReason.ERROR
        try:
            await self._take_over()
            if context.session.attempts >= MOST_ATTEMPTS:
                return EndReason.ERROR
            if await self._nobody_is_left():
                raise NobodyIsLeft  # noqa: TRY301 - as where that shows later
            setting_up = asyncio.create_task(self._set_up(), name="set-up")
            try:
                await asyncio.wait((setting_up, context.ending), return_when=asyncio.FIRST_COMPLETED)
            finally:
                setting_up.cancel()
                await asyncio.wait((setting_up,), timeout=CREATE_PATIENCE if context.hurried else None)
            if setting_up.done() and not setting_up.cancelled():
                setting_up.result()
            return await context.ending
        except NobodyIsLeft:
            return Asleep()
        except (NotOffered, ProviderError, RoomError, NoAvatar, BudgetSpent, PlaceGone) as error:
            return await self._give_up(error)
        except PlatformError as error:
            if context.session.card is not None or context.session.attempts + 1 < MOST_ATTEMPTS:
                raise
            return await self._give_up(error)

    async def _nobody_is_left(self) -> bool:
        """It was live, and nobody ran it until its room was over and its people were gone: no other room is bought for that."""
        return self._context.is_forsaken and await self._provider_sessions.are_over()

    async def _set_up(self) -> None:
        context = self._context
        was_live, began = context.was_live, asyncio.get_running_loop().time()
        if context.session.card is None:
            await self._announce()
        self._start(Controls(context, self._turns, self._voice).run, "controls")
        self._start(self._cards.run, "cards")
        self._start(self._media_subscription.run, "media")
        self._start(self._voice.run, "voice")
        await self._provider_sessions.begin()
        await context.become(SessionStatus.LIVE, "")
        if was_live:
            context.services.metrics.takeover.observe(asyncio.get_running_loop().time() - began)
        await self._welcome()
        self._start(self._turns.run, "turns")
        self._start(self._voice_input.run, "voices")
        self._start(self._provider_sessions.run, "provider")
        self._start(LifecycleTimer(context, self._provider_sessions).run, "lifecycle")

    async def _announce(self) -> None:
        """Names become ids, then the card is posted, so that we know that we can post before anything is paid."""
        context = self._context
        asked = within(context.session.spec, context.services.policy.offer)
        spec = await resolved(asked, await context.services.accounts.catalog(context.session.place))
        await context.respecify(spec)
        since = context.session.created_at if context.lease.epoch > 1 else None
        opened = await context.platform.post_card(context.session.place, self._cards.card(), since=since)
        context.encounters.told({context.session.starter_id})
        await context.open_thread(opened)

    async def _welcome(self) -> None:
        """Whoever typed `start` hears that it worked, and the avatar greets."""
        context = self._context
        day = await day_of_payer(context)
        sentence = f"{context.session.spec.avatar_name} is live. {day.at_start(context.session.spec.minutes)}"
        greets = await greeting(context)
        async with context.fenced() as run:
            settled = run.settle(partial(_welcomed, sentence, greets))
        if settled.value.conclusions:
            took = context.services.clock.now() - context.session.created_at
            context.services.metrics.start_to_live.observe(took.total_seconds())
        context.services.replies_due.set()

    async def _take_over(self) -> None:
        """What an earlier run had begun: turns that may not have been heard, posts that are not complete."""
        context = self._context
        if context.session.card is not None:
            await self._publisher.resume()
        async with context.fenced() as run:
            run.settle(_unheard)
        context.services.replies_due.set()

    async def _give_up(self, error: AvatarbotError) -> Ending:
        """It could not be started or mended: tell whoever started it why."""
        context = self._context
        context.log.warning("given up", reason=error.detail)
        if isinstance(error, ProviderError):
            error.sentence = await context.services.accounts.explained(context.session.place, error)
        await self._refuse_start(error)
        match error:
            case NotOffered():
                return EndReason.REFUSED
            case PlaceGone():
                return EndReason.PLACE_GONE
            case NoAvatar():
                return EndReason.NO_AVATAR
            case BudgetSpent():
                return error.ending
            case PlatformError():
                return EndReason.ERROR
            case _:
                return EndReason.PROVIDER

    async def _refuse_start(self, error: AvatarbotError) -> None:
        context = self._context
        async with context.fenced() as run:
            run.settle(partial(_refused, error))
        context.services.replies_due.set()

    # ------------------------------------------------------------ ending

    async def _finish(self, ending: Ending, writing: asyncio.Task[None]) -> None:
        if ending == HandedOver(hears_out=True):
            await self._turns.hear_out(HEARD_OUT_WITHIN)
        await self._stop_tasks(writing)
        await self._turns.conclude()
        match ending:
            case HandedOver():
                await self._provider_sessions.leave()
            case Asleep():
                await self._closing.fall_asleep(writing)
            case EndReason():
                await self._closing.end(ending, writing)

    # ------------------------------------------------------------ tasks

    def _start(self, work: Callable[[], Awaitable[None]], name: str) -> asyncio.Task[None]:
        task = self._group.create_task(self._watched(work), name=name)
        self._tasks.append(task)
        return task

    async def _watched(self, work: Callable[[], Awaitable[None]]) -> None:
        """What a task fails with is the run's reason to end."""
        try:
            await work()
        except PlaceGone:
            self._context.end(EndReason.PLACE_GONE)
        except Exception as error:  # noqa: BLE001 - it is raised again by whoever awaits the ending
            self._context.fail(error)

    async def _stop_tasks(self, but: asyncio.Task[None] | None = None) -> None:
        for task in self._tasks:
            if task is not but:
                task.cancel()
        await asyncio.gather(*(task for task in self._tasks if task is not but), return_exceptions=True)


def _welcomed(sentence: str, greets: NewRow | None, unfinished: Sequence[UnfinishedRow]) -> Settlement:
    """Only a session that begins greets: not one that was renewed, woken or taken over."""
    started = [Conclusion(row.id, InboxOutcome.DONE, sentence) for row in unfinished if row.verb == "start"]
    return Settlement(started, [greets] if started and greets else [])


def _refused(error: AvatarbotError, unfinished: Sequence[UnfinishedRow]) -> Settlement:
    """Whoever started it hears why it could not be."""
    started = [row for row in unfinished if row.verb == "start"]
    names = suggested_by(error)
    return Settlement([Conclusion(row.id, InboxOutcome.REFUSED, error.sentence, names) for row in started])


def _unheard(unfinished: Sequence[UnfinishedRow]) -> Settlement:
    """Of what an earlier run was speaking nobody knows how much was heard."""
    claimed = [row for row in unfinished if row.state is InboxState.CLAIMED]
    return Settlement([Conclusion(row.id, InboxOutcome.UNHEARD, UNHEARD) for row in claimed])


async def greeting(context: SessionContext) -> NewRow | None:
    """The turn that greets. None where nothing is to be said, or where it is not known whether the provider greets."""
    line = context.settings.greeting
    if not line or await _greets_by_itself(context):
        return None
    inbound = Inbound(f"greeting-{context.session.id}", 0, context.session.talk, NOBODY, MessagePosted(line))
    return NewRow(new_id(), context.session.id, inbound, SAY, {"text": line}, None, Role.MEMBER)


async def _greets_by_itself(context: SessionContext) -> bool:
    knowledge_id = context.session.spec.knowledge_id
    if knowledge_id is None:
        return False
    try:
        catalog = await context.services.accounts.catalog(context.session.place)
        offered = await catalog.knowledge()
    except ProviderError as error:
        context.log.info("not known whether the avatar greets by itself", reason=error.detail)
        return True
    return any(base.prologue for base in offered if base.id == knowledge_id)


# ---------------------------------------------------------------- video and audio


class MediaSubscription:
    """`run` subscribes and unsubscribes as viewers come and go, until cancelled."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._on: Avatar | None = None  # the one that was told to send
        self._throttle = KeyframeThrottle()

    async def run(self) -> None:
        """Until cancelled. A picture that cannot be had ends nothing."""
        media, seconds = self._context.media, None
        while True:
            await rest(media.changed, seconds)
            media.changed.clear()
            seconds = None
            with contextlib.suppress(RoomError):  # the connection is lost, and whoever restores it sets `changed` again
                seconds = await self._follow()

    async def _follow(self) -> float | None:
        """Do what is due; the seconds after which a key frame is asked for that must wait."""
        media, avatar = self._context.media, self._context.avatar
        wanted = avatar if media.watched else None
        if wanted is not self._on:
            await self._change_to(wanted)
        if wanted is None or not media.wants_key_frame:
            return None
        if wait := self._throttle.take(asyncio.get_running_loop().time()):
            return wait
        media.take_keyframe_request()
        await wanted.request_key_frame()
        return None

    async def _change_to(self, wanted: Avatar | None) -> None:
        before, self._on = self._on, wanted
        if wanted:
            self._context.media.discontinuity()
            await wanted.watch(True)
        elif before and before is self._context.avatar:
            await before.watch(False)

    def hear(self, provider_row: str, event: AvatarEvent) -> None:
        """Pass on what the active avatar sends. One that was replaced goes on sending for a moment, which is dropped."""
        if provider_row != self._context.provider_row:
            return
        match event:
            case VideoFrame() | AudioFrame():
                self._context.media.show(event)
            case AvatarArrived() | LinkUp():
                self._context.media.discontinuity()
            case _:
                pass
