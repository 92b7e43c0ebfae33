"""What people read, side by side: in people's words, and short enough to be read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = (
    "bot/commands",
    "bot/domain",
    "bot/ingress",
    "bot/jobs",
    "bot/queries",
    "bot/runtime",
    "bot/transcript",
    "bot/web/api",
    "bot/web/viewer",
)
READ_TOO = ("adapters/slack", "adapters/discord", "adapters/playground")
LONGEST = 300
"""Characters of what is said at once."""

OLD_WORDS = ("stretch", "on air", "as usual", "keep going", "opening line", "nearest are", "says what it is given")


def files() -> list[Path]:
    roots = [ROOT / name for name in (*READ, *READ_TOO)]
    return [path for root in roots for path in (sorted(root.rglob("*.py")) if root.is_dir() else [root])]


def sentences(tree: ast.AST) -> Iterator[str]:
    """Texts of several words that begin as a sentence does; what is filled in stands as an ellipsis. No docstrings."""
    statements = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    filled = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    pieces = {id(part) for node in filled for part in node.values} | set(map(id, statements))
    whole = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in pieces]
    texts = [*map(_filled, filled), *(node.value for node in whole if isinstance(node.value, str))]
    return (text for text in texts if text[:1].isupper() and " " in text)


def _filled(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_what_people_read_is_short_and_in_their_words(path: Path) -> None:
    """`pytest -s -k wording` prints all of it, to be read whole."""
    for text in sentences(ast.parse(path.read_text())):
        print(f"{path.relative_to(ROOT)}: {text}")  # noqa: T201 - to be read whole
        assert len(text) <= LONGEST, text
        assert not [word for word in OLD_WORDS if word in text.casefold()], text
