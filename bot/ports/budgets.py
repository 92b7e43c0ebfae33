"""How often something may be asked of a vendor by all who share its limit: the processes of a bot, or one that is alone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


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


class Budgets(Protocol):
    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:
        """The budget of a name, of one account where there are several. `account` tells no secret."""
        ...


def loop_time() -> float:
    """The running loop's."""
    return asyncio.get_running_loop().time()


class LocalBudget:
    """Of a process that is alone."""

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


class LocalBudgets:
    """`Budgets` of a process that is alone. `seconds` tells the time, from wherever it began."""

    def __init__(self, seconds: Callable[[], float] = loop_time) -> None:
        self._seconds = seconds
        self._budgets: dict[tuple[str, str], LocalBudget] = {}

    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:
        return self._budgets.setdefault((name, account), LocalBudget(rate, self._seconds))
