"""What holds for every test: hypothesis' settings, the soak gate, no task left behind, and a table of what was skipped."""

import asyncio
import gc
import inspect
import os
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest
import structlog
from hypothesis import HealthCheck, settings

from bot.app.plugins import plugins

SOAK = "SOAK"


def _quiet(*_: object) -> NoReturn:
    raise structlog.DropEvent


structlog.configure(processors=[_quiet])  # tests that read logs capture or configure them

plugins()  # the shapes of secrets that they bring are known, as in the service

settings.register_profile(
    "here", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.register_profile("soak", settings.get_profile("here"), max_examples=2_000)
settings.load_profile("soak" if SOAK in os.environ else "ci" if "CI" in os.environ else "here")


MEMORY = Path("/dev/shm")
ENOUGH = 2 * 1024**3
"""Bytes. A whole run leaves a few hundred megabytes."""


SELDOM = 50_000
"""Objects more than were freed, until garbage is looked for. At Python's 700 that is a sixth of the CPU of all tests."""


def pytest_configure() -> None:
    """Databases that are gone in a moment need no disk: every commit would wait for it. What a shell began in the background ignores
    Ctrl-C, and so would processes of tests that are to be interrupted.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(SELDOM)
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish() -> None:
    """What was imported stays until the end: it is no garbage."""
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SOAK not in os.environ:
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="takes long: only with `make soak`"))


BOTH_ENGINES = tuple(f"tests/integration/runtime/test_{story}.py" for story in ("crashes", "journey", "shared"))
"""Stories that `make test` runs on PostgreSQL too, and with every write twice; `make soak` does so with all."""


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Where the world of a story keeps what it keeps."""
    return str(getattr(request, "param", "sqlite"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames and (
        SOAK in os.environ or metafunc.definition.nodeid.startswith(BOTH_ENGINES)
    ):
        metafunc.parametrize("engine", ["sqlite", "postgresql", "twice"], indirect=True)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Every async test has `_no_task_left`, set up first, so torn down last: a task that outlives test and fixtures fails it. As an
    autouse fixture it would cost all the other tests something too.
    """
    if (
        isinstance(item, pytest.Function)
        and inspect.iscoroutinefunction(item.function)
        and "_no_task_left" not in item.fixturenames
    ):
        item.fixturenames.insert(0, "_no_task_left")


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    for _ in range(5):  # what was cancelled a moment ago may end
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"still running after the test: {left}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = Counter(_reason(report) for report in terminalreporter.getreports("skipped"))
    terminalreporter.section("skipped, and why")
    for reason, number in sorted(skipped.items()):
        terminalreporter.write_line(f"{number:5} x {reason}")
    if not skipped:
        terminalreporter.write_line("    nothing")


def _reason(report: pytest.TestReport) -> str:
    where = report.longrepr
    return where[2].removeprefix("Skipped: ") if isinstance(where, tuple) else str(where)
