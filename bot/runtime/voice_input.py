"""People who speak aloud to the avatar: their voices go into its room, and what it recognised becomes a message of theirs."""

import array
import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from bot.clock import new_id
from bot.domain.conversations import Accepted, Duplicate, NoSession, Refused
from bot.domain.errors import IN_DOUBT, CommandRefused, RoomError, StoreUnavailable
from bot.domain.posts import Addressee, Speaker
from bot.domain.sessions import SessionStatus
from bot.media.events import Hears
from bot.media.voices import Microphone, SpokenWords
from bot.ports.avatar import AvatarEvent, HearingAvatar, Utterance
from bot.runtime.context import SessionContext
from bot.runtime.turns import Turns
from bot.speech.speakable import clean_name

FRAMES_WAITING: Final = 25
"""Of 20 ms; the oldest is left out for the next."""

LOUD: Final = 400
"""Mean amplitude of a voice: what is below is a quiet room."""
SPEECH_FRAMES: Final = 3
"""Loud ones in a row that are speech, and no click."""
SPEECH_SETTLES_S: Final = 1.0
"""After the last sign of speech, until what was written meanwhile has its turn."""

WORDS_SETTLE_S: Final = 0.4
"""After the end of an utterance, in which more of it may come, once that was seen: where each part says that it is the last, none is."""
LATE_S: Final = 15.0
"""After somebody's voice, in which what is recognised is still taken for theirs."""
REMEMBERED: Final = 20

NOT_TAKEN = "What you said was not taken. Please say it again."
NOT_HERE = "The avatar is not here yet. Try again in a moment."
MENTIONS_ONLY = "The avatar only listens to those who mention it in the channel."


@dataclass(slots=True)
class _Spoken:
    """An utterance of somebody; `taken` characters of it are messages already, and the rest will be the message `id`."""

    by: Microphone
    id: str
    taken: int = 0
    grows: bool = False  # something of it was shown and is no message yet
    timer: asyncio.TimerHandle | None = None


class VoiceInput:
    """A `VoiceSink` of the session's voices, and an `AvatarListener`. `run` passes voices on until cancelled."""

    def __init__(self, context: SessionContext, turns: Turns) -> None:
        self._context = context
        self._turns = turns
        self._frames: deque[bytes] = deque(maxlen=FRAMES_WAITING)
        self._woken = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._holder: Microphone | None = None
        self._spoke: Microphone | None = None  # whose voice was heard last
        self._spoke_at = 0.0
        self._loud = 0  # frames in a row
        self._interrupting = False
        self._quiet: asyncio.TimerHandle | None = None
        self._utterances: dict[str, _Spoken] = {}
        self._settles = 0.0

    async def run(self) -> None:
        """Until cancelled. What is recognised later is nobody's message any more; of whom something was about to be one is told."""
        voices = self._context.services.events.voices.of(self._context.session.id)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                with voices.heard_by(self):
                    await self._pass_on_always()
        finally:
            self._tasks = None
            self._give_up()

    def _give_up(self) -> None:
        for spoken in self._utterances.values():
            if spoken.timer:
                spoken.timer.cancel()
            if spoken.grows:
                spoken.by.tell(NOT_TAKEN)

    async def _pass_on_always(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            await self._pass_on()

    async def _pass_on(self) -> None:
        while self._frames:
            frame = self._frames.popleft()
            try:
                await self._let_hear(frame)
            except RoomError as lost:
                self._context.log.info("a voice was not heard", reason=lost.detail)

    async def _let_hear(self, frame: bytes) -> None:
        avatar = self._context.avatar
        if avatar is not None and isinstance(avatar, HearingAvatar):
            await avatar.hear(frame)

    # ------------------------------------------------------------ whose voice

    def refusal(self, microphone: Microphone) -> str:
        context = self._context
        if context.session.status is not SessionStatus.LIVE or not context.arrived.is_set():
            return NOT_HERE
        if context.hears is Hears.NOTHING:
            return MENTIONS_ONLY
        refused = context.services.policy.may_say(microphone.role, "")
        return refused.sentence if refused else ""

    def hand_over(self, microphone: Microphone | None) -> None:
        self._holder, self._loud, self._interrupting = microphone, 0, False
        self._frames.clear()
        self._context.touch()

    def take(self, frame: bytes) -> None:
        if self._context.hears is not Hears.SOUND:
            return
        self._frames.append(frame)
        self._woken.set()
        self._loud = self._loud + 1 if loudness(frame) >= LOUD else 0
        if self._loud >= SPEECH_FRAMES:
            self._spoke, self._spoke_at = self._holder, _now()
            self._keep_quiet()
            self._barge_in()

    def speaks(self) -> None:
        if self._context.hears is Hears.WORDS:
            self._barge_in()

    def _barge_in(self) -> None:
        if self._context.speaking and self._context.services.barge_in and not self._interrupting:
            self._interrupting = True
            self._do(self._interrupt)

    async def _interrupt(self) -> None:
        try:
            await self._turns.interrupt()
        except CommandRefused as refused:
            self._context.log.info("the avatar goes on", reason=refused.detail)
        finally:
            self._interrupting = False

    def _keep_quiet(self) -> None:
        """What was written waits until they have spoken."""
        self._context.quiet.clear()
        if self._quiet:
            self._quiet.cancel()
        self._quiet = asyncio.get_running_loop().call_later(SPEECH_SETTLES_S, self._go_on)

    def _go_on(self) -> None:
        self._context.quiet.set()
        self._context.turns.wakeup.set()

    # ------------------------------------------------------------ what was recognised

    def hear(self, _provider_row: str, event: AvatarEvent) -> None:
        if isinstance(event, Utterance) and event.speaker is Speaker.USER:
            spoken = self._utterances.get(event.id) or self._begun(event.id)
            if spoken:
                self._grow(spoken, event)

    def _begun(self, mid: str) -> _Spoken | None:
        """Whoever spoke last says it; somebody else in the room, where nobody did."""
        if self._spoke is None or _now() - self._spoke_at > LATE_S:
            return None
        self._context.spoken.append(mid)
        spoken = self._utterances[mid] = _Spoken(self._spoke, new_id())
        for forgotten in list(self._utterances)[:-REMEMBERED]:
            del self._utterances[forgotten]
        return spoken

    def _grow(self, spoken: _Spoken, event: Utterance) -> None:
        text = event.text[spoken.taken :].strip()
        if not text:
            return
        self._keep_quiet()
        if spoken.timer:
            spoken.timer.cancel()
        if spoken.taken:
            self._settles = WORDS_SETTLE_S
        spoken.by.show(text)
        spoken.grows = True
        if event.final:
            self._turns.heard(Addressee(clean_name(spoken.by.claimant.name)))
            later = asyncio.get_running_loop().call_later
            spoken.timer = later(self._settles, self._conclude, spoken, text, len(event.text))

    def _conclude(self, spoken: _Spoken, text: str, length: int) -> None:
        words, spoken.id, spoken.taken, spoken.grows = SpokenWords(spoken.id, text), new_id(), length, False
        self._do(lambda: self._hand_in(spoken.by, words))

    async def _hand_in(self, by: Microphone, words: SpokenWords) -> None:
        """As if they had written it. What was not taken is not answered either."""
        if refused := await self._refused(by, words):
            by.tell(refused)
            await self._interrupt()

    async def _refused(self, by: Microphone, words: SpokenWords) -> str:
        """Why that was not taken; empty where it was."""
        try:
            match await by.hand_in(words):
                case Accepted() | Duplicate():
                    return ""
                case Refused(sentence):
                    return sentence
                case NoSession(sentence):
                    return await self._unlistened() or sentence
                case _:
                    return NOT_TAKEN
        except StoreUnavailable as error:
            return error.told(NOT_TAKEN)
        except asyncio.CancelledError:  # the run ends
            by.tell(IN_DOUBT)
            raise

    async def _unlistened(self) -> str:
        """Whether the channel listens to mentions only by now; then no page offers its microphone any more."""
        await self._context.read_settings()
        self._context.show()
        return MENTIONS_ONLY if self._context.hears is Hears.NOTHING else ""

    def _do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._tasks is not None:
            self._tasks.create_task(work())


def loudness(frame: bytes) -> float:
    """Mean amplitude of 16 bit little-endian PCM."""
    samples = array.array("h", frame)
    if sys.byteorder == "big":
        samples.byteswap()
    return sum(map(abs, samples)) / max(1, len(samples))


def _now() -> float:
    return asyncio.get_running_loop().time()
