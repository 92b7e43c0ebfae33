"""Tests put nothing in the place of code: what differs is given to it."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.sources import mentioning, named, nodes

PATCHING = {"mock.patch", "mocker.patch"}
REPLACING = (".setattr", ".delattr", ".setitem", ".delitem")


def names(tree: Iterable[ast.AST]) -> Iterator[str]:
    """What is imported, and what is looked up on a name."""
    for node in tree:
        match node:
            case ast.Import(names=imported):
                yield from (each.name for each in imported)
            case ast.ImportFrom(module=str(module), names=imported):
                yield from (f"{module}.{each.name}" for each in imported)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                yield f"{owner}.{name}"


def patching(tree: Iterable[ast.AST]) -> list[str]:
    return [name for name in names(tree) if name in PATCHING or name.endswith(REPLACING) or _mocks(name)]


def _mocks(name: str) -> bool:
    return f"{name}.".startswith("unittest.mock.")


def test_no_test_patches_what_it_tests() -> None:
    found = {named(path): patching(nodes(path)) for path in mentioning("mock|(set|del)(attr|item)", "tests")}
    assert named(Path(__file__)) in found
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "monkeypatch.setattr('bot.clock.now', 5)",
        "given.setattr(clock, 'now', 5)",
        "monkeypatch.setitem(KNOWN, 'x', '0')",
        "monkeypatch.delattr(clock, 'now')",
        "import unittest.mock",
        "import unittest.mock as fakes",
        "from unittest import mock",
        "from unittest.mock import patch",
        "mock.patch('bot.clock')",
        "with mock.patch.object(Clock, 'now'): ...",
    ],
)
def test_patching_is_seen(source: str) -> None:
    assert patching(ast.walk(ast.parse(source)))
    assert not patching(ast.walk(ast.parse("monkeypatch.setenv('PORT', '1'); monkeypatch.chdir('/')")))
