"""When things happen to the turns of this process: measured here and nowhere else, for `/metrics`, for traces, and for `status`."""

import asyncio
import statistics
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from bot.clock import Clock
from bot.ports.avatar import Speaking, Utterance
from bot.ports.storage.records import InboxOutcome, InboxRecord
from bot.ports.turn_traces import TurnMoment, TurnObserver, TurnTrace
from bot.telemetry import Metrics

FOLLOWED = 1_000
"""Turns that are followed at once; of more the eldest is taken to be over."""

ANSWERS = 20
"""Answers of a session of which `status` tells the median."""


@dataclass(frozen=True, slots=True)
class AnswerTime:
    """Seconds from a message, or from the end of what it waited for, until the avatar's voice began, and until it was sent."""

    total: float
    ours: float


@dataclass(slots=True)
class _FollowedTurn:
    session_id: str
    platform: str
    free_since: float  # when nothing was before it any more
    moments: dict[TurnMoment, float]
    outcome: InboxOutcome = InboxOutcome.NONE

    def between(self, earlier: TurnMoment, later: TurnMoment) -> float | None:
        """Seconds, or None where one of them did not happen."""
        if earlier not in self.moments or later not in self.moments:
            return None
        return self.moments[later] - self.moments[earlier]

    def after_said(self, moment: TurnMoment) -> float | None:
        """Seconds from when it was said; where the avatar was busy or away then, from when it was free."""
        if moment not in self.moments:
            return None
        return self.moments[moment] - max(self.moments[TurnMoment.RECEIVED], self.free_since)


@dataclass(slots=True)
class TurnTimes:
    """Times are the loop's. What is told of a turn that is not followed, or not any more, is left out."""

    metrics: Metrics
    clock: Clock
    observers: Sequence[TurnObserver] = ()
    _accepted: dict[str, tuple[float, float]] = field(default_factory=dict)
    _turns: dict[str, _FollowedTurn] = field(default_factory=dict)
    _answers: defaultdict[str, deque[AnswerTime]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=ANSWERS))
    )

    def accepted(self, row_id: str, received: float) -> None:
        """It is committed; it came in at `received`."""
        self._accepted[row_id] = received, _now()
        if len(self._accepted) > FOLLOWED:
            del self._accepted[next(iter(self._accepted))]

    def claimed(self, row: InboxRecord, free_since: float) -> None:
        """It is given to the avatar, which was busy or away until `free_since`. A greeting is nobody's turn."""
        if row.greets:
            return
        moments = self._came_in(row) | {TurnMoment.CLAIMED: _now()}
        self._turns[row.id] = _FollowedTurn(row.session_id, row.place.platform, free_since, moments)
        if len(self._turns) > FOLLOWED:
            self._conclude(next(iter(self._turns)))

    def _came_in(self, row: InboxRecord) -> dict[TurnMoment, float]:
        """As this process saw it; what another one accepted, by the time in its row."""
        if times := self._accepted.pop(row.id, None):
            return {TurnMoment.RECEIVED: times[0], TurnMoment.COMMITTED: times[1]}
        return {TurnMoment.RECEIVED: _now() - max(0.0, (self.clock.now() - row.created_at).total_seconds())}

    def mark(self, turn_id: str, moment: TurnMoment) -> None:
        """It happens now. The first time counts, of posts of the whole answer the last."""
        if turn := self._turns.get(turn_id):
            if moment is TurnMoment.FINAL_POST:
                turn.moments[moment] = _now()
                if turn.outcome:
                    self._conclude(turn_id)
            else:
                turn.moments.setdefault(moment, _now())

    def answered(self, turn_id: str, event: Speaking | Utterance) -> None:
        """The avatar says something to it."""
        if isinstance(event, Utterance):
            self.mark(turn_id, TurnMoment.FIRST_WORD)
        elif event.on:
            self.mark(turn_id, TurnMoment.FIRST_SOUND)

    def over(self, turn_id: str, outcome: InboxOutcome, *, posted: bool) -> None:
        """The avatar is done with it. `posted`: what it said comes into the thread, if anything."""
        if turn := self._turns.get(turn_id):
            turn.outcome = outcome
            if TurnMoment.FINAL_POST in turn.moments or not (posted and TurnMoment.FIRST_WORD in turn.moments):
                self._conclude(turn_id)

    def leave(self, session_id: str) -> None:
        """The session does not run here any more."""
        for turn_id in [each for each, turn in self._turns.items() if turn.session_id == session_id]:
            self._conclude(turn_id)
        self._answers.pop(session_id, None)

    def answers_after(self, session_id: str) -> AnswerTime | None:
        """How fast the session answers at the moment: the median. None where it has not, or runs elsewhere."""
        if not (answers := self._answers.get(session_id)):
            return None
        return AnswerTime(
            statistics.median(each.total for each in answers), statistics.median(each.ours for each in answers)
        )

    def _conclude(self, turn_id: str) -> None:
        turn = self._turns.pop(turn_id)
        self._measure(turn)
        if self.observers:
            trace = self._trace(turn_id, turn)
            for observer in self.observers:
                observer.observe(trace)

    def _measure(self, turn: _FollowedTurn) -> None:
        ours, total = turn.after_said(TurnMoment.FIRST_PACKET), turn.after_said(TurnMoment.FIRST_SOUND)
        if ours is not None:
            self.metrics.said_to_first_packet.observe(ours)
        if ours is not None and total is not None:
            self.metrics.first_packet_to_voice.observe(total - ours)
            self._answers[turn.session_id].append(AnswerTime(total, ours))
        skew = turn.between(TurnMoment.FIRST_SOUND, TurnMoment.FIRST_WORD)
        if skew is not None:
            self.metrics.caption_skew.observe(abs(skew))

    def _trace(self, turn_id: str, turn: _FollowedTurn) -> TurnTrace:
        began = turn.moments[TurnMoment.RECEIVED]
        received = self.clock.now() - timedelta(seconds=_now() - began)
        after = {moment: at - began for moment, at in turn.moments.items()}
        del after[TurnMoment.RECEIVED]
        return TurnTrace(turn_id, turn.session_id, turn.platform, turn.outcome.value, received, after)


def _now() -> float:
    return asyncio.get_running_loop().time()
