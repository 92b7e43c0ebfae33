"""What waits in real time waits for `HANG_S`: a bound that a busy machine can reach fails tests of what is not broken."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import HANG_S

TESTS = Path(__file__).parents[1]
VIRTUAL = re.compile(r"\bvirtual|on_stack|tests\.(?:world|session|memory)_fixture|publishing")
"""In files that time jumps in, a second is none."""
ON_PURPOSE = "# runs out"
"""Marks a bound that is meant to be reached, or that is followed by another try."""

REAL = [path for path in sorted(TESTS.rglob("*.py")) if "browser" in path.parts or not VIRTUAL.search(path.read_text())]


def bounds(call: ast.Call) -> Iterator[ast.expr]:
    """The numbers of seconds in a call that waits."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    yield from (keyword.value for keyword in call.keywords if keyword.arg in {"timeout", "within", "open_timeout"})
    if name == "timeout":
        yield from call.args
    elif name == "wait_for":
        yield from call.args[1:]


@pytest.mark.parametrize("path", REAL, ids=lambda path: str(path.relative_to(TESTS)))
def test_no_bound_is_one_that_a_busy_machine_reaches(path: Path) -> None:
    lines = path.read_text().splitlines()
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    short = [
        lines[bound.lineno - 1].strip()
        for call in calls
        for bound in bounds(call)
        if isinstance(bound, ast.Constant) and isinstance(bound.value, int | float) and bound.value < HANG_S
    ]
    assert [line for line in short if ON_PURPOSE not in line] == []
