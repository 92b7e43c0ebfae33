"""What waits in real time waits for `HANG_S`: a bound that a busy machine can reach fails tests of what is not broken."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.patience import HANG_S
from tests.sources import mentioning, named, nodes

VIRTUAL = re.compile(r"\bvirtual|on_stack|tests\.(?:world|session|memory)_fixture|publishing")
"""In files that time jumps in, a second is none."""
NUMBERED = r"(?:timeout|within)=\d|\btimeout\(\s*\d|\bwait_for\("
"""What a file with a bound in it has, as the formatter writes it: the others need not be parsed."""
ON_PURPOSE = "# runs out"
"""Marks a bound that is meant to be reached, or that is followed by another try."""


def bounds(call: ast.Call) -> Iterator[ast.expr]:
    """The numbers of seconds in a call that waits."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    yield from (keyword.value for keyword in call.keywords if keyword.arg in {"timeout", "within", "open_timeout"})
    if name == "timeout":
        yield from call.args
    elif name == "wait_for":
        yield from call.args[1:]


def in_real_time(path: Path) -> bool:
    return "browser" in path.parts or not VIRTUAL.search(path.read_text())


def too_short(path: Path) -> Iterator[str]:
    """Lines with a bound that is not meant to be reached."""
    lines = path.read_text().splitlines()
    for bound in (bound for node in nodes(path) if isinstance(node, ast.Call) for bound in bounds(node)):
        if isinstance(bound, ast.Constant) and isinstance(bound.value, int | float) and bound.value < HANG_S:
            line = lines[bound.lineno - 1].strip()
            if ON_PURPOSE not in line:
                yield line


def test_no_bound_is_one_that_a_busy_machine_reaches() -> None:
    read = [path for path in mentioning(NUMBERED, "tests") if in_real_time(path)]
    assert len(read) > 20
    assert [f"{named(path)}: {line}" for path in read for line in too_short(path)] == []
