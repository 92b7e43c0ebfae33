"""An event loop whose clock jumps: a minute of talk takes a millisecond, and a leaked task fails the test.

When nothing is ready, the clock moves to the next timer at once. What runs in threads (`asyncio.to_thread`, executors, and
whatever `busy` says) is waited for really while the clock stands still, so it takes no virtual time at all.

What runs in the context of a `Process` can be stopped as by SIGSTOP, and goes on later in a world that did not wait for it.
"""

import asyncio
import contextlib
import contextvars
import functools
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar, TypeVarTuple

T = TypeVar("T")
P = ParamSpec("P")
Ts = TypeVarTuple("Ts")

PATIENCE_S = 60.0
"""Real seconds without any progress after which a virtual loop gives up."""

POLL_S = 0.002
"""Real seconds between two looks at `busy`."""


def never_busy() -> bool:
    return False


class Stuck(AssertionError):
    """Everybody waits, nothing is scheduled, and nothing came from outside."""


class Process:
    """Tasks begun in its `context`, and theirs. Stopped, none of them moves; what was due meanwhile comes when it goes on."""

    def __init__(self) -> None:
        self.stopped = False
        self.context = contextvars.copy_context()
        self.context.run(_process.set, self)
        self._held: list[Callable[[], object]] = []

    def stop(self) -> None:
        self.stopped = True

    def go_on(self) -> None:
        self.stopped = False
        held, self._held = self._held, []
        for call in held:
            call()

    def hold(self, call: Callable[[], object]) -> None:
        self._held.append(call)


_process: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


class _JumpingSelector(selectors.DefaultSelector):
    """Asks `idle` what to do instead of waiting: it answers with the real seconds to wait, if any."""

    def __init__(self) -> None:
        super().__init__()
        self.idle: Callable[[float | None], float] = lambda timeout: timeout or 0.0
        self.progress = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout != 0:
            ready = super().select(self.idle(timeout))
        if ready:
            self.progress = time.monotonic()
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`busy` answers whether something outside the loop is at work whose result must be awaited really."""

    def __init__(self, busy: Callable[[], bool] = never_busy) -> None:
        self._outside = _JumpingSelector()
        super().__init__(self._outside)
        self._outside.idle = self._idle
        self._busy = busy
        self._now = 0.0
        self._in_threads = 0
        self.failures: list[str] = []
        self.set_exception_handler(
            lambda _, context: self.failures.append(f"{context['message']}: {context.get('exception')!r}")
        )

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return super().call_soon(self._gated(callback), *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return super().call_at(when, self._gated(callback), *args, context=context)

    def _gated(self, callback: Callable[[*Ts], object]) -> Callable[[*Ts], object]:
        """Runs in the context that it was scheduled with, unless the process of that context is stopped: then later."""

        def run(*args: *Ts) -> None:
            process = _process.get()
            if process is None or not process.stopped:
                callback(*args)
            else:
                again = functools.partial(self.call_soon, callback, *args, context=contextvars.copy_context())
                process.hold(again)

        return run

    def _run_once(self) -> None:
        """A timer may run as early as the clock's resolution: then its time has come, or who waits for the rest of it waits for ever."""
        resolution: float = self._clock_resolution  # type: ignore[attr-defined]
        if self._scheduled and self._scheduled[0].when() < self._now + resolution:  # type: ignore[attr-defined]
            self._now = max(self._now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._thread_done)
        return future

    def _thread_done(self, _: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    def _idle(self, timeout: float | None) -> float:
        """Jump over `timeout`, or say how many real seconds to wait for what is outside."""
        if timeout is not None and not self._in_threads and not self._busy():
            self._now += timeout
            self._outside.progress = time.monotonic()
            return 0.0
        if time.monotonic() - self._outside.progress > PATIENCE_S:
            self._outside.progress = time.monotonic()  # the tidying up after this is waited for too
            raise Stuck(f"nothing has happened for {PATIENCE_S:g} real seconds")
        return POLL_S


class LoopClock:
    """A `Clock` whose wall time starts at `epoch` and passes with the running loop's. It can be read from any thread."""

    def __init__(self, epoch: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._epoch = epoch
        self._loop = asyncio.get_running_loop()

    def now(self) -> datetime:
        return self._epoch + timedelta(seconds=self._loop.time())


class JumpingClock(LoopClock):
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong_by = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.wrong_by


@contextlib.contextmanager
def virtual_runner(busy: Callable[[], bool] = never_busy) -> Iterator[asyncio.Runner]:
    """Runs one thing after another in the same virtual time. Fails at the end on tasks left behind and on exceptions that only
    the loop saw.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(busy)) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        yield runner
        runner.run(_settle())
        leaked = [_name(task) for task in asyncio.all_tasks(loop)]
        assert not leaked, f"tasks left behind: {', '.join(leaked)}"
    assert not loop.failures, f"nobody caught: {'; '.join(loop.failures)}"


def run_virtual(main: Coroutine[Any, Any, T], *, busy: Callable[[], bool] = never_busy) -> T:
    """One thing in virtual time."""
    with virtual_runner(busy) as runner:
        return runner.run(main)


async def _settle() -> None:
    """What was cancelled or let go a moment ago may end."""
    for _ in range(5):
        await asyncio.sleep(0)


def _name(task: asyncio.Task[Any]) -> str:
    coroutine = task.get_coro()
    return str(getattr(coroutine, "__qualname__", coroutine))


def virtual(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Decorate an async test: it runs in virtual time, fixtures work as ever."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs))

    return run


class ManualClock:
    """A `Clock` that stands still unless it is moved."""

    def __init__(self, at: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        """Move it on, or back."""
        self.at += timedelta(seconds=seconds)
