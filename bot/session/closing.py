"""How a session ends or falls asleep: closed at the provider, everything posted, everybody told, and in this order."""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.errors import AvatarbotError, ProviderError
from bot.model import EndReason, SessionStatus
from bot.session.cards import ENDINGS, Cards
from bot.session.departure import LEAVE, LEFT, departure
from bot.session.hosting import Hosting
from bot.session.past import past_of
from bot.session.stage import Stage
from bot.session.turns import UNHEARD
from bot.store import inbox, sessions
from bot.transcript.scribe import Scribe

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

    def __init__(self, stage: Stage, hosting: Hosting, scribe: Scribe, cards: Cards) -> None:
        self._stage = stage
        self._hosting = hosting
        self._scribe = scribe
        self._cards = cards

    # ------------------------------------------------------------ for good

    async def end(self, reason: EndReason, writing: asyncio.Task[None]) -> None:
        """First the fenced step to *stopping*, only then anything at the provider, last the end. Raises `LeaseLost`.

        With `SHUTDOWN` it takes 5.5 s at most: what is not closed by then is closed by the next start, which posts the rest too.
        """
        stage, time = self._stage, self._time(reason)
        await stage.change(status=SessionStatus.STOPPING, end_reason=reason)
        stage.session = replace(stage.session, status=SessionStatus.STOPPING, end_reason=reason)
        stage.show("")
        await self._hosting.leave()
        await self._close_all(time.close)
        stage.session = replace(stage.session, status=SessionStatus.ENDED)
        if not await self._write_out(writing, time.posts) and reason is EndReason.SHUTDOWN:
            return
        stage.past = await stage.house.store.read(lambda c: past_of(c, stage.session.id, stage.house.clock.now()))
        await self._show_card(time.card)  # before the row says so too: after a crash nobody looks at what has ended
        await self._ended(reason)
        stage.show("")

    async def leave_to_the_next(self, reason: EndReason) -> None:
        """Hands off the provider; whoever claims the session next closes it. Raises `LeaseLost`."""
        await self._stage.change(status=SessionStatus.STOPPING, end_reason=reason)

    def _time(self, reason: EndReason) -> TimeLeft:
        farewell = self._stage.house.habits.farewell.total_seconds()
        return HURRIED if reason is EndReason.SHUTDOWN else TimeLeft(None, farewell, LAST_CARD)

    async def _ended(self, reason: EndReason) -> None:
        """The end, and in the same transaction an outcome for everything that still waits."""
        stage, now = self._stage, self._stage.house.clock.now()

        def work(connection: Connection) -> None:
            sessions.change(
                connection, stage.lease, status=SessionStatus.ENDED, end_reason=reason, ended_at=now, reserved_s=0
            )
            left = self._all_left(connection, reason, now)
            for row_id, verb, state in left:
                outcome, sentence = _last_word(verb, state, reason, stage.note)
                inbox.conclude(connection, [row_id], outcome, sentence, now)

        await stage.write(work)
        stage.house.replies_due.set()

    def _all_left(self, connection: Connection, reason: EndReason, now: datetime) -> list[tuple[str, str, str]]:
        """Everything without an outcome; of a place that is gone somebody is told, though no platform said so."""
        session, cipher = self._stage.session, self._stage.house.store.cipher
        left = inbox.unfinished(connection, session.id)
        if reason is not EndReason.PLACE_GONE or session.card is None or any(verb == LEAVE for _, verb, _ in left):
            return left
        inbox.add(connection, cipher, [departure(session)], now)
        return inbox.unfinished(connection, session.id)

    # ------------------------------------------------------------ for now

    async def fall_asleep(self, writing: asyncio.Task[None]) -> None:
        """Closed at the provider to save money; the card stays, and a message wakes it. Raises `LeaseLost`."""
        stage, time = self._stage, self._time(EndReason.IDLE)
        await self._hosting.leave()
        await stage.change(status=SessionStatus.STOPPING, end_reason=EndReason.IDLE)
        await self._close_all(time.close)
        await self._write_out(writing, time.posts)
        await self._rest_or_go_on()
        await self._show_card(time.card)

    async def _rest_or_go_on(self) -> None:
        """Sleep, unless somebody wrote meanwhile: then the next run wakes it at once."""
        stage, now = self._stage, self._stage.house.clock.now()

        def work(connection: Connection) -> SessionStatus:
            waits = inbox.unfinished(connection, stage.session.id)
            status = SessionStatus.STARTING if waits else SessionStatus.SLEEPING
            slept_at = None if waits else now
            values = {"status": status, "end_reason": "", "slept_at": slept_at, "reserved_s": 0, "attempts": 0}
            sessions.change(connection, stage.lease, **values)
            return status

        status = await stage.write(work)
        stage.session = replace(stage.session, status=status)
        stage.ends_at = None
        stage.show("")

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
            self._stage.log.warning("not closed in time: the next start closes it")

    async def _closed(self) -> bool:
        try:
            await self._hosting.close_all()
        except ProviderError as error:
            self._stage.log.warning("could not close", reason=error.detail)
            await self._say_unclosed()
            return False
        return True

    async def _say_unclosed(self) -> None:
        """The card says that it may still run, and so hears whoever asked for its end."""
        stage, now = self._stage, self._stage.house.clock.now()
        sentence = _unclosed(stage.session.spec.avatar_name, await self._hosting.unclosed_until(), now)

        def work(connection: Connection) -> None:
            sessions.fence(connection, stage.lease)
            asked = [row for row, verb, _ in inbox.unfinished(connection, stage.session.id) if verb == "stop"]
            inbox.conclude(connection, asked, "not confirmed", sentence, now)

        await stage.write(work)
        stage.house.replies_due.set()
        stage.show(sentence)
        await self._show_card(LAST_CARD)

    # ------------------------------------------------------------ what is left to show

    async def _write_out(self, writing: asyncio.Task[None], within: float) -> bool:
        """Let the last posts go out. Whether all of them did."""
        await self._scribe.close()
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


def _unclosed(name: str, until: datetime | None, now: datetime) -> str:
    minutes = max(1, round((until - now) / timedelta(minutes=1))) if until and until > now else 0
    last = f" At the latest it ends by itself in {minutes} min." if minutes else ""
    return f"{name} has left, but AKOOL has not confirmed the end. It is asked again until it does.{last}"


def _last_word(verb: str, state: str, reason: EndReason, note: str) -> tuple[str, str]:
    """What the author of something unfinished hears when the session ends."""
    if verb == inbox.SAY:
        return ("unheard", UNHEARD) if state == inbox.CLAIMED else ("handed back", GOODBYE)
    if verb == LEAVE:
        return "left", LEFT
    if verb == "start":
        return "refused", note or ENDINGS[reason]
    return "done", "Stopped." if verb == "stop" else "The session has ended."
