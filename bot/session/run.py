"""The life of one session in this process, from its claim to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from sqlalchemy import Connection

from bot.errors import AvatarbotError, PlaceGone, PlatformError, ProviderError, SeatError
from bot.model import EndReason, Mode, SessionStatus
from bot.ports.avatar import AvatarEvent, Speaking, Utterance
from bot.session.admission import USES
from bot.session.answering import Answering
from bot.session.budget import BudgetSpent, day_of_payer
from bot.session.cards import Cards, card_of
from bot.session.channel import ChannelSettings
from bot.session.closing import Closing
from bot.session.controls import Controls
from bot.session.greeting import greeting
from bot.session.hosting import Hosting, NoAvatar
from bot.session.house import House
from bot.session.projector import Projector
from bot.session.specify import NotOffered, resolved
from bot.session.stage import Asleep, Ending, HandedOver, Stage, ThrownOut
from bot.session.timekeeper import Timekeeper
from bot.session.turns import UNHEARD, Turns
from bot.store import channels, inbox, sessions
from bot.store.records import Lease, SessionRecord
from bot.store.sessions import LeaseLost
from bot.transcript.scribe import Scribe

MOST_ATTEMPTS = 3
"""Claims without becoming live, after which a session is given up."""


CREATE_PATIENCE = 2.5
"""Seconds that a run waits for the answer to a `create` when the service stops: if it comes later, the next start closes what it made."""


class Run:
    """Runs one session under one lease."""

    def __init__(self, house: House, lease: Lease) -> None:
        self._house = house
        self._lease = lease
        self._stage: Stage | None = None
        self._early: Ending | None = None

    def ring(self, verb: str) -> None:
        """Something came in for the session."""
        if self._stage:
            if verb in USES:
                self._stage.active_at = self._house.clock.now()
            self._stage.bell_of(verb).set()

    def poll(self) -> None:
        """Something may be waiting."""
        if self._stage:
            self._stage.look()

    def end(self, ending: Ending) -> None:
        """Ask the run to end, whatever it does."""
        self._early = self._early or ending
        if self._stage:
            self._stage.end(ending)

    async def run(self) -> None:
        """Until the session has ended, sleeps, or belongs to another. Raises only what is a fault of ours."""
        session, settings = await self._read()
        if session is None:
            return
        ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        screen = self._house.feed.screens.of(session.id)
        self._stage = stage = Stage(self._house, self._lease, session, settings, ending, screen)
        try:
            async with asyncio.TaskGroup() as group:
                await _Performance(stage, group, self._early).give()
        except* LeaseLost:
            stage.log.warning("another process hosts this session now")

    async def _read(self) -> tuple[SessionRecord | None, ChannelSettings]:
        def work(connection: Connection) -> tuple[SessionRecord | None, ChannelSettings]:
            session = sessions.get(connection, self._house.store.cipher, self._lease.session_id)
            if session is None:
                return None, ChannelSettings()
            place = session.place.channel
            stored = channels.settings_of(connection, self._house.store.cipher, {place})
            return session, ChannelSettings.decode(stored.get(place))

        return await self._house.store.read(work)


class _Performance:
    """The tasks of a run, put together and taken apart."""

    def __init__(self, stage: Stage, group: asyncio.TaskGroup, early: Ending | None) -> None:
        self._stage = stage
        self._group = group
        if early:
            stage.end(early)
        self._scribe = Scribe(stage)
        answering = Answering(stage) if stage.house.model else None
        self._turns = Turns(stage, self._scribe, answering)
        self._hosting = Hosting(stage, group, self._observe)
        self._cards = Cards(stage)
        self._closing = Closing(stage, self._hosting, self._scribe, self._cards)
        self._projector = Projector(stage)
        self._tasks: list[asyncio.Task[None]] = []

    async def give(self) -> None:
        try:
            writing = self._start(self._scribe.run, "scribe")
            ending = await self._play()
            await self._finish(ending, writing)
        except ThrownOut:
            await self._hosting.leave()
            await self._closing.leave_to_the_next(EndReason.THROWN_OUT)
        finally:
            await self._stop_tasks()
            await self._hosting.leave()
            self._stage.house.feed.forget(self._stage.session.id)

    # ------------------------------------------------------------ playing

    async def _play(self) -> Ending:
        """Bring the avatar on stage and wait for the reason to end."""
        stage = self._stage
        if stage.session.status is SessionStatus.STOPPING:
            await self._take_over()
            return stage.session.end_reason or EndReason.ERROR
        try:
            await self._take_over()
            if stage.session.attempts > MOST_ATTEMPTS:
                return EndReason.ERROR
            setting_up = asyncio.create_task(self._set_up(), name="set-up")
            try:
                await asyncio.wait((setting_up, stage.ending), return_when=asyncio.FIRST_COMPLETED)
            finally:
                setting_up.cancel()
                await asyncio.wait((setting_up,), timeout=CREATE_PATIENCE if stage.hurried else None)
            if setting_up.done() and not setting_up.cancelled():
                setting_up.result()
            return await stage.ending
        except (NotOffered, ProviderError, SeatError, NoAvatar, BudgetSpent, PlaceGone) as error:
            return await self._give_up(error)
        except PlatformError as error:
            if stage.session.card is not None or stage.session.attempts < MOST_ATTEMPTS:
                raise
            return await self._give_up(error)

    async def _set_up(self) -> None:
        stage = self._stage
        if stage.session.card is None:
            await self._announce()
        self._start(Controls(stage, self._turns).run, "controls")
        self._start(self._cards.run, "cards")
        self._start(self._projector.run, "projector")
        await self._hosting.begin()
        await stage.become(SessionStatus.LIVE, "")
        await self._welcome()
        self._start(self._turns.run, "turns")
        self._start(self._hosting.run, "hosting")
        self._start(Timekeeper(stage, self._hosting).run, "timekeeper")

    async def _announce(self) -> None:
        """Names become ids, then the card is posted, so that we know that we can post before anything is paid."""
        stage = self._stage
        spec = await resolved(stage.session.spec, stage.house.offers.seen_from(stage.session.place))
        await stage.write(lambda c: sessions.respecify(c, stage.house.store.cipher, stage.lease, spec))
        stage.session = replace(stage.session, spec=spec)
        since = stage.session.created_at if stage.session.attempts > 1 else None
        opened = await stage.platform.open(stage.session.place, card_of(stage.session), since=since)
        await stage.write(lambda c: sessions.open_thread(c, stage.lease, opened))
        stage.session = replace(stage.session, card=opened.card, thread=opened.thread)
        stage.show()

    async def _welcome(self) -> None:
        """Whoever typed `start` hears that it worked, and the avatar greets."""
        day = await day_of_payer(self._stage)
        sentence = f"{self._stage.session.spec.avatar_name} is live. {day.at_start(self._stage.session.spec.minutes)}"
        stage, now, cipher = self._stage, self._stage.house.clock.now(), self._stage.house.store.cipher
        greets = await greeting(stage)

        def work(connection: Connection) -> None:
            started = self._unfinished(connection, "start")
            inbox.conclude(connection, started, inbox.GOOD_NEWS, sentence, now)
            if started and greets:  # only a session that begins: not one that was renewed, woken or taken over
                inbox.add(connection, cipher, [greets], now)

        await stage.write(work)
        stage.house.replies_due.set()

    def _unfinished(self, connection: Connection, verb: str) -> list[str]:
        """Rows of that verb without an outcome. Raises `LeaseLost`."""
        sessions.fence(connection, self._stage.lease)
        return [row for row, v, _ in inbox.unfinished(connection, self._stage.session.id) if v == verb]

    async def _take_over(self) -> None:
        """What an earlier run had in its hands: turns that may not have been heard, posts that are not complete."""
        stage, now = self._stage, self._stage.house.clock.now()
        if stage.session.card is not None:
            await self._scribe.resume()

        def work(connection: Connection) -> None:
            sessions.fence(connection, stage.lease)
            claimed = [
                row_id for row_id, _, state in inbox.unfinished(connection, stage.session.id) if state == inbox.CLAIMED
            ]
            inbox.conclude(connection, claimed, "unheard", UNHEARD, now)

        await stage.write(work)
        stage.house.replies_due.set()

    async def _give_up(self, error: AvatarbotError) -> Ending:
        """It could not be started or mended: tell whoever started it why."""
        stage = self._stage
        stage.log.warning("given up", reason=error.detail)
        await self._conclude("start", "refused", error.sentence)
        stage.note = error.sentence
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

    async def _conclude(self, verb: str, outcome: str, sentence: str) -> None:
        stage, now = self._stage, self._stage.house.clock.now()

        def work(connection: Connection) -> None:
            inbox.conclude(connection, self._unfinished(connection, verb), outcome, sentence, now)

        await stage.write(work)
        stage.house.replies_due.set()

    # ------------------------------------------------------------ what the avatar does

    def _observe(self, provider_row: str, event: AvatarEvent) -> None:
        self._turns.observe(event)
        self._projector.observe(provider_row, event)
        if isinstance(event, Utterance):
            self._scribe.take(provider_row, event, silent=self._is_silent(event))
        if isinstance(event, Speaking):
            self._stage.speaking = event.on
            self._stage.house.feed.publish(self._stage.session.id, self._stage.view())

    def _is_silent(self, utterance: Utterance) -> bool:
        """In retelling the channel already holds the words."""
        return self._stage.session.spec.mode is Mode.RETELLING and self._turns.is_turn(utterance.id)

    # ------------------------------------------------------------ ending

    async def _finish(self, ending: Ending, writing: asyncio.Task[None]) -> None:
        await self._stop_tasks(writing)
        match ending:
            case HandedOver():
                await self._hosting.leave()
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
            self._stage.end(EndReason.PLACE_GONE)
        except Exception as error:  # noqa: BLE001 - it is raised again by whoever awaits the ending
            self._stage.fail(error)

    async def _stop_tasks(self, but: asyncio.Task[None] | None = None) -> None:
        for task in self._tasks:
            if task is not but:
                task.cancel()
        await asyncio.gather(*(task for task in self._tasks if task is not but), return_exceptions=True)
