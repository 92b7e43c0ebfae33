"""How the code is laid out: each class has a name of its own, and each file one reason to exist."""

import ast
import re
from collections import defaultdict

from tests.sources import mentioning, named, nodes, sources

CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
TEST = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)
LOOKS_AT_A_TYPE = re.compile(r"(.+\.)?(msgspec|json|msgpack)\.(decode|convert)|(.+\.)?Decoder")

WORDS_OF_A_TEST = 10
LONGEST = 600
"""Lines of a file: what is longer has two reasons to exist, or more. docs/architecture.md says why not fewer."""


def test_no_class_name_stands_for_two_things() -> None:
    where: defaultdict[str, list[str]] = defaultdict(list)
    for path in sources("bot", "adapters"):
        for name in CLASS.findall(path.read_text()):
            where[name].append(named(path))
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}


def test_no_file_is_too_long_to_have_one_subject() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in sources("bot", "adapters", "tests")}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_a_tests_name_is_short_enough_to_search_for() -> None:
    long = [
        f"{named(path)}::{name}"
        for path in sources("tests")
        for name in TEST.findall(path.read_text())
        if len(name.split("_")) - 1 > WORDS_OF_A_TEST
    ]
    assert long == []


def test_storage_threads_decode_only_with_decoders_made_on_import() -> None:
    """Two threads that look at a type together for the first time end the process: `bot/storage/decoders.py`."""
    late = [
        f"{named(path)}:{call.lineno}"
        for path in mentioning("msgspec", "bot/storage")
        for function in nodes(path)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for call in ast.walk(function)
        if isinstance(call, ast.Call) and LOOKS_AT_A_TYPE.fullmatch(ast.unparse(call.func))
    ]
    assert late == []
