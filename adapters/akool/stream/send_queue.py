"""What goes to the avatar: cut into packets, in order, within the budgets. Time is an argument, in monotonic seconds."""

from collections import deque
from dataclasses import dataclass

from adapters.akool.stream.chunking import chunk
from adapters.akool.stream.codec import encode
from adapters.akool.stream.messages import Chat
from bot.domain.errors import SettingsError
from bot.domain.text import well_formed


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be sent: bytes in a packet, bytes and packets in any sliding second.

    The defaults are those of AKOOL's own client (960 bytes, six times that in a second) and Agora's 30 packets a second. Speech
    leaves a part of each second to control, so that an interrupt need not wait for it to pass.
    """

    packet_bytes: int = 960
    bytes_per_s: int = 5760
    packets_per_s: int = 30
    control_bytes: int = 480
    control_packets: int = 3

    def __post_init__(self) -> None:
        if not 256 <= self.packet_bytes <= 1024:
            raise SettingsError("A stream packet must be allowed 256 to 1,024 bytes.")
        if self.bytes_per_s < self.packet_bytes + self.control_bytes or self.packets_per_s <= self.control_packets:
            raise SettingsError("The stream's budget of a second is less than one packet.")


DEFAULT_BUDGET = Budget()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A packet to be sent now. `last` tells that nothing more comes under its `mid`."""

    mid: str
    data: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing may be sent for so many seconds, unless control comes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Idle:
    """There is nothing to send."""


class _Meter:
    """What was sent in the last second."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._sent: deque[tuple[float, int]] = deque()

    def wait(self, now: float, size: int, kept_bytes: int = 0, kept_packets: int = 0) -> float:
        """Seconds until a packet of `size` bytes fits and leaves so much of its second over."""
        while self._sent and self._sent[0][0] + 1 <= now:
            self._sent.popleft()
        bytes_over = sum(sent for _, sent in self._sent) + size + kept_bytes - self._budget.bytes_per_s
        packets_over = len(self._sent) + 1 + kept_packets - self._budget.packets_per_s
        free_at = now
        for sent_at, sent in self._sent:
            if bytes_over <= 0 and packets_over <= 0:
                break
            bytes_over, packets_over, free_at = bytes_over - sent, packets_over - 1, sent_at + 1
        return free_at - now

    def record(self, now: float, size: int) -> None:
        self._sent.append((now, size))


class _Speech:
    """One text on its way: what is unsent of it, and whether more will be written."""

    def __init__(self, mid: str, packet_bytes: int) -> None:
        self.mid = mid
        self.unsent = ""
        self.finished = False
        self.idx = 0
        self._packet_bytes = packet_bytes

    @property
    def ready(self) -> bool:
        return bool(self.unsent) or self.finished

    def packet(self) -> tuple[Outgoing, int]:
        """The next packet as it would be now, and how many characters it takes."""
        room = self._packet_bytes - len(encode(Chat(self.mid, self.idx, fin=False, text="")))
        taken = chunk(self.unsent, room) if self.unsent else 0
        last = self.finished and taken == len(self.unsent)
        return Outgoing(self.mid, encode(Chat(self.mid, self.idx, last, self.unsent[:taken])), last), taken


class SendQueue:
    """Texts one after the other, each in packets as full as they can be; control overtakes between two packets."""

    def __init__(self, budget: Budget = DEFAULT_BUDGET) -> None:
        self._budget = budget
        self._meter = _Meter(budget)
        self._control: dict[str, bytes] = {}
        self._speeches: dict[str, _Speech] = {}
        self._speech_due = 0.0

    def open(self, mid: str) -> None:
        """Queue a text that is yet to be written. Raises `ValueError` while another is under way with this `mid`."""
        if mid in self._speeches:
            raise ValueError(f"{mid} is being said already")
        self._speeches[mid] = _Speech(mid, self._budget.packet_bytes)

    def write(self, mid: str, piece: str) -> None:
        """Add a piece to an open text; to one that was dropped it adds nothing."""
        if speech := self._speeches.get(mid):
            speech.unsent += well_formed(piece)

    def finish(self, mid: str) -> bool:
        """Nothing more will be written. False when no packet is to come, for nothing was written or all was dropped."""
        speech = self._speeches.get(mid)
        if speech is None:
            return False
        if not speech.idx and not speech.unsent:
            self.withdraw(mid)
            return False
        speech.finished = True
        return True

    def control(self, mid: str, packet: bytes) -> None:
        """Queue a command before all speech. The same `mid` again, while it is unsent, replaces it."""
        self._control[mid] = packet

    def withdraw(self, mid: str) -> None:
        """Drop what is unsent under `mid`, if anything."""
        self._control.pop(mid, None)
        self._speeches.pop(mid, None)

    def drop_speech(self) -> tuple[str, ...]:
        """Drop every text that is not sent to its end; returns their `mid`s."""
        dropped = tuple(self._speeches)
        self._speeches.clear()
        return dropped

    def next_packet(self, now: float) -> Outgoing | Wait | Idle:
        """The packet to send at this moment, if there is one and the budgets allow it."""
        if self._control:
            return self._next_control(now)
        speech = next(iter(self._speeches.values()), None)
        if speech is None or not speech.ready:
            return Idle()
        return self._next_of(speech, now)

    def _next_control(self, now: float) -> Outgoing | Wait:
        mid, packet = next(iter(self._control.items()))
        if (wait := self._meter.wait(now, len(packet))) > 0:
            return Wait(wait)
        del self._control[mid]
        self._meter.record(now, len(packet))
        return Outgoing(mid, packet, last=True)

    def _next_of(self, speech: _Speech, now: float) -> Outgoing | Wait:
        packet, taken = speech.packet()
        size, kept = len(packet.data), (self._budget.control_bytes, self._budget.control_packets)
        if (wait := max(self._speech_due - now, self._meter.wait(now, size, *kept))) > 0:
            return Wait(wait)
        # One by one at the pace of the budget, as AKOOL's own client sends: packets of a burst overtake one another.
        self._speech_due = now + size / self._budget.bytes_per_s
        self._meter.record(now, size)
        speech.unsent = speech.unsent[taken:]
        speech.idx += 1
        if packet.last:
            del self._speeches[speech.mid]
        return packet
