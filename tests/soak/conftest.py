"""Long enough for a million inputs on a busy machine."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGEST_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONGEST_S))


def counts(many: int, some: int) -> pytest.MarkDecorator:
    """`many` inputs with `make soak`, else `some`."""
    return pytest.mark.parametrize(
        "count", [pytest.param(some, id="some"), pytest.param(many, id="many", marks=pytest.mark.soak)]
    )
