"""Tests put nothing in the place of code: what differs is given to it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PATCHING = {"mock.patch", "mocker.patch"}


def names(tree: ast.AST) -> Iterator[str]:
    """What is imported, and what is looked up on a name."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=imported):
                yield from (each.name for each in imported)
            case ast.ImportFrom(module=str(module), names=imported):
                yield from (f"{module}.{each.name}" for each in imported)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                yield f"{owner}.{name}"


def patching(source: str) -> list[str]:
    return [name for name in names(ast.parse(source)) if name in PATCHING or name.endswith(".setattr") or _mocks(name)]


def _mocks(name: str) -> bool:
    return f"{name}.".startswith("unittest.mock.")


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_patches_what_it_tests(path: Path) -> None:
    assert patching(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "monkeypatch.setattr('bot.clock.now', 5)",
        "given.setattr(clock, 'now', 5)",
        "import unittest.mock",
        "import unittest.mock as fakes",
        "from unittest import mock",
        "from unittest.mock import patch",
        "mock.patch('bot.clock')",
        "with mock.patch.object(Clock, 'now'): ...",
    ],
)
def test_patching_is_seen(source: str) -> None:
    assert patching(source)
    assert not patching("monkeypatch.setenv('PORT', '1'); monkeypatch.chdir('/')")
