"""What the processes of one service share: hints, budgets of calls to a vendor, and which of them receives what people write.

Each port comes with what stands for it where there is one process alone.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.conversations import ConversationRef

# ---------------------------------------------------------------- hints


class HintKind(StrEnum):
    """What is to be looked at."""

    WAITS = "waits"  # something waits for a session
    CHANGED = "changed"  # what waits in a channel was edited or withdrawn
    CLAIM = "claim"  # a session needs a run
    OUTBOX = "outbox"  # something happened that a hook or a stream listens for
    AWAITED = "awaited"  # somebody waits for what the run of a session writes
    WRITTEN = "written"  # the run of a session that is awaited has written


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to look at. `about` are ids: a session's, or a channel's with its platform and workspace."""

    kind: HintKind
    about: tuple[str, ...] = ()

    @classmethod
    def waits(cls, session_id: str) -> "Hint":
        return cls(HintKind.WAITS, (session_id,))

    @classmethod
    def awaited(cls, session_id: str) -> "Hint":
        return cls(HintKind.AWAITED, (session_id,))

    @classmethod
    def written(cls, session_id: str) -> "Hint":
        return cls(HintKind.WRITTEN, (session_id,))

    @classmethod
    def changed(cls, channel: ConversationRef) -> "Hint":
        return cls(HintKind.CHANGED, (channel.platform, channel.workspace_id, channel.channel_id))


class Hints(Protocol):
    """To and from all other processes of this service. Any may be lost, come twice or late: the storage is the truth, and is polled too."""

    def send(self, hint: Hint) -> None:
        """Tell the others, after what it is about was committed. Never waits."""
        ...

    async def run(self, heard: Callable[[Hint], None]) -> None:
        """Send, and call `heard` with what others send, until cancelled. Must not be run twice."""
        ...


class NoHints:
    """`Hints` of a process that is alone, and of one where the operator switched them off."""

    def send(self, hint: Hint) -> None:
        pass

    async def run(self, heard: Callable[[Hint], None]) -> None:
        pass


# ---------------------------------------------------------------- who receives


@dataclass(frozen=True, slots=True)
class HeldShards:
    """The shards that a process has, of the `count` into which a platform divides what it delivers."""

    count: int
    numbers: frozenset[int]


class Receivers(Protocol):
    """The living processes that receive, this one among them."""

    @property
    def others(self) -> bool:
        """Whether other processes receive too, as of some seconds ago."""
        ...

    async def hold(self, platform: str, count: int) -> HeldShards:
        """What this process has from now on: of what it had what is still its own, and its share of what nobody living has.

        There are `count` shards, unless others have some already: then as many as there were for them. Asked again and again; what it does
        not have any more is to be given up at once. Raises `StoreUnavailable`: then it has what it had.
        """
        ...

    async def run(self) -> None:
        """Look for others until cancelled."""
        ...


class OnlyReceiver:
    """`Receivers` where there is one process."""

    others = False

    async def hold(self, _platform: str, count: int) -> HeldShards:
        return HeldShards(count, frozenset(range(count)))

    async def run(self) -> None:
        """There is nobody to look for."""


ONLY_RECEIVER = OnlyReceiver()


# ---------------------------------------------------------------- budgets of calls


@dataclass(frozen=True, slots=True)
class CallRate:
    """One call each `interval` seconds; `burst` calls may be made at once after a pause."""

    interval: float
    burst: int = 1


class CallBudget(Protocol):
    """Calls of one kind."""

    async def turn(self) -> None:
        """Wait until one more call may be made. Of one process, who came first goes first; whoever gives up waiting uses up nothing."""
        ...

    async def pause(self, seconds: float) -> None:
        """The vendor asked to wait: whoever asks for a turn from now on waits so long."""
        ...

    async def paused(self) -> float:
        """Seconds that a turn would take now, as far as that is known: for who would not wait for it, and then asks for none."""
        ...


class Budgets(Protocol):
    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:
        """The budget of a name, of one account where there are several. `account` tells no secret."""
        ...


def loop_time() -> float:
    """The running loop's time, in seconds."""
    return asyncio.get_running_loop().time()


class LocalBudget:
    """`CallBudget` of a process that is alone. `seconds` tells the time, from wherever it began."""

    def __init__(self, rate: CallRate, seconds: Callable[[], float] = loop_time) -> None:
        self._rate = rate
        self._seconds = seconds
        self._next = float("-inf")
        self._queue = asyncio.Lock()

    async def turn(self) -> None:
        async with self._queue:
            now, saved = self._seconds(), (self._rate.burst - 1) * self._rate.interval
            at = max(self._next, now - saved)
            if at > now:
                await asyncio.sleep(at - now)
            self._next = max(self._next, at) + self._rate.interval

    async def pause(self, seconds: float) -> None:
        self._next = max(self._next, self._seconds() + seconds)

    async def paused(self) -> float:
        return max(0.0, self._next - self._seconds())


class LocalBudgets:
    """`Budgets` of a process that is alone. `seconds` tells the time, from wherever it began."""

    def __init__(self, seconds: Callable[[], float] = loop_time) -> None:
        self._seconds = seconds
        self._budgets: dict[tuple[str, str], LocalBudget] = {}

    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:
        return self._budgets.setdefault((name, account), LocalBudget(rate, self._seconds))
