"""The clock that other tests trust."""

import asyncio
import threading
import time

import pytest

from bot.testing.virtual_time import Process, run_virtual, virtual


@virtual
async def test_hours_pass_in_an_instant_and_in_order() -> None:
    started, woken = time.monotonic(), []

    async def nap(seconds: float) -> None:
        await asyncio.sleep(seconds)
        woken.append(asyncio.get_running_loop().time())

    await asyncio.gather(nap(7200), nap(0.3), nap(60))
    assert woken == pytest.approx([0.3, 60, 7200])
    assert time.monotonic() - started < 5


@virtual
async def test_a_time_out_fires_at_its_virtual_moment() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == pytest.approx(5)


@virtual
async def test_a_due_moment_is_there_despite_rounding() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(44.8)
    due = loop.time() + 1e-12

    for _ in range(3):
        if loop.time() < due:
            await asyncio.sleep(due - loop.time())

    assert loop.time() >= due


@virtual
async def test_a_thread_takes_no_virtual_time() -> None:
    async with asyncio.timeout(0.001):
        await asyncio.to_thread(time.sleep, 0.05)
    assert asyncio.get_running_loop().time() == 0


def test_whoever_is_busy_is_waited_for() -> None:
    done = threading.Event()

    async def main() -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def work() -> None:
            time.sleep(0.05)
            loop.call_soon_threadsafe(answer.set_result, "done")
            done.set()

        threading.Thread(target=work).start()
        async with asyncio.timeout(0.001):
            return await answer

    assert run_virtual(main(), busy=lambda: not done.is_set()) == "done"


def test_a_task_left_behind_fails() -> None:
    async def main() -> asyncio.Task[None]:
        return asyncio.create_task(asyncio.sleep(1))

    with pytest.raises(AssertionError, match="left behind: sleep"):
        run_virtual(main())


def test_an_exception_nobody_caught_fails() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    with pytest.raises(AssertionError, match=r"nobody caught: .*division by zero"):
        run_virtual(main())


@virtual
async def test_a_stopped_process_catches_up_when_continued() -> None:
    process, ticks = Process(), []

    async def tick() -> None:
        for _ in range(3):
            await asyncio.sleep(1)
            ticks.append(asyncio.get_running_loop().time())

    ticking = asyncio.create_task(tick(), context=process.context)
    await asyncio.sleep(1.5)
    process.stop()
    await asyncio.sleep(60)
    assert ticks == pytest.approx([1])
    process.go_on()
    await ticking
    assert ticks == pytest.approx([1, 61.5, 62.5])


@virtual
async def test_children_of_a_stopped_process_stop_and_strangers_do_not() -> None:
    process, news = Process(), asyncio.Event()

    async def parent() -> None:
        await asyncio.create_task(news.wait())

    waiting = asyncio.create_task(parent(), context=process.context)
    await asyncio.sleep(0)
    process.stop()
    news.set()
    await asyncio.sleep(10)
    assert not waiting.done()
    process.go_on()
    await waiting
