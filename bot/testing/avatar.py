"""An avatar without a room: it says what it is given, and what befalls it is called."""

import asyncio
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from bot.domain.errors import CommandRefused, RoomError
from bot.domain.posts import Speaker
from bot.domain.sessions import ParamChanges
from bot.ports.avatar import AvatarArrived, AvatarEvent, AvatarGone, AvatarLeft, FirstSent, Speaking, Utterance
from bot.ports.room import VOICE_FRAME, AudioFrame, LinkDown, LinkUp, LossReason, TokenExpiring, VideoFrame
from bot.tasks import cancel_and_wait
from bot.testing.scripted_calls import ScriptedCalls

ACKNOWLEDGED_WITHIN_S = 5.0
SLOWEST, FASTEST = 0.8, 1.2
"""Of the speed of a voice."""

PART_SECONDS = 0.4
"""How much speech comes at once: about a word."""


def same(text: str) -> str:
    """What an avatar in retelling says."""
    return text


@dataclass(frozen=True, slots=True)
class AvatarBehavior:
    """How an avatar behaves. Times are seconds.

    `arrives_after` joining it is in the room, never where that is None, and says its `opening` if it has one. It thinks for `thinking`
    and speaks `pace` characters a second. `answer` gives what it says to a text. It tells when its voice begins and stops unless
    `voiced` is off. With `own_ids` it answers under ids of its own, and with `every_part_final` each text of an answer says that it
    is the last.
    """

    arrives_after: float | None = 0.2
    thinking: float = 0.1
    pace: float = 150.0
    answer: Callable[[str], str] = same
    voiced: bool = True
    own_ids: bool = False
    every_part_final: bool = False
    opening: str = ""


@dataclass(frozen=True, slots=True)
class TurnText:
    """One text that it was given, or says."""

    turn_id: str
    text: str


class FakeAvatar(ScriptedCalls):
    """An `Avatar`. What is sent while it cannot hear waits until it can, as the port promises.

    `given` has what reached it, in order, `heard` the voices of people, and `said` what it has begun to say; `params`, `gestures`,
    `watched` and `key_frames_asked` what else was asked of it. While it is `deaf`, what is sent to it is lost without a sign. `admit`
    is asked at `join` and raises `RoomError` for whoever may not.
    """

    def __init__(self, behavior: AvatarBehavior = AvatarBehavior(), admit: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.behavior = behavior
        self.given: list[TurnText] = []
        self.said: list[TurnText] = []
        self.params: list[ParamChanges] = []
        self.gestures: list[tuple[str | None, str | None]] = []
        self.interrupts = 0
        self.heard = b""
        self.watched = False
        self.key_frames_asked = 0
        self.deaf = False
        self._admit = admit
        self._events: asyncio.Queue[AvatarEvent | None] = asyncio.Queue()
        self._agenda: asyncio.Queue[TurnText] = asyncio.Queue()
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._hears = asyncio.Event()  # set for good at its end, so that nobody waits any more
        self._present = False
        self._linked = True
        self._life: asyncio.Task[None] | None = None
        self._voice: asyncio.Task[None] | None = None
        self._over = False
        self._iterated = False

    # ------------------------------------------------ Avatar

    async def join(self) -> None:
        async with self.called("join"):
            if self._life or self._over:
                raise RoomError("A room is joined once.")
            self._admit()
            self._life = asyncio.create_task(self._live(), name="fake-avatar")

    async def events(self) -> AsyncIterator[AvatarEvent]:
        if self._iterated:
            raise RuntimeError("the events of an avatar are iterated once")
        self._iterated = True
        while (event := await self._events.get()) is not None:
            yield event

    async def say(self, turn_id: str, text: str | AsyncIterable[str]) -> None:
        async with self.called("say", turn_id, text):
            self._require()
            if turn_id in self._sending:
                raise ValueError(f"{turn_id} is under way already")
            sending = self._sending[turn_id] = asyncio.create_task(self._send(turn_id, text), name="fake-say")
            try:
                await asyncio.wait((sending,))
            finally:
                del self._sending[turn_id]
                finished = sending.done() and not sending.cancelled()
                await cancel_and_wait(sending)
            if not finished:
                self._require()

    async def interrupt(self) -> None:
        async with self.called("interrupt"):
            for sending in self._sending.values():
                sending.cancel()
            await self._acknowledged()
            self.interrupts += 1
            await self._silence()

    async def set_params(self, changes: ParamChanges) -> None:
        if changes == ParamChanges():
            return
        async with self.called("set_params", changes):
            await self._acknowledged()
            speed = changes.voice.speed if changes.voice else None
            if speed is not None and not SLOWEST <= speed <= FASTEST:
                raise CommandRefused("The avatar refused that.", f"speed {speed}")
            self.params.append(changes)

    async def act(self, action: str | None, expression: str | None) -> None:
        async with self.called("act", action, expression):
            await self._heard()
            self.gestures.append((action, expression))

    async def watch(self, on: bool) -> None:
        self.watched = on

    async def request_key_frame(self) -> None:
        self.key_frames_asked += self._present

    async def hear(self, frame: bytes) -> None:
        self._require()
        if len(frame) != VOICE_FRAME:
            raise RoomError("That is no piece of a voice.", f"{len(frame)} bytes of sound")
        if self._hears.is_set():
            self.heard += frame

    async def leave(self) -> None:
        self._end()
        if self._life:
            await cancel_and_wait(self._life)

    # ------------------------------------------------ what befalls it

    def arrive(self) -> None:
        """It comes into the room, for the first time or again."""
        if not self._present and not self._over:
            self._present = True
            self.tell(AvatarArrived())
            self._listen()

    def depart(self) -> None:
        """It leaves the room, and may come back."""
        if self._present and not self._over:
            self._present = False
            self.tell(AvatarLeft())
            self._listen()

    def link_down(self) -> None:
        """Our connection breaks, and is being restored."""
        self._linked = False
        self.tell(LinkDown())
        self._listen()

    def link_up(self) -> None:
        self._linked = True
        self.tell(LinkUp())
        self._listen()

    def expire_token(self) -> None:
        """The connection's token is about to end."""
        self.tell(TokenExpiring())

    def lose(self, reason: LossReason = LossReason.LOST, detail: str = "") -> None:
        """Our connection is lost for good."""
        self.tell(AvatarGone(reason, detail))
        self._end()

    @property
    def joined(self) -> bool:
        """Whether we are in its room."""
        return self._life is not None and not self._over

    def utter(self, id_: str, text: str, *, final: bool = True, speaker: Speaker = Speaker.BOT) -> None:
        """It says something, or a person in the room does, whole so far."""
        self.tell(Utterance(id_, speaker, text, final))

    def voice(self, id_: str, *, on: bool) -> None:
        """Its voice begins or stops."""
        self.tell(Speaking(id_, on))

    def show(self, frame: VideoFrame | AudioFrame) -> None:
        """A picture or a sound of it, which comes to whoever watches."""
        if self.watched and self._present:
            self.tell(frame)

    def plan(self, id_: str, text: str) -> None:
        """It is going to say something by itself, once it has said what it was given before."""
        self._agenda.put_nowait(TurnText(id_, text))

    def tell(self, event: AvatarEvent) -> None:
        """An event; none comes after the end."""
        if not self._over:
            self._events.put_nowait(event)

    # ------------------------------------------------ sending

    async def _send(self, turn_id: str, text: str | AsyncIterable[str]) -> None:
        """What was written before its writer failed is given all the same."""
        written: list[str] = []
        try:
            async for piece in _pieces(text):
                written.append(piece)  # noqa: PERF401 - what was written before its writer fails counts
        except Exception:
            await self._give(turn_id, "".join(written))
            raise
        await self._give(turn_id, "".join(written))

    async def _give(self, turn_id: str, text: str) -> None:
        if not text:
            return
        await self._heard()
        self.tell(FirstSent(turn_id))
        if not self.deaf:
            self.given.append(TurnText(turn_id, text))
            answered = f"answer-{uuid.uuid4().hex[:12]}" if self.behavior.own_ids else turn_id
            self._agenda.put_nowait(TurnText(answered, self.behavior.answer(text)))

    async def _heard(self) -> None:
        """Wait until it can hear. Raises `RoomError` when it never will."""
        self._require()
        await self._hears.wait()
        self._require()

    async def _acknowledged(self) -> None:
        try:
            async with asyncio.timeout(ACKNOWLEDGED_WITHIN_S):
                await self._heard()
                if self.deaf:
                    await asyncio.Event().wait()
        except TimeoutError:
            raise CommandRefused("The avatar did not confirm that, so it may not have happened.", "no ack") from None
        except RoomError as error:
            raise CommandRefused(error.sentence, error.detail) from error

    def _require(self) -> None:
        if self._over:
            raise RoomError("The avatar's room is closed.")

    def _listen(self) -> None:
        if self._over or (self._present and self._linked):
            self._hears.set()
        else:
            self._hears.clear()

    # ------------------------------------------------ living

    async def _live(self) -> None:
        if self.behavior.arrives_after is not None:
            await asyncio.sleep(self.behavior.arrives_after)
            self.arrive()
            if self.behavior.opening:
                self.plan(f"opening-{uuid.uuid4().hex[:12]}", self.behavior.opening)
        while True:
            given = await self._agenda.get()
            self._voice = asyncio.create_task(self._speak(given), name="fake-voice")
            try:
                await asyncio.wait((self._voice,))
            finally:
                await cancel_and_wait(self._voice)

    async def _speak(self, given: TurnText) -> None:
        await asyncio.sleep(self.behavior.thinking)
        self.said.append(given)
        if self.behavior.voiced:
            self.voice(given.turn_id, on=True)
        said, pace = "", self.behavior.pace
        try:
            for part in _parts(given.text, pace):
                said += part
                self.utter(given.turn_id, said, final=said == given.text or self.behavior.every_part_final)
                await asyncio.sleep(len(part) / pace)
        except asyncio.CancelledError:
            if said != given.text:
                self.utter(given.turn_id, said)
            raise
        finally:
            if self.behavior.voiced:
                self.voice(given.turn_id, on=False)

    async def _silence(self) -> None:
        """It stops what it says, and forgets what it was to say."""
        while not self._agenda.empty():
            self._agenda.get_nowait()
        if self._voice:
            await cancel_and_wait(self._voice)

    def _end(self) -> None:
        """Whoever waits is freed."""
        if self._over:
            return
        self._over = True
        self._events.put_nowait(None)
        self._listen()
        for task in (self._life, *self._sending.values()):
            if task:
                task.cancel()


async def _pieces(text: str | AsyncIterable[str]) -> AsyncIterator[str]:
    if isinstance(text, str):
        yield text
        return
    async for piece in text:
        yield piece


def _parts(text: str, pace: float) -> Iterator[str]:
    """What is spoken at once."""
    length = max(1, round(min(pace * PART_SECONDS, len(text))))
    return (text[start : start + length] for start in range(0, len(text), length))
