"""SECURITY.md: who is behind each row of the threat model, and that the test it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COLUMNS = 4


def _rows() -> list[list[str]]:
    section = (ROOT / "SECURITY.md").read_text().partition("## Threat model")[2]
    lines = [line.strip().strip("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


def _shown_by(row: list[str]) -> list[tuple[str, str]]:
    return [(path, name) for path, name in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[-1])]


def test_every_threat_names_its_defence_and_test() -> None:
    rows = _rows()
    assert rows
    assert rows[0][0]  # the first names its actor; a cell left empty means the one above
    assert all(len(row) == COLUMNS and all(row[1:]) for row in rows)
    assert all(_shown_by(row) for row in rows)


@pytest.mark.parametrize(("path", "name"), [shown for row in _rows() for shown in _shown_by(row)])
def test_the_test_that_a_row_names_is_there(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text(), re.MULTILINE)
