"""How a session ends or falls asleep: closed at the provider, everything posted, everybody told, and in this order."""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.domain.errors import AvatarbotError, ProviderError
from bot.domain.sessions import EndReason, SessionStatus
from bot.ingress.admission import LEAVE, LEFT, departure
from bot.runtime.context import SessionContext
from bot.runtime.past import past_of
from bot.runtime.provider_sessions import ProviderSessions
from bot.runtime.status_card import ENDINGS, StatusCard
from bot.runtime.turns import UNHEARD
from bot.storage import inbox, sessions
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
        await context.change(status=SessionStatus.STOPPING, end_reason=reason)
        context.session = replace(context.session, status=SessionStatus.STOPPING, end_reason=reason)
        context.show("")
        await self._provider_sessions.leave()
        await self._close_all(time.close)
        context.session = replace(context.session, status=SessionStatus.ENDED)
        if not await self._write_out(writing, time.posts) and reason is EndReason.SHUTDOWN:
            return
        context.past = await context.services.store.read(
            lambda c: past_of(c, context.session.id, context.services.clock.now())
        )
        await self._show_card(time.card)  # before the row says so too: after a crash nobody looks at what has ended
        await self._ended(reason)
        context.show("")

    async def leave_to_the_next(self, reason: EndReason) -> None:
        """Hands off the provider; whoever claims the session next closes it. Raises `LeaseLost`."""
        await self._context.change(status=SessionStatus.STOPPING, end_reason=reason)

    def _time(self, reason: EndReason) -> TimeLeft:
        farewell = self._context.services.timeouts.farewell.total_seconds()
        return HURRIED if reason is EndReason.SHUTDOWN else TimeLeft(None, farewell, LAST_CARD)

    async def _ended(self, reason: EndReason) -> None:
        """The end, and in the same transaction an outcome for everything that still waits."""
        context, now = self._context, self._context.services.clock.now()

        def work(connection: Connection) -> None:
            sessions.change(
                connection, context.lease, status=SessionStatus.ENDED, end_reason=reason, ended_at=now, reserved_s=0
            )
            left = self._all_left(connection, reason, now)
            for row_id, verb, state in left:
                outcome, sentence = _last_word(verb, state, reason, context.note)
                inbox.conclude(connection, [row_id], outcome, sentence, now)

        await context.write(work)
        context.services.replies_due.set()

    def _all_left(self, connection: Connection, reason: EndReason, now: datetime) -> list[tuple[str, str, str]]:
        """Everything without an outcome; of a place that is gone somebody is told, though no platform said so."""
        session, cipher = self._context.session, self._context.services.store.cipher
        left = inbox.unfinished(connection, session.id)
        if reason is not EndReason.PLACE_GONE or session.card is None or any(verb == LEAVE for _, verb, _ in left):
            return left
        inbox.add(connection, cipher, [departure(session)], now)
        return inbox.unfinished(connection, session.id)

    # ------------------------------------------------------------ for now

    async def fall_asleep(self, writing: asyncio.Task[None]) -> None:
        """Closed at the provider to save money; the card stays, and a message wakes it. Raises `LeaseLost`."""
        context, time = self._context, self._time(EndReason.IDLE)
        await self._provider_sessions.leave()
        await context.change(status=SessionStatus.STOPPING, end_reason=EndReason.IDLE)
        await self._close_all(time.close)
        await self._write_out(writing, time.posts)
        await self._rest_or_go_on()
        await self._show_card(time.card)

    async def _rest_or_go_on(self) -> None:
        """Sleep, unless somebody wrote meanwhile: then the next run wakes it at once."""
        context, now = self._context, self._context.services.clock.now()

        def work(connection: Connection) -> SessionStatus:
            waits = inbox.unfinished(connection, context.session.id)
            status = SessionStatus.STARTING if waits else SessionStatus.SLEEPING
            slept_at = None if waits else now
            values = {"status": status, "end_reason": "", "slept_at": slept_at, "reserved_s": 0, "attempts": 0}
            sessions.change(connection, context.lease, **values)
            return status

        status = await context.write(work)
        context.session = replace(context.session, status=status)
        context.show("")

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

        def work(connection: Connection) -> None:
            sessions.fence(connection, context.lease)
            asked = [row for row, verb, _ in inbox.unfinished(connection, context.session.id) if verb == "stop"]
            inbox.conclude(connection, asked, "not confirmed", sentence, now)

        await context.write(work)
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


def _last_word(verb: str, state: str, reason: EndReason, note: str) -> tuple[str, str]:
    """What the author of something unfinished hears when the session ends."""
    if verb == inbox.SAY:
        return ("unheard", UNHEARD) if state == inbox.CLAIMED else ("handed back", GOODBYE)
    if verb == LEAVE:
        return "left", LEFT
    if verb == "start":
        return "refused", note or ENDINGS[reason]
    return "done", "Stopped." if verb == "stop" else "The session has ended."
