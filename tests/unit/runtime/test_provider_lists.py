"""What the provider offers is read by one of several processes, and all of them show the same."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from bot.domain.errors import ProviderError, Verdict
from bot.ports.provider import AvatarInfo
from bot.runtime.provider_catalog import FRESH_FOR, LOOK_EVERY, READ_WITHIN, ListSources, StaleWhileRevalidate
from bot.storage.memory import MemoryStorage
from bot.storage.memory.rows import Data
from bot.tasks import cancel_and_wait
from bot.testing.virtual_time import LoopClock, run_virtual

ALMA, NOA = AvatarInfo("alma", "Alma", voice_id="v1"), AvatarInfo("noa", "Noa", official=False)


class Vendor:
    """Takes two seconds over its list."""

    def __init__(self) -> None:
        self.offered: Sequence[AvatarInfo] = (ALMA,)
        self.reads = 0
        self.faults: list[ProviderError] = []
        self.data = Data()

    async def avatars(self) -> Sequence[AvatarInfo]:
        self.reads += 1
        offered = list(self.offered)
        await asyncio.sleep(2.0)
        if self.faults:
            raise self.faults.pop()
        return offered

    def process(self) -> StaleWhileRevalidate[AvatarInfo]:
        """The list as one more process has it; whoever looks waits, so that nothing here depends on who is woken."""
        coordination = MemoryStorage(LoopClock(), self.data).coordination
        return StaleWhileRevalidate(ListSources(coordination, "akool").of("avatars", AvatarInfo, self.avatars), None)


Story = Callable[[Vendor], Coroutine[Any, Any, None]]


def play(story: Story) -> None:
    async def main() -> None:
        await story(Vendor())

    run_virtual(main())


def test_processes_that_begin_together_read_it_once() -> None:
    async def story(vendor: Vendor) -> None:
        found = await asyncio.gather(*(vendor.process().rows() for _ in range(4)))
        assert [list(rows) for rows in found] == [[ALMA]] * 4
        assert vendor.reads == 1

    play(story)


def test_many_processes_read_it_once_in_a_minute() -> None:
    async def story(vendor: Vendor) -> None:
        processes = [vendor.process() for _ in range(5)]
        end = asyncio.get_running_loop().time() + 5 * FRESH_FOR
        while asyncio.get_running_loop().time() < end:
            await asyncio.gather(*(process.rows() for process in processes))
            await asyncio.sleep(1.0)
        assert 4 <= vendor.reads <= 6

    play(story)


def test_what_one_process_made_all_see_soon() -> None:
    async def story(vendor: Vendor) -> None:
        uploads, suggests = vendor.process(), vendor.process()
        assert list(await suggests.rows()) == [ALMA]
        vendor.offered = (ALMA, NOA)
        assert list(await uploads.fresh()) == [ALMA, NOA]
        await asyncio.sleep(LOOK_EVERY)
        assert list(await suggests.rows()) == [ALMA, NOA]
        assert vendor.reads == 2

    play(story)


def test_two_that_ask_anew_at_once_both_see_it() -> None:
    async def story(vendor: Vendor) -> None:
        await vendor.process().rows()
        vendor.offered = (ALMA, NOA)
        found = await asyncio.gather(vendor.process().fresh(), vendor.process().fresh())
        assert [list(rows) for rows in found] == [[ALMA, NOA]] * 2

    play(story)


def test_a_read_that_began_before_a_change_is_not_kept() -> None:
    async def story(vendor: Vendor) -> None:
        slow, uploads = vendor.process(), vendor.process()
        reading = asyncio.create_task(slow.refreshed())
        await asyncio.sleep(1.0)
        vendor.offered = (ALMA, NOA)
        assert list(await uploads.fresh()) == [ALMA, NOA]
        await reading
        assert list(await vendor.process().rows()) == [ALMA, NOA]

    play(story)


def test_a_reader_that_died_is_succeeded() -> None:
    async def story(vendor: Vendor) -> None:
        dies, waits = vendor.process(), vendor.process()
        reading = asyncio.create_task(dies.rows())
        await asyncio.sleep(1.0)
        await cancel_and_wait(reading)
        async with asyncio.timeout(READ_WITHIN.total_seconds() + 5):
            assert list(await waits.rows()) == [ALMA]

    play(story)


def test_a_read_that_fails_is_tried_again_by_its_process() -> None:
    async def story(vendor: Vendor) -> None:
        vendor.faults.append(ProviderError("It is away.", verdict=Verdict.RETRY_LATER))
        process = vendor.process()
        with pytest.raises(ProviderError):
            await process.rows()
        assert list(await process.rows()) == [ALMA]

    play(story)


def test_nobody_takes_older_rows_for_a_read_that_failed() -> None:
    async def story(vendor: Vendor) -> None:
        process = vendor.process()
        earlier = asyncio.create_task(process.fresh())
        await asyncio.sleep(1.0)
        vendor.offered = (ALMA, NOA)
        fails, waits = (asyncio.create_task(process.fresh()) for _ in range(2))
        await earlier
        vendor.faults.append(ProviderError("It is away.", verdict=Verdict.RETRY_LATER))
        assert list(await waits) == [ALMA, NOA]
        with pytest.raises(ProviderError):
            await fails

    play(story)


def test_a_read_that_fails_lets_the_next_process_read() -> None:
    async def story(vendor: Vendor) -> None:
        vendor.faults.append(ProviderError("It is away.", verdict=Verdict.RETRY_LATER))
        fails = asyncio.create_task(vendor.process().rows())
        await asyncio.sleep(1.0)
        async with asyncio.timeout(5):
            assert list(await vendor.process().rows()) == [ALMA]
        with pytest.raises(ProviderError):
            await fails

    play(story)


def test_a_list_in_another_programs_form_is_read_anew() -> None:
    async def story(vendor: Vendor) -> None:
        coordination = MemoryStorage(LoopClock(), vendor.data).coordination
        await coordination.read("akool/avatars", "older", fresh_for=READ_WITHIN, lasts=READ_WITHIN)
        await coordination.write("akool/avatars", "older", '[{"avatar": "alma"}]')
        assert list(await vendor.process().rows()) == [ALMA]

    play(story)
