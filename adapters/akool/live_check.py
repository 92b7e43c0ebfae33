"""`avatarbot doctor --live`: one paid minute on the real account, and what only a real account can tell."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeVar

from adapters.akool.client import AkoolApi
from adapters.akool.provider import AkoolProvider
from adapters.akool.stream.protocol import (
    Chat,
    CommandAck,
    Event,
    Interrupt,
    Message,
    Moment,
    NotOurs,
    Part,
    decode,
    encode,
)
from bot.clock import new_id
from bot.domain.errors import AvatarbotError, RoomError
from bot.domain.sessions import Mode, SessionSpec
from bot.ports.plugin import Observation
from bot.ports.provider import ProviderSession, ProviderState
from bot.ports.room import (
    AudioFrame,
    ConnectRoom,
    Packet,
    PeerJoined,
    RoomConnection,
    RoomCredentials,
    RoomEvent,
    VideoFrame,
)
from bot.tasks import cancel_and_wait

DURATION_S = 60
"""What is bought: the least."""

ARRIVES_WITHIN_S, SHOWN_WITHIN_S, SPEAKS_WITHIN_S, QUIET_S = 30.0, 5.0, 20.0, 4.0
SETTLES_WITHIN_S = 15
TEXT = "Hello. This is Avatarbot, which tries one minute of this account. Thank you for listening."
TEXT_ID, INTERRUPT_ID = "live-check", "live-check-interrupt"

FIELDS = "fin, idx, mid, pld, pld.from, pld.text, type, v"
"""As AKOOL documents them."""

E = TypeVar("E")


@dataclass
class Heard:
    """What happened in the room, each with its time by the loop's clock."""

    events: list[tuple[float, RoomEvent]] = field(default_factory=list)

    async def listen(self, connection: RoomConnection) -> None:
        async for event in connection.events():
            self.events.append((_now(), event))

    def of(self, kind: type[E]) -> list[tuple[float, E]]:
        return [(at, event) for at, event in self.events if isinstance(event, kind)]

    def messages(self, kind: type[E]) -> list[tuple[float, E]]:
        """Those of protocol v2."""
        return [(at, message) for at, message in self._decoded() if isinstance(message, kind)]

    def _decoded(self) -> Iterator[tuple[float, Message | NotOurs]]:
        for at, packet in self.of(Packet):
            yield at, decode(packet.data)

    def shapes(self) -> list[str]:
        """The fields of the packets of what is said: names only, no value."""
        raw = [json.loads(packet.data) for _, packet in self.of(Packet) if isinstance(decode(packet.data), Part)]
        return sorted({", ".join(sorted([*each, *(f"pld.{name}" for name in each["pld"])])) for each in raw})


class LiveCheck:
    """Tries one session. Each thing that is seen is told at once; whatever happens, the session is closed."""

    def __init__(
        self, api: AkoolApi, provider: AkoolProvider, connect: ConnectRoom, tell: Callable[[Observation], None]
    ) -> None:
        self._api = api
        self._provider = provider
        self._connect = connect
        self._tell = tell

    async def run(self) -> None:
        """At most about two minutes. Raises `AvatarbotError` where it can go no further."""
        before = await self._api.credit()
        self._see("credit", "above 0", f"{before:g}", fits=before > 0)
        spec, began = SessionSpec(await self._avatar_id(), mode=Mode.RETELLING), _now()
        session = await self._create(spec)
        try:
            self._see("create", "within 20 s", _seconds(began), fits=_now() - began < 20)
            await self._in_the_room(session.credentials)
        finally:
            await self._provider.close(session.id)
        await self._bill(session, before, began)

    async def _create(self, spec: SessionSpec) -> ProviderSession:
        """Cancelled while it is asked for, it is closed as soon as it is there: it is paid for."""
        creating = asyncio.create_task(self._provider.create(spec, DURATION_S, new_id()), name="live check's session")
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            await self._provider.close((await creating).id)
            raise

    async def _avatar_id(self) -> str:
        avatars = await self._provider.avatars()
        self._see("avatars", "at least one", f"{len(avatars)}", fits=bool(avatars))
        free = next((each for each in avatars if each.available is not False), None)
        if free is None:
            raise AvatarbotError("AKOOL lists no avatar that can be used.")
        return free.id

    # ------------------------------------------------------------ in the room

    async def _in_the_room(self, ours: RoomCredentials) -> None:
        connection, heard, began = self._connect(ours), Heard(), _now()
        try:
            await connection.join()
            await self._joined(connection, heard, ours, began)
        finally:
            await connection.leave()

    async def _joined(self, connection: RoomConnection, heard: Heard, ours: RoomCredentials, began: float) -> None:
        listening = asyncio.create_task(heard.listen(connection), name="live check")
        try:
            self._see("join", "within 15 s", _seconds(began), fits=True)
            if uid := await self._arrival(heard, began):
                await self._media(connection, heard, uid)
                await self._speech(connection, heard)
                await self._interrupt(connection, heard)
            await self._another_uid(ours)
        finally:
            await cancel_and_wait(listening)

    async def _arrival(self, heard: Heard, began: float) -> str:
        await _until(lambda: heard.of(PeerJoined), ARRIVES_WITHIN_S)
        arrived = heard.of(PeerJoined)
        seen = f"{arrived[0][0] - began:.1f} s after us" if arrived else "never"
        self._see("avatar in the room", f"within {ARRIVES_WITHIN_S:g} s", seen, fits=bool(arrived))
        return arrived[0][1].uid if arrived else ""

    async def _media(self, connection: RoomConnection, heard: Heard, uid: str) -> None:
        began = _now()
        await connection.watch(uid)
        await connection.request_key_frame(uid)
        await _until(lambda: heard.of(VideoFrame), SHOWN_WITHIN_S)
        pictures = heard.of(VideoFrame)
        seen = "none"
        if pictures:
            at, first = pictures[0]
            seen = f"{first.codec.name} {first.width}x{first.height} after {at - began:.1f} s, {'a' if first.key else 'no'} key frame"
        self._see(
            "picture",
            f"H264 or VP8 within {SHOWN_WITHIN_S:g} s, a key frame first",
            seen,
            fits=bool(pictures) and pictures[0][1].key,
        )

    async def _speech(self, connection: RoomConnection, heard: Heard) -> None:
        began = _now()
        await connection.send(encode(Chat(TEXT_ID, 0, True, TEXT)))
        await _until(lambda: self._said_all(heard), SPEAKS_WITHIN_S)
        parts = [(at, part) for at, part in heard.messages(Part) if at >= began]
        self._see(
            "first word", "within 5 s", f"after {parts[0][0] - began:.1f} s" if parts else "never", fits=bool(parts)
        )
        if parts:
            self._parts(parts, heard)
        events = [event for _, event in heard.messages(Event)]
        whole = {(event.moment, event.mid) for event in events} >= {(moment, TEXT_ID) for moment in Moment}
        shown = (
            ", ".join(f"{event.moment}{'' if event.mid == TEXT_ID else ' (another mid)'}" for event in events) or "none"
        )
        self._see("events of its voice", "audio_start, audio_end under our mid", shown, fits=whole)
        sound = heard.of(AudioFrame)
        self._see(
            "sound",
            "some",
            f"{sound[0][1].sample_rate} Hz, {sound[0][1].channels} channel" if sound else "none",
            fits=bool(sound),
        )

    def _parts(self, parts: Sequence[tuple[float, Part]], heard: Heard) -> None:
        ours = [part for _, part in parts if part.mid == TEXT_ID]
        self._see(
            "mid of an answer",
            "that of the question",
            f"{len(ours)} of {len(parts)} parts",
            fits=len(ours) == len(parts),
        )
        numbers = [part.idx for part in ours]
        self._see("idx", "0, 1, 2 …", _shortened(numbers), fits=numbers == list(range(len(numbers))))
        ends = [part.fin for part in ours]
        self._see(
            "fin",
            "on the last part only",
            _shortened([int(fin) for fin in ends]),
            fits=ends == [False] * (len(ends) - 1) + [True],
        )
        pauses = [after[0] - before[0] for before, after in pairwise(parts)]
        longest = max(pauses, default=0.0)
        self._see("longest pause between parts", f"under {QUIET_S:g} s", f"{longest:.1f} s", fits=longest < QUIET_S)
        said = "".join(part.text for part in ours)
        same = said.split() == TEXT.split()
        self._see(
            "words in retelling", "ours", "ours" if same else f"{len(said)} characters for {len(TEXT)}", fits=same
        )
        self._see("fields of a part", FIELDS, "; ".join(heard.shapes()), fits=heard.shapes() == [FIELDS])

    def _said_all(self, heard: Heard) -> bool:
        """Its voice has stopped; or, where AKOOL does not say so, nothing has come for a while."""
        if any(event.moment is Moment.AUDIO_END for _, event in heard.messages(Event)):
            return True
        parts = heard.messages(Part)
        return bool(parts) and _now() - parts[-1][0] > QUIET_S

    async def _interrupt(self, connection: RoomConnection, heard: Heard) -> None:
        began = _now()
        await connection.send(encode(Interrupt(INTERRUPT_ID)))
        await _until(lambda: heard.messages(CommandAck), QUIET_S)
        acks = [ack for _, ack in heard.messages(CommandAck)]
        seen = (
            f"code {acks[0].code} after {_seconds(began)}, {'our' if acks[0].mid == INTERRUPT_ID else 'another'} mid"
            if acks
            else "none"
        )
        self._see("acknowledgement of interrupt", "code 1000, our mid", seen, fits=bool(acks) and acks[0].accepted)

    async def _another_uid(self, ours: RoomCredentials) -> None:
        """Whether our token lets in somebody else: then one session could have more connections than one."""
        other = self._connect(replace(ours, uid=str(int(ours.uid) + 1) if ours.uid.isdecimal() else f"{ours.uid}x"))
        try:
            await other.join()
            seen = "let in"
        except RoomError:
            seen = "refused"
        finally:
            await other.leave()
        self._see("our token under another uid", "refused", seen, fits=seen == "refused")

    # ------------------------------------------------------------ the bill

    async def _bill(self, session: ProviderSession, before: float, began: float) -> None:
        lasted = _now() - began
        state = await self._provider.state(session.id)
        for _ in range(SETTLES_WITHIN_S):
            if state is ProviderState.OVER:
                break
            await asyncio.sleep(1)
            state = await self._provider.state(session.id)
        self._see("state after close", "over", str(state), fits=state is ProviderState.OVER)
        await asyncio.sleep(QUIET_S)
        spent = before - await self._api.credit()
        self._see(
            f"bill for {lasted:.0f} s of {DURATION_S} s bought",
            "at most a minute's, the rest given back",
            f"{spent:g} of credit",
            fits=spent > 0,
        )

    def _see(self, what: str, expected: str, seen: str, *, fits: bool) -> None:
        self._tell(Observation(what, expected, seen, fits))


async def _until(met: Callable[[], object], within_s: float) -> None:
    end = _now() + within_s
    while not met() and _now() < end:  # noqa: ASYNC110 - some of it is that nothing happens
        await asyncio.sleep(0.05)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _seconds(since: float) -> str:
    return f"{_now() - since:.1f} s"


def _shortened(numbers: Sequence[int]) -> str:
    shown = " ".join(map(str, numbers[:12]))
    return f"{shown} … ({len(numbers)} parts)" if len(numbers) > 12 else shown
