"""Sources of this project, for tests that read them."""

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


@cache
def sources(*folders: str) -> Sequence[Path]:
    """All Python files in these folders."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def mentioning(pattern: str, *folders: str) -> Sequence[Path]:
    """Those of them in whose text that is found: what names nothing of the kind need not be parsed."""
    return [path for path in sources(*folders) if re.search(pattern, path.read_text())]


def nodes(path: Path) -> Sequence[ast.AST]:
    """All that a file's syntax tree holds, what is nearer to the root first. Not kept: few are asked for twice, and all of them would be
    gone through each time that garbage is looked for.
    """
    return tuple(ast.walk(ast.parse(path.read_text())))


def named(path: Path) -> str:
    """Its path within the project."""
    return path.relative_to(ROOT).as_posix()
