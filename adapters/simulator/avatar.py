"""The simulated avatar: a peer in the room that hears, thinks and speaks."""

import asyncio
import contextlib
import math
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from adapters.simulator import messages
from adapters.simulator.codes import AkoolRefusal, Code
from adapters.simulator.fixtures import VOICES
from adapters.simulator.hearing import Hearing
from adapters.simulator.languages import language_of
from adapters.simulator.media_source import MediaSource
from adapters.simulator.messages import ChatPart, ChatReassembly, Order
from adapters.simulator.options import Options
from adapters.simulator.room import SimulatedConnection
from adapters.simulator.talker import Talker
from adapters.simulator.voice import Speech, Tone, seconds
from bot.clock import Clock
from bot.domain.errors import RoomError
from bot.domain.sessions import Mode
from bot.ports.room import AudioFrame, ConnectionLost, Packet, PeerJoined

SLOWEST, FASTEST = 0.8, 1.2
"""Of `vparams.speed`, as AKOOL documents it."""

PART_SECONDS = 0.4
"""How much speech one part of a reply holds: about a word."""

PART_LIMIT = 140
"""Characters of a part at most, so that even escaped ones fit into a packet."""

AGENDA_LIMIT = 64
"""Chats that may wait while the avatar speaks; more are lost."""


TIMBRES = {voice.voice_id: voice.timbre for voice in VOICES}


@dataclass(frozen=True, slots=True)
class AvatarParams:
    mode: Mode = Mode.DIALOGUE
    """A session created without a mode behaves as dialogue, as was seen live."""
    voice_id: str | None = None
    voice_url: str | None = None
    language: str | None = None
    background_url: str | None = None
    speed: float = 1.0
    voice_params: Mapping[str, Any] | None = None
    """What else was given of `vparams`, without its effect and without anybody's secret."""

    def changed(self, data: Mapping[str, Any]) -> "AvatarParams":
        """After `set-params` with this `data`. Raises `AkoolRefusal`."""
        voice = data.get("vparams", {})
        if not isinstance(voice, Mapping):
            raise AkoolRefusal(Code.BAD_PARAMETER, "vparams must be an object")
        given = {
            "mode": _mode(data.get("mode")),
            "voice_id": voice.get("vid", data.get("vid")),
            "voice_url": voice.get("vurl", data.get("vurl")),
            "language": data.get("lang"),
            "background_url": data.get("bgurl"),
            "speed": speed(voice.get("speed")),
            "voice_params": {**(self.voice_params or {}), **unspoken(voice)} or None,
        }
        return replace(self, **{name: value for name, value in given.items() if value is not None})


def _mode(value: object) -> Mode | None:
    if value is None:
        return None
    if type(value) is not int or value not in tuple(Mode):  # a string "1" is the documents' slip, not the wire's type
        raise AkoolRefusal(Code.BAD_PARAMETER, "mode must be 1 or 2")
    return Mode(value)


def speed(value: object) -> float | None:
    """A checked `speed`. Raises `AkoolRefusal`."""
    if value is None:
        return None
    if not isinstance(value, int | float) or not SLOWEST <= value <= FASTEST:
        raise AkoolRefusal(Code.BAD_PARAMETER, f"speed must be {SLOWEST} to {FASTEST}")
    return float(value)


def unspoken(voice: Mapping[str, Any]) -> dict[str, Any]:
    """The voice parameters that only real speech would show, less the ElevenLabs account, which holds a key."""
    return {name: voice[name] for name in ("pron_map", "stt_language", "stt_type", "turn_detection") if name in voice}


# ---------------------------------------------------------------- the avatar


@dataclass(slots=True)
class Spoken:
    """One thing said, for tests to count: `given` is the request, `said` as much of the reply as was spoken."""

    mid: str
    given: str
    said: str = ""
    finished: bool = False


class SimulatedAvatar:
    """Lives in `perform` until it loses its connection. It never de-duplicates: what it is given twice it says twice."""

    def __init__(
        self,
        connection: SimulatedConnection,
        talker: Talker,
        params: AvatarParams,
        options: Options,
        clock: Clock,
        *,
        speech: Speech | None = None,
    ) -> None:
        self.connection = connection
        self.params = params
        self.spoken: list[Spoken] = []
        self.actions: list[dict[str, Any]] = []
        self.ignored = 0
        self._talker = talker
        self._options = options
        self._clock = clock
        self._speech = speech
        self._received = ChatReassembly()
        self._source = MediaSource(connection, talker.persona)
        self._hearing = Hearing(self._send, self._answer_aloud, options.shape)
        self._listen_as_set()
        self._agenda: asyncio.Queue[ChatPart] = asyncio.Queue(AGENDA_LIMIT)
        self._voice: asyncio.Task[None] | None = None
        self._opened = not talker.persona.prologue

    async def perform(self) -> None:
        """Join, listen and speak until the connection is lost."""
        await self.connection.join()
        try:
            async with asyncio.TaskGroup() as group:
                works = (self._speak(group), self._source.run(), self._hearing.run())
                doing = [group.create_task(work) for work in works]
                await self._listen()
                for task in doing:
                    task.cancel()
                self._silence()
        finally:
            await self.connection.leave()

    # ------------------------------------------------------------ receiving

    async def _listen(self) -> None:
        async for happening in self.connection.events():
            match happening:
                case Packet(data=data):
                    await self._hear(data)
                case AudioFrame(data=sound):
                    self._hearing.put(sound)
                case PeerJoined():
                    self._open()
                case ConnectionLost():
                    return

    async def _hear(self, packet: bytes) -> None:
        match messages.read(packet):
            case ChatPart() as part:
                if (text := self._received.hear(part)) is not None:
                    self._plan(part.mid, text)
            case Order() as order:
                await self._obey(order)
            case None:
                self.ignored += 1

    def _answer_aloud(self, words: str) -> None:
        """To what it heard somebody say. In retelling the answer is the same words, as people complained of AKOOL's."""
        self._plan(f"aloud-{uuid.uuid4().hex[:12]}", words)

    def _open(self) -> None:
        """The prologue is an opening line: spoken once, to the first who comes, when the avatar only repeats."""
        if not self._opened and self.params.mode is Mode.RETELLING:
            self._plan(f"prologue-{uuid.uuid4().hex[:12]}", self._talker.persona.prologue)
        self._opened = True

    def _plan(self, mid: str, text: str) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._agenda.put_nowait(ChatPart(mid, 0, fin=True, text=text))

    # ------------------------------------------------------------ obeying

    async def _obey(self, order: Order) -> None:
        match order.cmd:
            case "set-params" if order.mid:
                await self._acknowledge(order, *self._set_params(order.data))
            case "interrupt" if order.mid:
                await self._interrupt()
                await self._acknowledge(order, Code.OK, "OK")
            case "set-action":
                self.actions.append(order.data)
            case _:
                self.ignored += 1

    def _set_params(self, data: dict[str, Any]) -> tuple[Code, str]:
        try:
            self.params = self.params.changed(data)
            self._listen_as_set()
        except AkoolRefusal as refusal:
            return refusal.code, refusal.sentence
        return Code.OK, "OK"

    def _listen_as_set(self) -> None:
        self._hearing.detect_turns((self.params.voice_params or {}).get("turn_detection", {}))

    async def _interrupt(self) -> None:
        """Stop what is being said and forget what waits to be."""
        self._received.forget()
        while not self._agenda.empty():
            self._agenda.get_nowait()
        if voice := self._silence():
            await asyncio.wait([voice])

    def _silence(self) -> asyncio.Task[None] | None:
        voice = self._voice
        if voice and not voice.done():
            voice.cancel()
            return voice
        return None

    async def _acknowledge(self, order: Order, code: Code, msg: str) -> None:
        await self._send(messages.acknowledged(order.mid, order.cmd, code, msg))

    # ------------------------------------------------------------ speaking

    async def _speak(self, group: asyncio.TaskGroup) -> None:
        while True:
            chat = await self._agenda.get()
            self._voice = group.create_task(self._reply(chat))
            await asyncio.wait([self._voice])

    async def _reply(self, chat: ChatPart) -> None:
        text = chat.text
        if self.params.mode is Mode.DIALOGUE:
            await asyncio.sleep(self._options.thinking)
            text = self._talker.answer(chat.text, self._clock.now(), self.params.language)
        record = Spoken(self._options.shape.mid(chat.mid), chat.text)
        self.spoken.append(record)
        await self._utter(record, text, await self._sound(text))

    async def _sound(self, text: str) -> bytes:
        if self._speech is None:
            return b""
        timbre = TIMBRES.get(self.params.voice_id or "", self._talker.persona.timbre)
        language = language_of(text, self.params.language)
        return await self._speech.spoken(text, Tone(language, timbre, self.params.speed))

    async def _utter(self, record: Spoken, text: str, sound: bytes) -> None:
        """Say a text part by part, in step with its sound. Cut short, it still ends on the wire: `fin` with nothing more, then
        `audio_end`.
        """
        idx, shape, rate = 0, self._options.shape, len(text) / seconds(sound) if sound else self._rate()
        await self._voiced(record, sound, on=True)
        try:
            for idx, (part, last) in enumerate(_parts(text, shape.part_length or _part_length(rate))):
                await self._send(messages.said(record.mid, part, shape.position(idx, last=last)))
                record.said += part
                await asyncio.sleep(len(part) / rate + (shape.pause if idx == 0 else 0))
            record.finished = True
        except asyncio.CancelledError:
            if record.said != text:
                await self._send(messages.said(record.mid, "", shape.position(idx + 1, last=True)))
            raise
        finally:
            await self._voiced(record, b"", on=False)

    async def _voiced(self, record: Spoken, sound: bytes, *, on: bool) -> None:
        if on:
            self._source.speak(sound)
        else:
            self._source.hush()
        if self._options.shape.events:
            await self._send(messages.event(record.mid, "audio_start" if on else "audio_end"))

    def _rate(self) -> float:
        return self._options.pace * self.params.speed

    async def _send(self, packet: bytes) -> None:
        with contextlib.suppress(RoomError):  # the connection is lost, and `_listen` hears of it
            await self.connection.send(packet)


def _part_length(rate: float) -> int:
    return PART_LIMIT if math.isinf(rate) else min(PART_LIMIT, max(1, round(rate * PART_SECONDS)))


def _parts(text: str, length: int) -> Iterator[tuple[str, bool]]:
    """Pieces of about `length` characters, cut behind a space where one is in reach; and whether it is the last."""
    reach = min(PART_LIMIT, 3 * length)
    while len(text) > reach or " " in text[length:-1]:
        space = text.find(" ", length, reach)
        end = space + 1 if space >= 0 else length
        yield text[:end], False
        text = text[end:]
    yield text, True
