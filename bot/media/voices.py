"""People's voices on their way to the run of a session: who has the floor, and what is heard from them. Never waits."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakValueDictionary

from bot.domain.conversations import ConversationRef, Outcome, Person, Role
from bot.media.floor import Claimant, Floor

NOBODY_LISTENS = "The avatar is not live, so nobody would hear you."
LINE_FULL = "Ten people wait to speak already. Try again in a moment."


@dataclass(frozen=True, slots=True)
class SpokenWords:
    """What somebody was understood to say. `id` becomes that of their message."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Microphone:
    """Somebody's microphone. `hand_in` takes what they were understood to say to the core as theirs, and works on after it is gone."""

    claimant: Claimant
    role: Role
    person: Person
    place: ConversationRef
    """Whose it is, and in whose place what they say is said."""
    hand_in: Callable[[SpokenWords], Awaitable[Outcome]] = field(compare=False)
    show: Callable[[str], None] = field(compare=False)
    """Their own words as they are recognised: to nobody else, for no moderator has seen them yet."""
    tell: Callable[[str], None] = field(compare=False)
    """Why they cannot speak, or what came of what they said, in one sentence."""


class VoiceSink(Protocol):
    """The run, as it hears people. No call may wait."""

    def refusal(self, microphone: Microphone) -> str:
        """Why they cannot speak; empty where they can."""
        ...

    def hand_over(self, microphone: Microphone | None) -> None:
        """Whose voice comes from now on."""
        ...

    def take(self, frame: bytes) -> None:
        """The next 20 ms of whoever has the floor."""
        ...

    def speaks(self) -> None:
        """Whoever has the floor was heard to begin, by what recognises their words."""
        ...


class FloorElsewhere(Protocol):
    """The process that has the floor of a session, as people here reach it. No call may wait."""

    def ask(self, microphone: Microphone, *, take: bool) -> None: ...

    def leave(self, claimant_id: str) -> None: ...

    def say(self, claimant_id: str, frame: bytes) -> None: ...

    def speaks(self, claimant_id: str) -> None: ...


class SessionVoices:
    """Of one session. `show` is called whenever the floor changes hands or the line does."""

    def __init__(self, show: Callable[[Floor], None]) -> None:
        self.floor = Floor()
        self._show = show
        self._sink: VoiceSink | None = None
        self._elsewhere: FloorElsewhere | None = None
        self._microphones: dict[str, Microphone] = {}
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------ the run's side

    @contextmanager
    def heard_by(self, sink: VoiceSink) -> Iterator[None]:
        """Within the block somebody listens. At its end nobody has the floor any more."""
        self._sink = sink
        try:
            yield
        finally:
            self._sink = None
            self._microphones.clear()
            self._become(Floor())

    # ------------------------------------------------ the side of a process that keeps the floor

    @contextmanager
    def kept_by(self, elsewhere: FloorElsewhere) -> Iterator[Callable[[Floor], None]]:
        """Within the block the floor is another process's; what is given is called with it as it stands there."""
        self._elsewhere = elsewhere
        try:
            yield self._stand
        finally:
            self._elsewhere = None
            self._stand(Floor())

    def _stand(self, floor: Floor) -> None:
        if floor != self.floor:
            self.floor = floor
            self._show(floor)

    # ------------------------------------------------ people's side

    def ask(self, microphone: Microphone, *, take: bool = False) -> None:
        """Want the floor, or `take` it where one may. Who cannot have it is told why."""
        if self._elsewhere:
            self._elsewhere.ask(microphone, take=take)
        else:
            self._ask(microphone, take=take)

    def _ask(self, microphone: Microphone, *, take: bool) -> None:
        refused = self._sink.refusal(microphone) if self._sink else NOBODY_LISTENS
        floor = self.floor.at(_now())
        claimed = floor.taken(microphone.claimant, _now()) if take else floor.asked(microphone.claimant, _now())
        if not refused and not (claimed.is_held_by(microphone.claimant.id) or claimed.place(microphone.claimant.id)):
            refused = LINE_FULL
        if refused:
            microphone.tell(refused)
            return
        self._microphones[microphone.claimant.id] = microphone
        self._become(claimed)

    def leave(self, claimant_id: str) -> None:
        """Want it no more; fine for who never did."""
        if self._elsewhere:
            self._elsewhere.leave(claimant_id)
            return
        self._become(self.floor.left(claimant_id, _now()))

    def say(self, claimant_id: str, frame: bytes) -> bool:
        """The next 20 ms of somebody's voice; False, and it is heard by nobody, where they do not have the floor."""
        heard = self.floor.at(_now()).is_held_by(claimant_id)
        if heard and self._elsewhere:
            self._elsewhere.say(claimant_id, frame)
        elif heard and self._sink:
            self._sink.take(frame)
        return heard

    def speaks(self, claimant_id: str) -> None:
        """They begin to speak to what recognises their words; of no effect where they do not have the floor."""
        if not self.floor.at(_now()).is_held_by(claimant_id):
            return
        if self._elsewhere:
            self._elsewhere.speaks(claimant_id)
        elif self._sink:
            self._sink.speaks()

    # ------------------------------------------------ changing

    def _become(self, floor: Floor) -> None:
        if floor == self.floor:
            return
        before, self.floor = self.floor, floor
        here = {each.id for each in (floor.holder, *floor.line) if each}
        self._microphones = {name: each for name, each in self._microphones.items() if name in here}
        if before.holder != floor.holder and self._sink:
            self._sink.hand_over(self._microphones.get(floor.holder.id) if floor.holder else None)
        self._end_in_time()
        self._show(floor)

    def _end_in_time(self) -> None:
        if self._timer:
            self._timer.cancel()
        ends_at = self.floor.ends_at
        self._timer = None if ends_at is None else asyncio.get_running_loop().call_at(ends_at, self._pass_on)

    def _pass_on(self) -> None:
        self._become(self.floor.at(_now()))


def _now() -> float:
    return asyncio.get_running_loop().time()


class Voices:
    """One for each session that runs or is watched here; each lasts as long as somebody holds it."""

    def __init__(self, show: Callable[[str, Floor], None]) -> None:
        self._show = show
        self._voices: WeakValueDictionary[str, SessionVoices] = WeakValueDictionary()

    def of(self, session_id: str) -> SessionVoices:
        found = self._voices.get(session_id)
        if found is None:
            found = self._voices[session_id] = SessionVoices(lambda floor: self._show(session_id, floor))
        return found
