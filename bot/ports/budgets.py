"""How often something may be asked of a vendor by all who share its limit: the processes of a bot, or one that is alone."""

import asyncio
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallRate:
    """One call each `interval` seconds; `burst` calls may be made at once after a pause."""

    interval: float
    burst: int = 1


class CallBudget(Protocol):
    """Calls of one kind. Time is the running loop's."""

    async def turn(self) -> None:
        """Wait until one more call may be made. Of one process, who came first goes first."""
        ...

    async def pause(self, seconds: float) -> None:
        """The vendor asked to wait: whoever asks for a turn from now on waits so long."""
        ...


class Budgets(Protocol):
    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:
        """The budget of a name, of one account where there are several. `account` tells no secret."""
        ...


class LocalBudget:
    """Of a process that is alone."""

    def __init__(self, rate: CallRate) -> None:
        self._rate = rate
        self._next = float("-inf")

    async def turn(self) -> None:
        now, saved = asyncio.get_running_loop().time(), (self._rate.burst - 1) * self._rate.interval
        at = max(self._next, now - saved)
        self._next = at + self._rate.interval
        if at > now:
            await asyncio.sleep(at - now)

    async def pause(self, seconds: float) -> None:
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)


class LocalBudgets:
    """`Budgets` of a process that is alone."""

    def __init__(self) -> None:
        self._budgets: dict[tuple[str, str], LocalBudget] = {}

    def of(self, name: str, rate: CallRate, account: str = "") -> CallBudget:
        return self._budgets.setdefault((name, account), LocalBudget(rate))
