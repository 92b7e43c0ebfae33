"""How a session ends or falls asleep: closed at the provider, everything posted, everybody told, and in this order."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from bot.domain.errors import AvatarbotError, ProviderError
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage.records import (
    LEFT,
    PLACE_GONE,
    SAY,
    Conclusion,
    InboxOutcome,
    InboxState,
    SessionRecord,
    UnfinishedRow,
    departure,
)
from bot.ports.storage.transactions import Settlement
from bot.runtime.context import SessionContext
from bot.runtime.provider_sessions import ProviderSessions
from bot.runtime.status_card import ENDINGS, StatusCard
from bot.runtime.turns import UNHEARD
from bot.transcript.publisher import TranscriptPublisher

CLOSE_AGAIN_FIRST, CLOSE_AGAIN_MOST = 1.0, 30.0
"""Seconds between two tries to close what the provider did not close."""

LAST_CARD = 2.0
"""Seconds that a session's end waits for its card."""

GOODBYE = "The session ended before that was spoken. Start the avatar again and say it once more."


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """How long an end may take, in seconds. When the service stops, `close` and the last posts share what a run has of its 10 s."""

    close: float | None
    posts: float
    card: float


HURRIED = TimeLeft(close=3.0, posts=1.7, card=0.8)


class Closing:
    """Ends the run of a session."""

    def __init__(
        self,
        context: SessionContext,
        provider_sessions: ProviderSessions,
        publisher: TranscriptPublisher,
        cards: StatusCard,
    ) -> None:
        self._context = context
        self._provider_sessions = provider_sessions
        self._publisher = publisher
        self._cards = cards

    # ------------------------------------------------------------ for good

    async def end(self, reason: EndReason, writing: asyncio.Task[None]) -> None:
        """First the fenced step to *stopping*, only then anything at the provider, last the end. Raises `LeaseLost`.

        With `SHUTDOWN` it takes 5.5 s at most: what is not closed by then is closed by the next start, which posts the rest too.
        """
        context, time = self._context, self._time(reason)
        await context.become(SessionStatus.STOPPING, "", reason)
        await self._provider_sessions.leave()
        await self._close_all(time.close)
        if not await self._write_out(writing, time.posts) and reason is EndReason.SHUTDOWN:
            return
        context.show_as_over(await context.services.storage.sessions.past(context.session.id))
        await self._show_card(time.card)
        await self._ended(reason)
        context.show("")

    async def leave_to_the_next(self, reason: EndReason) -> None:
        """Hands off the provider; whoever claims the session next closes it. Raises `LeaseLost`."""
        await self._stopping(reason)

    async def _stopping(self, reason: EndReason) -> None:
        """In the database only: people see nothing of it."""
        async with self._context.fenced() as run:
            run.become(SessionStatus.STOPPING, reason)

    def _time(self, reason: EndReason) -> TimeLeft:
        farewell = self._context.services.timeouts.farewell.total_seconds()
        return HURRIED if reason is EndReason.SHUTDOWN else TimeLeft(None, farewell, LAST_CARD)

    async def _ended(self, reason: EndReason) -> None:
        """The end, and in the same transaction an outcome for everything that still waits."""
        context = self._context
        async with context.fenced() as run:
            run.end(reason)
            run.settle(partial(_last_words, context.session, reason, context.note))
        context.services.replies_due.set()

    # ------------------------------------------------------------ for now

    async def fall_asleep(self, writing: asyncio.Task[None]) -> None:
        """Closed at the provider to save money; the card stays, and a message wakes it. Raises `LeaseLost`."""
        time = self._time(EndReason.IDLE)
        await self._provider_sessions.leave()
        await self._stopping(EndReason.IDLE)
        await self._close_all(time.close)
        await self._write_out(writing, time.posts)
        await self._context.rest()
        await self._show_card(time.card)

    # ------------------------------------------------------------ closing at the provider

    async def _close_all(self, within: float | None) -> None:
        """Until the provider has closed everything, or it has ended by itself; or for so many seconds, and the reaper goes on."""
        pause = CLOSE_AGAIN_FIRST
        try:
            async with asyncio.timeout(within):
                while not await self._closed():
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, CLOSE_AGAIN_MOST)
        except TimeoutError:
            self._context.log.warning("not closed in time: the next start closes it")

    async def _closed(self) -> bool:
        try:
            await self._provider_sessions.close_all()
        except ProviderError as error:
            self._context.log.warning("could not close", reason=error.detail)
            await self._say_unclosed()
            return False
        return True

    async def _say_unclosed(self) -> None:
        """The card says that it may still run, and so hears whoever asked for its end."""
        context, now = self._context, self._context.services.clock.now()
        until = await self._provider_sessions.unclosed_until()
        sentence = _unclosed(context.session.spec.avatar_name, context.services.provider.name, until, now)

        async with context.fenced() as run:
            run.settle(partial(_not_confirmed, sentence))
        context.services.replies_due.set()
        context.show(sentence)
        await self._show_card(LAST_CARD)

    # ------------------------------------------------------------ what is left to show

    async def _write_out(self, writing: asyncio.Task[None], within: float) -> bool:
        """Let the last posts go out. Whether all of them did."""
        await self._publisher.close()
        try:
            async with asyncio.timeout(within):
                await writing
        except TimeoutError:
            return False
        return True

    async def _show_card(self, within: float) -> None:
        """If the platform lets us: the card is the last and the least."""
        with contextlib.suppress(AvatarbotError, TimeoutError):
            async with asyncio.timeout(within):
                await self._cards.show()


def _unclosed(name: str, provider: str, until: datetime | None, now: datetime) -> str:
    minutes = max(1, round((until - now) / timedelta(minutes=1))) if until and until > now else 0
    last = f" At the latest it ends by itself in {minutes} min." if minutes else ""
    return f"{name} has left, but {provider} has not confirmed the end. It is asked again until it does.{last}"


def _not_confirmed(sentence: str, unfinished: Sequence[UnfinishedRow]) -> Settlement:
    asked = [row for row in unfinished if row.verb == "stop"]
    return Settlement([Conclusion(row.id, InboxOutcome.NOT_CONFIRMED, sentence) for row in asked])


def _last_words(
    session: SessionRecord, reason: EndReason, note: str, unfinished: Sequence[UnfinishedRow]
) -> Settlement:
    """An outcome for everything without one; of a place that is gone somebody is told, though no platform said so."""
    left, gone = list(unfinished), []
    if reason is EndReason.PLACE_GONE and session.card and not any(row.verb == PLACE_GONE for row in left):
        gone = [departure(session)]
        left += [UnfinishedRow(row.id, row.verb, InboxState.WAITING) for row in gone]
    return Settlement([_last_word(row, reason, note) for row in left], gone)


def _last_word(row: UnfinishedRow, reason: EndReason, note: str) -> Conclusion:
    """What the author of something unfinished hears when the session ends."""
    if row.verb == SAY and row.state is InboxState.CLAIMED:
        return Conclusion(row.id, InboxOutcome.UNHEARD, UNHEARD)
    if row.verb == SAY:
        return Conclusion(row.id, InboxOutcome.HANDED_BACK, GOODBYE)
    if row.verb == PLACE_GONE:
        return Conclusion(row.id, InboxOutcome.LEFT, LEFT)
    if row.verb == "start":
        return Conclusion(row.id, InboxOutcome.REFUSED, note or ENDINGS[reason])
    return Conclusion(row.id, InboxOutcome.DONE, "Stopped." if row.verb == "stop" else "The session has ended.")
