"""How the code is laid out: each class has a name of its own, and each file one reason to exist."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS_OF_A_TEST = 10
LONGEST = 400
"""Lines of a file: what is longer has two reasons to exist, or more."""


def _files(*folders: str) -> Iterator[tuple[str, str]]:
    """Each file's path and text."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text()


def test_no_class_name_stands_for_two_things() -> None:
    where: defaultdict[str, list[str]] = defaultdict(list)
    for path, text in _files("bot", "adapters"):
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.ClassDef):
                where[statement.name].append(path)
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_no_file_is_too_long_to_have_one_subject() -> None:
    lengths = {path: len(text.splitlines()) for path, text in _files("bot", "adapters", "tests")}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_a_tests_name_is_short_enough_to_search_for() -> None:
    long = [
        f"{path}::{each.name}"
        for path, text in _files("tests")
        for each in ast.walk(ast.parse(text))
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and each.name.startswith("test_")
        if len(each.name.split("_")) - 1 > WORDS_OF_A_TEST
    ]
    assert long == []
