"""A worker holds its lease while it renews it, and knows when it does not."""

import asyncio
from datetime import timedelta

from bot.ports.storage.records import Lease, ProcessProfile
from bot.runtime.lease import LEASE, RENEW_EVERY, WorkerLease
from bot.storage.memory import MemoryStorage
from bot.tasks import cancel_and_wait
from bot.testing.chat import CHANNEL
from bot.testing.virtual_time import JumpingClock, virtual
from tests.stored import started

LEASE_S = LEASE.total_seconds()


def lease_on(storage: MemoryStorage, *, alone: bool = False) -> WorkerLease:
    return WorkerLease(storage.workers, ProcessProfile(), alone=alone)


def holds(lease: WorkerLease) -> bool:
    return lease.held


async def claimed(storage: MemoryStorage, lease: WorkerLease) -> list[Lease]:
    return await storage.workers.claim(lease.id, room=10)


@virtual
async def test_it_is_held_for_as_long_as_it_is_renewed() -> None:
    lease = lease_on(MemoryStorage(JumpingClock()))
    await lease.enlist()
    renewing = asyncio.create_task(lease.lapsed())
    await asyncio.sleep(100 * LEASE_S)
    assert holds(lease)
    assert not renewing.done()
    await cancel_and_wait(renewing)
    await asyncio.sleep(LEASE_S)
    assert not holds(lease)


@virtual
async def test_without_storage_it_is_held_to_its_end() -> None:
    storage = MemoryStorage(JumpingClock())
    lease = lease_on(storage)
    await lease.enlist()
    renewing = asyncio.create_task(lease.lapsed())
    storage.data.away.set()
    await asyncio.sleep(LEASE_S - 0.1)
    assert holds(lease)
    await asyncio.sleep(0.1)
    assert not holds(lease)
    await asyncio.sleep(10 * LEASE_S)
    await renewing
    regaining = asyncio.create_task(lease.regained())
    await asyncio.sleep(10 * LEASE_S)
    assert not regaining.done(), "nobody knows yet what is held under it"
    await cancel_and_wait(regaining)


@virtual
async def test_a_late_renewal_tells_what_is_still_held() -> None:
    storage = MemoryStorage(JumpingClock())
    for number in range(2):
        await started(storage, f"s{number}", CHANNEL.in_thread(f"t{number}"))
    lease = lease_on(storage)
    await lease.enlist()
    lost, kept = await claimed(storage, lease)
    renewing = asyncio.create_task(lease.lapsed())
    storage.data.away.set()
    await asyncio.sleep(2 * LEASE_S)
    storage.data.away.clear()
    await storage.unfenced.released(lost)
    await renewing
    assert await lease.regained() == {kept}
    assert holds(lease)


@virtual
async def test_what_began_before_a_gap_is_not_covered() -> None:
    storage = MemoryStorage(JumpingClock())
    lease = lease_on(storage)
    await lease.enlist()
    began = asyncio.get_running_loop().time()
    renewing = asyncio.create_task(lease.lapsed())
    await asyncio.sleep(10 * LEASE_S)
    assert lease.held_since(lease.id, began)
    storage.data.away.set()
    await asyncio.sleep(2 * LEASE_S)
    assert not lease.held_since(lease.id, began)
    storage.data.away.clear()
    await renewing
    await lease.regained()
    assert holds(lease)
    assert not lease.held_since(lease.id, began), "others may have claimed what was held under it"
    assert lease.held_since(lease.id, asyncio.get_running_loop().time())
    assert not lease.held_since("another", asyncio.get_running_loop().time())


@virtual
async def test_a_moment_without_storage_costs_nothing() -> None:
    storage = MemoryStorage(JumpingClock())
    lease = lease_on(storage)
    await lease.enlist()
    renewing = asyncio.create_task(lease.lapsed())
    storage.data.away.set()
    await asyncio.sleep(LEASE_S - RENEW_EVERY)
    storage.data.away.clear()
    await asyncio.sleep(10 * LEASE_S)
    assert holds(lease)
    assert not renewing.done()
    await cancel_and_wait(renewing)


@virtual
async def test_who_was_dismissed_holds_nothing_from_the_next_renewal_on() -> None:
    storage = MemoryStorage(JumpingClock())
    lease = lease_on(storage)
    await lease.enlist()
    await storage.workers.dismiss(lease.id)
    async with asyncio.timeout(RENEW_EVERY + 0.1):
        await lease.lapsed()
    assert await lease.regained() == frozenset()
    assert not holds(lease)


@virtual
async def test_a_released_id_can_be_claimed_at_once() -> None:
    storage = MemoryStorage(JumpingClock())
    await started(storage, "s", CHANNEL)
    lease = lease_on(storage)
    await lease.enlist()
    (first,) = await claimed(storage, lease)
    await lease.enlist()
    (second,) = await claimed(storage, lease)
    assert (second.epoch, second.worker_id) == (first.epoch + 1, lease.id)
    assert first.worker_id != lease.id


@virtual
async def test_enlisting_is_tried_until_the_storage_takes_it() -> None:
    storage = MemoryStorage(JumpingClock())
    storage.data.workers.inserts_fail = True
    lease = lease_on(storage)
    enlisting = asyncio.create_task(lease.enlist_again())
    await asyncio.sleep(10)
    assert not lease.enlisted.is_set()
    storage.data.workers.inserts_fail = False
    await enlisting
    assert holds(lease)


@virtual
async def test_who_is_alone_holds_it_whatever_becomes_of_the_clock() -> None:
    clock = JumpingClock()
    storage = MemoryStorage(clock)
    await started(storage, "s", CHANNEL)
    lease = lease_on(storage, alone=True)
    await lease.enlist()
    clock.wrong_by = timedelta(days=365)
    await asyncio.sleep(LEASE_S * 100)
    assert holds(lease)
    assert len(await claimed(storage, lease)) == 1
