"""What runs many processes waits for them as long as a busy machine takes."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGEST_S = 1800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONGEST_S))
