"""Several processes keep one limit of a vendor's together, and use nearly all of it."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.delivery.shared_budgets import MOST_RESERVED, SHARE_ALONE, SharedBudget, SharedBudgets
from bot.domain.errors import StoreUnavailable
from bot.ports.processes import CallBudget, CallRate, LocalBudget
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data
from bot.tasks import cancel_and_wait
from bot.testing.virtual_time import LoopClock, run_virtual

RATE = CallRate(interval=1 / 38, burst=10)
VENDORS_LIMIT = 50
"""Calls in any second."""


class SlowStorage(MemoryStorage):
    """Takes a moment over a reservation, as a server does."""

    def __init__(self, data: Data) -> None:
        super().__init__(LoopClock(), data)
        self.reserves, self.under_way, self.at_once = 0, 0, 0
        coordination, reserve = self.coordination, self.coordination.reserve

        async def slowly(key: str, **how: Any) -> Any:
            self.reserves, self.under_way = self.reserves + 1, self.under_way + 1
            self.at_once = max(self.at_once, self.under_way)
            await asyncio.sleep(0.004)
            self.under_way -= 1
            return await reserve(key, **how)

        coordination.reserve = slowly  # type: ignore[method-assign]


@dataclass
class Vendor:
    """Notes who called when."""

    calls: list[tuple[float, str]] = field(default_factory=list)

    async def call(self, budget: SharedBudget, who: str) -> None:
        await budget.turn()
        self.calls.append((asyncio.get_running_loop().time(), who))

    async def greedily(self, budget: SharedBudget, who: str) -> None:
        """One call after the other, without a pause."""
        while True:
            await self.call(budget, who)

    @property
    def worst_second(self) -> int:
        times = [at for at, _ in self.calls]
        return max(sum(at <= other < at + 1 for other in times) for at in times)


def played(story: Coroutine[Any, Any, None]) -> None:
    run_virtual(story)


def test_three_greedy_processes_keep_one_limit() -> None:
    async def story() -> None:
        data, vendor, began = Data(), Vendor(), asyncio.get_running_loop().time()
        storages = [SlowStorage(data) for _ in range(3)]
        budgets = [SharedBudget(storage.coordination, "calls", RATE) for storage in storages]
        clients = [
            asyncio.create_task(vendor.greedily(budget, f"{number}"))
            for number, budget in enumerate(budgets)
            for _ in range(20)
        ]
        await asyncio.sleep(10)
        await cancel_and_wait(*clients)
        made = len(vendor.calls) / (asyncio.get_running_loop().time() - began)
        assert vendor.worst_second <= VENDORS_LIMIT
        assert made >= 0.85 / RATE.interval
        assert all(storage.at_once == 1 for storage in storages)
        assert sum(storage.reserves for storage in storages) <= 2 * len(vendor.calls) / MOST_RESERVED

    played(story())


def test_calls_of_one_process_are_made_in_their_order() -> None:
    async def story() -> None:
        vendor, budget = Vendor(), SharedBudget(SlowStorage(Data()).coordination, "calls", RATE)
        async with asyncio.TaskGroup() as calls:
            for number in range(30):
                calls.create_task(vendor.call(budget, f"{number}"))
        assert [who for _, who in vendor.calls] == [f"{number}" for number in range(30)]

    played(story())


def test_a_pause_that_one_is_asked_for_holds_for_all() -> None:
    async def story() -> None:
        data = Data()
        one, other = (SharedBudget(SlowStorage(data).coordination, "calls", RATE) for _ in range(2))
        await one.pause(7.0)
        began = asyncio.get_running_loop().time()
        await other.turn()
        assert asyncio.get_running_loop().time() - began == pytest.approx(7.0, abs=0.1)

    played(story())


@pytest.mark.parametrize("alone", [True, False])
def test_how_long_a_turn_would_take_is_told_for_nothing(alone: bool) -> None:
    async def story() -> None:
        rate, data = CallRate(interval=300.0, burst=2), Data()
        one, other = (SharedBudget(SlowStorage(data).coordination, "calls", rate) for _ in range(2))
        budgets: list[CallBudget] = [LocalBudget(rate)] * 2 if alone else [one, other]
        for _ in range(2):
            assert await budgets[0].paused() == 0
            await budgets[0].turn()
        assert [round(await budgets[1].paused()) for _ in range(3)] == [300] * 3
        await budgets[0].pause(500)
        assert round(await budgets[1].paused()) == 500

    played(story())


def test_without_the_storage_a_pause_is_this_process_own() -> None:
    async def story() -> None:
        storage = SlowStorage(Data())

        async def away(*_: Any, **__: Any) -> Any:
            raise StoreUnavailable("Not now.")

        for call in ("reserve", "pause", "paused"):
            setattr(storage.coordination, call, away)
        budget = SharedBudget(storage.coordination, "calls", RATE)
        await budget.pause(7)
        assert await budget.paused() == 7

    played(story())


def test_whoever_gives_up_waiting_holds_up_nobody() -> None:
    async def story() -> None:
        vendor, budget = Vendor(), SharedBudget(SlowStorage(Data()).coordination, "calls", CallRate(1.0))
        waiting = [asyncio.create_task(vendor.call(budget, f"{number}")) for number in range(4)]
        await asyncio.sleep(0.5)
        await cancel_and_wait(*waiting[1:3])
        await waiting[3]
        assert [who for _, who in vendor.calls] == ["0", "3"]
        async with asyncio.timeout(5):
            await vendor.call(budget, "4")

    played(story())


def test_as_many_as_may_be_made_at_once_are() -> None:
    """Though all ask together: none is reserved for later in place of another."""

    async def story() -> None:
        vendor, rate = Vendor(), CallRate(interval=300.0, burst=8)
        budget = SharedBudget(SlowStorage(Data()).coordination, "calls", rate)
        began = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as calls:
            for number in range(9):
                calls.create_task(vendor.call(budget, f"{number}"))
        assert [round(at - began) for at, _ in vendor.calls] == [0] * 8 + [300]

    played(story())


def test_a_call_given_up_is_the_next_ones() -> None:
    async def story() -> None:
        budget = SharedBudget(SlowStorage(Data()).coordination, "calls", CallRate(100.0))
        await budget.turn()
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(budget.turn(), 30)
        await budget.turn()
        assert asyncio.get_running_loop().time() - began == pytest.approx(100, abs=0.1)

    played(story())


def test_calls_that_nobody_made_are_not_made_later() -> None:
    async def story() -> None:
        vendor, budget = Vendor(), SharedBudget(SlowStorage(Data()).coordination, "calls", CallRate(1.0))
        waiting = [asyncio.create_task(vendor.call(budget, "early")) for _ in range(MOST_RESERVED)]
        await asyncio.sleep(0.5)
        await cancel_and_wait(*waiting)
        await asyncio.sleep(2 * MOST_RESERVED)
        async with asyncio.TaskGroup() as calls:
            for _ in range(4):
                calls.create_task(vendor.call(budget, "late"))
        late = [at for at, who in vendor.calls if who == "late"]
        assert late[-1] - late[0] == pytest.approx(3.0, abs=0.1)

    played(story())


def test_without_the_storage_a_process_goes_on_slowly() -> None:
    async def story() -> None:
        data, vendor = Data(), Vendor()
        data.budgets.inserts_fail = True
        budget = SharedBudget(SlowStorage(data).coordination, "calls", RATE)
        client = asyncio.create_task(vendor.greedily(budget, "0"))
        await asyncio.sleep(10)
        await cancel_and_wait(client)
        assert len(vendor.calls) == pytest.approx(10 / RATE.interval / SHARE_ALONE, rel=0.1)

    played(story())


def test_what_is_waited_for_is_measured_without_an_account() -> None:
    async def story() -> None:
        waited = list[tuple[str, float]]()
        budgets = SharedBudgets(
            SlowStorage(Data()).coordination, lambda name, seconds: waited.append((name, round(seconds)))
        )
        for account in ("", "a", "a"):
            await budgets.of("create", CallRate(2.0), account).turn()
        assert waited == [("create", 0), ("create", 0), ("create", 2)]

    played(story())
