"""How a command asks the rest of the program: loaded when the command runs, so that `--help` is quick."""

import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bot.domain.text import printable

if TYPE_CHECKING:
    from bot.ports.storage import Storage

T = TypeVar("T")


def finish(work: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(work)


def ask_store(question: Callable[["Storage"], Awaitable[str]]) -> str:
    """What a question to the database is answered with."""
    from bot.app.wiring import BESIDE_THE_SERVICE, open_storage

    async def ask() -> str:
        async with open_storage(size=BESIDE_THE_SERVICE) as storage:
            return await question(storage)

    return finish(ask())


def print_answer(question: Callable[["Storage"], Awaitable[str]]) -> None:
    """Ask the database and print the answer: in a terminal without what could move its cursor, into a file as it is."""
    answer = ask_store(question)
    click.echo(printable(answer) if sys.stdout.isatty() else answer)
