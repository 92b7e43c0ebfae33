"""What people say, given to the avatar one at a time: authors take turns, each with the lowest sequence of theirs."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta

from bot.delivery.rate_limiter import Priority
from bot.domain.errors import CommandRefused, PlatformError, ProviderError, RoomError
from bot.domain.posts import Addressee, Speaker
from bot.domain.sessions import Mode
from bot.media.events import Caption
from bot.ports.avatar import AvatarArrived, AvatarEvent, AvatarGone, AvatarLeft, FirstSent, Speaking, Utterance
from bot.ports.chat import TypingSigns
from bot.ports.storage.records import InboxOutcome, InboxRecord
from bot.ports.turn_traces import TurnMoment
from bot.ports.words import Source
from bot.runtime.context import SessionContext
from bot.runtime.llm_reply import LlmReplies, LlmReply
from bot.runtime.services import Cleared, Refusal
from bot.runtime.turn_order import SILENT_GRACE, RoundRobin, TurnInFlight
from bot.speech.speakable import as_spoken, clean_name, speakable, with_name
from bot.tasks import cancel_and_wait, rest
from bot.transcript.publisher import TranscriptPublisher

UNHEARD = "That may not have been heard. Please say it again if it matters."
TOLD = {
    InboxOutcome.UNHEARD: UNHEARD,
    InboxOutcome.DROPPED: "Somebody interrupted before that was heard. Please say it again if it matters.",
}
"""What the author hears of an outcome."""

THINKING_EVERY = 8.0
"""Seconds; a typing indicator lasts ten where it lasts shortest."""

EARLY = 200
"""Signs of an answer to what was said aloud that are kept until the words have come in as a message."""

SLOWEST_START = timedelta(minutes=5)
"""How long what waits may have waited for an avatar that was not there yet, before its own time begins."""


class Turns:
    """`run` gives the avatar one turn after the other, until cancelled."""

    def __init__(self, context: SessionContext, publisher: TranscriptPublisher, llm_replies: LlmReplies | None) -> None:
        self._context = context
        self._publisher = publisher
        self._llm_replies = llm_replies
        self._current: TurnInFlight | None = None
        self._attribution = context.attribution
        self._authors = RoundRobin()
        self._early: deque[Speaking | Utterance] = deque(maxlen=EARLY)
        self._began = context.services.clock.now()
        self._times = context.services.turn_times
        self._free_since = 0.0
        self._no_more = False
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Take turn after turn until cancelled. Raises `LeaseLost`."""
        context = self._context
        self._began = context.services.clock.now()
        while True:
            busy = not context.arrived.is_set() or context.turn_lock.locked()
            await context.arrived.wait()
            context.turns.wakeup.clear()
            async with context.turn_lock:  # never waiting in here for an avatar: whoever brings it back needs the lock
                self._free_since = _now() if busy else self._free_since
                seconds = await self._next() if context.arrived.is_set() else 0.0
            await rest(context.turns.wakeup, seconds)

    # ------------------------------------------------------------ what the avatar shows

    def hear(self, _provider_row: str, event: AvatarEvent) -> None:
        """An avatar event, as the turn in flight sees it: what is said to it counts for it, and nothing else does."""
        match event:
            case AvatarArrived():
                self._attribution.arrived(opens=self._context.session.spec.knowledge_id is not None)
            case AvatarGone() | AvatarLeft():
                self._gone()
            case FirstSent(turn_id):
                self._times.mark(turn_id, TurnMoment.FIRST_PACKET)
            case Speaking():
                self._attribute(event)
                self._context.show_speaking(event.on)
            case Utterance(speaker=Speaker.BOT):
                self._attribute(event)
            case _:
                pass

    def _gone(self) -> None:
        if self._context.speaking:
            self._context.show_speaking(False)
        if self._current:
            self._current.over = True
            self._current.moved.set()

    def _attribute(self, event: Speaking | Utterance) -> None:
        begins = not (isinstance(event, Speaking) and not event.on)
        is_answer = self._attribution.is_answer(event.id, begins=begins)
        turn = self._current
        if self._attribution.is_aloud(event.id) and not (turn and turn.row.heard):
            self._early.append(event)
        if turn:
            self._show(turn, event, answers=is_answer)

    def _show(self, turn: TurnInFlight, event: Speaking | Utterance, *, answers: bool) -> None:
        if answers:
            self._times.answered(turn.row.id, event)
            turn.follow(event, self._context.session.spec.voice.speed or 1.0)
        else:
            turn.wait_behind(event, self._context.services.timeouts.heard_within.total_seconds())
        turn.moved.set()

    def heard(self, by: Addressee) -> None:
        """Somebody said something aloud, and the avatar answers it by itself: perhaps before their words have come in as a message."""
        self._early.clear()
        self._attribution.heard(by)

    @property
    def in_flight(self) -> bool:
        """Whether something was given to the avatar that is not over yet."""
        return self._current is not None

    def is_of(self, message_id: str) -> bool:
        """Whether the turn in flight is that message of the session's channel."""
        message = self._current.row.message if self._current else None
        return message is not None and message.message_id == message_id

    def stop(self, outcome: InboxOutcome) -> None:
        """The turn in flight is over: somebody `interrupted` it, or its message was `withdrawn`."""
        self._context.media.interrupted()
        if self._current:
            self._current.over, self._current.stopped = True, outcome
            self._current.moved.set()

    async def interrupt(self) -> None:
        """Stop what the avatar says. Raises `CommandRefused`."""
        self.stop(InboxOutcome.INTERRUPTED)
        if avatar := self._context.avatar:
            await avatar.interrupt()

    # ------------------------------------------------------------ one turn

    async def _next(self) -> float | None:
        """Take the next waiting message. Returns how many seconds to wait next, None: until the wakeup.

        Seconds are left while it waits for earlier ones of its author.
        """
        context = self._context
        rows = await context.turns.all()
        aloud = next((row for row in rows if row.heard), None)
        if not rows or self._no_more or (aloud is None and not context.quiet.is_set()):
            self._count(len(rows))
            return None
        row, hold = aloud or self._authors.next(rows), 0.0 if aloud else context.platform.pace.hold
        arrived = min(each.created_at for each in rows if each.person_id == row.person_id)
        held = arrived + timedelta(seconds=hold)
        wait = (held - context.services.clock.now()).total_seconds()
        if 0 < wait <= hold:  # longer, and the clock was set back
            self._count(len(rows))
            return wait
        self._count(len(rows) - 1)
        self._idle.clear()
        try:
            await self._take(row)
        finally:
            self._idle.set()
        return 0.0 if len(rows) > 1 else None

    def _count(self, waiting: int) -> None:
        if waiting != self._context.waiting:
            self._context.show_waiting(waiting)

    async def _take(self, row: InboxRecord) -> None:
        context = self._context
        if stale := context.services.policy.too_old(self._speakable_since(row), context.services.clock.now()):
            await self._set_aside(row, InboxOutcome.STALE, stale.sentence)
            return
        text = self._words(row)
        if not text:
            await self._set_aside(row, InboxOutcome.EMPTY, "There was nothing in that for a voice to say.")
            return
        settings = context.settings
        cleared = await context.cleared(row.text, text, Source.PERSON)
        if isinstance(cleared, Refusal):
            await context.read_settings()
            if context.settings != settings:
                context.turns.doubt()
                return
            self._authors.served(row.person_id)  # it held up the others
            outcome = InboxOutcome.UNCHECKED if cleared.unchecked else InboxOutcome.MODERATED
            await self._set_aside(row, outcome, f"That was not spoken: {cleared.reason}.")
            if row.heard:
                await self._silence()
            return
        async with context.fenced() as run:
            claimed = run.claim_turn(row, context.provider_row, text, place=context.session.place, settings=settings)
        if not claimed.value:
            # withdrawn, edited, or the channel's settings have changed
            await context.read_settings()
            context.turns.doubt()
            return
        context.turns.over(row)
        self._authors.served(row.person_id)
        if not row.greets:
            self._show_words(row)
        await self._perform(row, cleared)

    async def _silence(self) -> None:
        """The avatar heard what it must not answer."""
        try:
            await self.interrupt()
        except CommandRefused as refused:
            self._context.log.warning("the avatar answers what was refused", reason=refused.detail)

    async def _set_aside(self, row: InboxRecord, outcome: InboxOutcome, sentence: str) -> None:
        """It is not spoken, unless it says something else by now."""
        rows = self._context.turns
        rows.doubt()
        if any((each.id, each.body) == (row.id, row.body) for each in await rows.all()):
            await self._finish(row, outcome, sentence)
            rows.over(row)

    def _show_words(self, row: InboxRecord) -> None:
        context, name, via = self._context, row.person_name, row.body.get("via", "")
        context.services.events.publish(context.session.id, Caption(row.id, Speaker.USER, row.text, True, name))
        if row.message is None:
            self._publisher.announce(row.id, f"{name}, from {via}" if via else name, row.text)

    def _speakable_since(self, row: InboxRecord) -> datetime:
        """Nobody could speak it before this run began: a hand-over or a start may take its time, but not any time."""
        return max(row.created_at, min(self._began, row.created_at + SLOWEST_START))

    @contextlib.asynccontextmanager
    async def _thinking(self, turn: TurnInFlight) -> AsyncIterator[None]:
        """Show that an answer is on its way until it comes. Where words are only repeated nothing is posted that would end that."""
        typing = self._context.platform.features.typing
        answers = self._context.session.spec.mode is Mode.DIALOGUE
        thinking = [asyncio.create_task(self._think(typing, turn), name="thinking")] if typing and answers else []
        try:
            yield
        finally:
            await cancel_and_wait(*thinking)

    async def _think(self, typing: TypingSigns, turn: TurnInFlight) -> None:
        while not turn.heard:
            with contextlib.suppress(PlatformError):
                await typing.start_typing(self._context.session.talk)
            await asyncio.sleep(THINKING_EVERY)

    def _words(self, row: InboxRecord) -> str:
        if row.greets:
            return as_spoken(row.text, self._context.session.spec.mode, own_model=bool(self._llm_replies))
        text = speakable(row.text)
        named = not row.heard and (
            self._context.settings.names and self._context.session.spec.mode is Mode.DIALOGUE and not self._llm_replies
        )
        return with_name(row.person_name, text) if text and named else text

    async def _perform(self, row: InboxRecord, text: Cleared) -> None:
        turn = self._current = TurnInFlight(row, _now())
        self._times.claimed(row, self._free_since)
        self._begin(turn)
        try:
            async with self._thinking(turn):
                outcome, told = await self._say(turn, text)
        except ProviderError as error:  # the team's own language model
            outcome, told = InboxOutcome.FAILED, error.sentence
        except RoomError:
            outcome, told = InboxOutcome.UNHEARD, UNHEARD
        await self._finish(row, outcome, told, self._attribution.mids)
        self._current, self._free_since = None, _now()
        self._times.over(row.id, outcome, posted=not self._context.is_repetition(row.id))
        if outcome is InboxOutcome.SPOKEN and row.message and self._context.session.spec.mode is Mode.RETELLING:
            await self._mark(row)

    def _begin(self, turn: TurnInFlight) -> None:
        row = turn.row
        asked_by = Addressee(clean_name(row.person_name), row.message)
        if not row.heard:
            self._attribution.begin(row.id, None if row.greets else asked_by)
            return
        self._attribution.begin_heard(row.id, asked_by)
        for event in self._early:
            self._show(turn, event, answers=True)
        self._early.clear()

    async def hear_out(self, within: float) -> None:
        """Begin no other turn, and wait for the end of the one in flight, for so many seconds at most."""
        self._no_more = True
        await rest(self._idle, within)

    async def conclude(self) -> None:
        """Once `run` was cancelled: what the avatar was in the middle of saying was heard. Raises `LeaseLost`."""
        if (turn := self._current) and turn.heard:
            spoken = InboxOutcome.SPOKEN if turn.over else InboxOutcome.INTERRUPTED
            await self._finish(turn.row, turn.stopped or spoken, "", self._attribution.mids)

    async def _say(self, turn: TurnInFlight, text: Cleared) -> tuple[InboxOutcome, str]:
        """Give it to the avatar, and hear it out: the outcome, and what the author is told."""
        answer = await self._speak(turn.row, text)
        self._attribution.sent()
        self._times.mark(turn.row.id, TurnMoment.LAST_PACKET)
        if answer is None or answer.refused is None:
            outcome = await self._hear_out(turn)
            return outcome, TOLD.get(outcome, "")
        if answer.so_far:
            await self._hear_out(turn)
        what = "The rest of the answer" if answer.so_far else "The answer"
        return InboxOutcome.ANSWER_MODERATED, f"{what} was not spoken: {answer.refused.reason}."

    async def _speak(self, row: InboxRecord, text: Cleared) -> LlmReply | None:
        """Give it to the avatar, or what the team's own model answers to it. What it heard aloud it has."""
        if row.heard:
            return None
        avatar = self._context.avatar
        assert avatar is not None
        if self._llm_replies is None or self._context.session.spec.mode is Mode.RETELLING or row.greets:
            await avatar.say(row.id, text)
            return None
        answer = self._llm_replies.answer(row, text)
        async with contextlib.aclosing(answer.sentences()) as sentences:  # an interrupt cancels the request too
            await avatar.say(row.id, sentences)
        return answer

    async def _hear_out(self, turn: TurnInFlight) -> InboxOutcome:
        """Wait until the avatar heard it, then until it has said what it has to say, or is gone."""
        now = _now()
        within = self._context.services.timeouts.heard_within.total_seconds()
        turn.ends_by = max(turn.ends_by, now + (SILENT_GRACE if turn.heard else within))
        with contextlib.suppress(TimeoutError):
            while not turn.over:
                turn.moved.clear()
                async with asyncio.timeout_at(min(turn.ends_by, turn.settled_at)):
                    await turn.moved.wait()
        turn.over = True  # also where nothing said so
        if turn.heard:
            return turn.stopped or InboxOutcome.SPOKEN
        dropped = turn.stopped is InboxOutcome.INTERRUPTED
        return InboxOutcome.DROPPED if dropped else turn.stopped or InboxOutcome.UNHEARD

    async def _finish(
        self, row: InboxRecord, outcome: InboxOutcome, sentence: str, said_under: Collection[str] = ()
    ) -> None:
        """Its outcome is written with what was said to it, or a crash in between leaves something spoken without a transcript."""
        context = self._context
        told = sentence or ("Spoken." if row.reply_to and row.reply_to.handle and row.message is None else "")
        awaited = told or context.waiting or outcome is not InboxOutcome.SPOKEN
        await self._publisher.keep(said_under, lambda run: run.finish(row.id, outcome, told), unhurried=not awaited)
        context.services.metrics.turns.labels(outcome).inc()
        if told:
            context.services.replies_due.set()

    async def _mark(self, row: InboxRecord) -> None:
        """A reaction instead of a repetition; a missing one is no reason to stop."""
        marks = self._context.platform.features.marks
        if marks is None or row.message is None:
            return
        await self._context.limiter.turn(Priority.PREVIEW)
        try:
            await marks.mark_spoken(row.message)
        except PlatformError as error:
            self._context.log.info("a spoken message is not marked", reason=error.detail)


def _now() -> float:
    return asyncio.get_running_loop().time()
