"""What people read, side by side: in people's words, and short enough to be read."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.sources import named, nodes, sources

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


def sentences(path: Path) -> Iterator[str]:
    """Texts of several words that begin as a sentence does; what is filled in stands as an ellipsis. No docstrings."""
    tree = nodes(path)
    statements = [node.value for node in tree if isinstance(node, ast.Expr)]
    filled = [node for node in tree if isinstance(node, ast.JoinedStr)]
    pieces = {id(part) for node in filled for part in node.values} | set(map(id, statements))
    whole = [node for node in tree if isinstance(node, ast.Constant) and id(node) not in pieces]
    texts = [*map(_filled, filled), *(node.value for node in whole if isinstance(node.value, str))]
    return (text for text in texts if text[:1].isupper() and " " in text)


def _filled(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


def test_what_people_read_is_short_and_in_their_words() -> None:
    """`pytest -s -k wording` prints all of it, to be read whole."""
    read = [(path, text) for path in sources(*READ, *READ_TOO) for text in sentences(path)]
    for path, text in read:
        print(f"{named(path)}: {text}")  # noqa: T201 - to be read whole
        assert len(text) <= LONGEST, text
        assert not [word for word in OLD_WORDS if word in text.casefold()], text
    assert len(read) > 100
