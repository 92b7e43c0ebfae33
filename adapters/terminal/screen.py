"""A talk on a screen: names in a column, words wrapped beside it, and a line that grows while it is spoken."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self
from unicodedata import combining, east_asian_width

import click

from bot.domain.text import printable, printable_line

NAME_CELLS = 10
GAP = "  "
MARGIN = NAME_CELLS + len(GAP)
LEAST_CELLS = 20
"""For words, however narrow the window is."""

_BACK = "\r\033[{}A"
_CLEAR = "\r\033[J"


@dataclass(frozen=True, slots=True)
class TerminalShape:
    """What the screen is: in cells and lines. Where nothing `rewrites`, as in a file, only whole lines are written, unwrapped."""

    columns: int = 80
    lines: int = 24
    rewrites: bool = False
    colours: bool = False

    @classmethod
    def here(cls) -> Self:
        """Of this process's standard output, as it is at the moment."""
        terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        size = shutil.get_terminal_size()
        return cls(size.columns, size.lines, terminal, terminal and not os.environ.get("NO_COLOR"))


class TerminalScreen:
    """Written to from top to bottom; only the block at the end may grow. Nothing is written to a reader that has left."""

    def __init__(
        self, shape: Callable[[], TerminalShape] = TerminalShape.here, write: Callable[[str], None] | None = None
    ) -> None:
        self.deserted = False
        self._shape = shape
        self._out = write or _echo
        self._grown = 0  # lines of the block that still grows

    def line(self, name: str, text: str) -> None:
        """What somebody said, whole."""
        self._write(self._cleared() + "\n".join(self._block(name, text)) + "\n")

    def grow(self, name: str, text: str) -> None:
        """What somebody says, so far; the next call, of whichever kind, takes its place."""
        shape = self._shape()
        if shape.rewrites:
            block = self._block(name, text)[-max(1, shape.lines - 1) :]  # what has scrolled away cannot be rewritten
            self._write(self._cleared() + "\n".join(block))
            self._grown = len(block)

    def heading(self, text: str) -> None:
        """At the edge, between empty lines."""
        text = printable(text)
        shape = self._shape()
        lines = wrap(text, shape.columns - 3) if shape.rewrites else [text]
        self._write("\n" + "".join(f"  {self._styled(line, dim=True)}\n" for line in lines) + "\n")

    def aside(self, text: str) -> None:
        """What nobody said."""
        self._write(self._cleared() + "\n".join(self._block("", text, dim=True)) + "\n")

    def pause(self) -> None:
        """An empty line."""
        self._write(self._cleared() + "\n")

    def clear(self) -> None:
        """Take away what still grows."""
        self._write(self._cleared())

    # ------------------------------------------------ inside

    def _write(self, text: str) -> None:
        if self.deserted:
            return
        try:
            self._out(text)
        except BrokenPipeError:
            self.deserted = True
            _turn_away()

    def _cleared(self) -> str:
        grown, self._grown = self._grown, 0
        back = _BACK.format(grown - 1) if grown > 1 else ""
        return back + _CLEAR if grown else ""

    def _block(self, name: str, text: str, *, dim: bool = False) -> list[str]:
        name, text = printable_line(name), printable(text)
        shape = self._shape()
        room = max(LEAST_CELLS, shape.columns - MARGIN - 1)  # in the last column some terminals wrap by themselves
        wrapped = list(wrap(text, room)) if shape.rewrites else text.splitlines() or [""]
        first, *others = (self._styled(line, dim=dim) for line in wrapped)
        column = " " * max(0, NAME_CELLS - cells(name)) + self._styled(name, bold=True)
        return [f"{column}{GAP}{first}", *(f"{'':{MARGIN}}{line}" for line in others)]

    def _styled(self, text: str, *, bold: bool = False, dim: bool = False) -> str:
        plain = not (text and (bold or dim) and self._shape().colours)
        return text if plain else click.style(text, bold=bold or None, dim=dim or None)


def _echo(text: str) -> None:
    click.echo(text, nl=False, color=True)  # what is coloured is decided above


def _turn_away() -> None:
    """Python flushes standard output once more at its end, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def cells(text: str) -> int:
    """How wide it stands on a terminal."""
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def wrap(text: str, room: int) -> Iterator[str]:
    """Its lines, none wider than `room` cells; at least one. Cut at spaces, and inside a word only when it alone is too wide."""
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split(" "):
            if line and cells(line) + 1 + cells(word) > room:
                yield line
                line = word
            else:
                line = f"{line} {word}" if line else word
            while cells(line) > room:
                head = _fitting(line, room)
                yield head
                line = line[len(head) :]
        yield line


def _fitting(text: str, room: int) -> str:
    """The longest beginning that fits, at least one character."""
    end = next(end for end in range(1, len(text) + 1) if cells(text[: end + 1]) > room)
    return text[:end]
