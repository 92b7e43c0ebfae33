"""Nothing of ours swallows a cancellation: whoever does lives on when it was told to end, and serves nobody."""

import ast
import asyncio
from collections.abc import Iterable, Iterator

import pytest

from bot.tasks import cancel_and_wait
from tests.sources import mentioning, named, nodes

CATCH_IT = frozenset({"CancelledError", "BaseException"})


def swallowed(tree: Iterable[ast.AST]) -> Iterator[int]:
    """Lines that suppress a cancellation, or catch one and do not raise it again."""
    for node in tree:
        if isinstance(node, ast.Call) and _name(node.func) == "suppress" and any(map(_catches, node.args)):
            yield node.lineno
        if isinstance(node, ast.ExceptHandler) and (node.type is None or _catches(node.type)):
            last = node.body[-1]
            if not (isinstance(last, ast.Raise) and last.exc is None):
                yield node.lineno


def _catches(kind: ast.expr) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(_name(each) in CATCH_IT for each in kinds)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_source_of_ours_swallows_a_cancellation() -> None:
    read = mentioning("|".join((*CATCH_IT, r"except\s*:")), "bot", "adapters")
    found = [f"{named(file)}:{line}" for file in read for line in swallowed(nodes(file))]
    assert len(read) > 10
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "with contextlib.suppress(asyncio.CancelledError):\n await task",
        "with suppress(OSError, CancelledError):\n await task",
        "try:\n await task\nexcept asyncio.CancelledError:\n pass",
        "try:\n await task\nexcept (OSError, CancelledError):\n log()",
        "try:\n await task\nexcept BaseException as error:\n keep(error)",
        "try:\n await task\nexcept:\n pass",
    ],
)
def test_a_swallowed_cancellation_is_found(source: str) -> None:
    assert list(swallowed(ast.walk(ast.parse(source))))


def test_one_that_is_raised_again_is_fine() -> None:
    assert not list(
        swallowed(ast.walk(ast.parse("try:\n await task\nexcept asyncio.CancelledError:\n tidy()\n raise")))
    )


async def test_whoever_waits_for_a_task_to_end_can_be_cancelled() -> None:
    tidying = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await tidying.wait()

    task = asyncio.create_task(slow_to_end())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(cancel_and_wait(task))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    tidying.set()
    await asyncio.wait((task,))


async def test_a_tasks_failure_is_raised_its_cancellation_is_not() -> None:
    async def failing() -> None:
        raise ValueError("a fault of ours")

    failed, endless = asyncio.create_task(failing()), asyncio.create_task(asyncio.Event().wait())
    await asyncio.sleep(0)
    await cancel_and_wait(endless)
    with pytest.raises(ValueError, match="a fault of ours"):
        await cancel_and_wait(failed, endless)
