"""The fenced blocks of README.md, CONTRIBUTING.md and docs/: what they are, and what is known of how they can be tried.

A block is tried as far as it goes. What a reader of the source sees above a fence, and nobody else, says where that is not all the way:
`<!-- block: account -->` needs an account, `network` the net, `machine` what only a machine of its own has. `service` is tried while the
service runs, and `serves` goes on until the end of its page.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAPERS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
ELSEWHERE = {"account", "network", "machine"}
"""Blocks that are not run here, only looked at."""

MARKS = {"", "service", "serves"} | ELSEWHERE
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
MARK = re.compile(r"<!-- block: (.*?) -->\s*\Z")
ASSIGNED = re.compile(r"[A-Z][A-Z_]*=")


@dataclass(frozen=True)
class Block:
    """One fenced block, without its indentation."""

    paper: str
    line: int
    language: str
    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.paper}:{self.line}"

    @property
    def commands(self) -> list["Shown"]:
        return list(_commands(self.text))


@dataclass(frozen=True)
class Shown:
    """A command of a console block, its lines joined, and the output that is shown for it."""

    typed: str
    output: str

    def matches(self, real: str) -> bool:
        """Whether that is what came, where `…` stands for anything."""
        pattern = ".*".join(map(re.escape, self.output.strip().split("…")))
        return not self.output.strip() or re.fullmatch(pattern, real.strip(), re.DOTALL) is not None


def _commands(text: str) -> Iterator[Shown]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        typed = re.match(r"(?:.*\\\n)*.*\n", part)
        assert typed, part
        yield Shown(typed[0].rstrip(), part[typed.end() :])


def _blocks(paper: Path) -> Iterator[Block]:
    text = paper.read_text()
    for found in FENCE.finditer(text):
        mark = MARK.search(text[: found.start()])
        inside = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
        line = text.count("\n", 0, found.start()) + 1
        yield Block(paper.relative_to(ROOT).as_posix(), line, found["language"], mark[1] if mark else "", inside)


BLOCKS = [block for paper in PAPERS for block in _blocks(paper)]


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def programs(typed: str) -> Iterator[list[str]]:
    """The words of each program that a command line runs, without settings in front and what is redirected behind."""
    lexer = shlex.shlex(typed, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if set(word) <= set(";&|"):
            yield from [words] if words else []
            words = []
        elif words or not ASSIGNED.match(word):
            words.append(word)


def arguments(words: list[str]) -> list[str]:
    """What a program is given, without redirections."""
    kept: list[str] = []
    for before, word in zip(["", *words[1:]], words[1:], strict=False):
        if not set(word) <= set("<>") and not (before and set(before) <= set("<>")):
            kept.append(word)
    return kept
