"""Long lists, a page at a time."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from bot.commands.validation import suggest
from bot.domain.conversations import Command, Item, Reply
from bot.queries.context import Declined, Query
from bot.runtime.resolve import NamedOffer

PAGE = 10

T = TypeVar("T")
N = TypeVar("N", bound=NamedOffer)


def listing(request: Query, rows: Sequence[T], item: Callable[[T], Item], *, noun: str, hint: str) -> Reply:
    """The page that was asked for, with the command for the next. Raises `Declined` for one behind the last, and for an empty list."""
    if not rows:
        raise Declined(f"There are no {noun}s like that.")
    page, pages = request.number("page", 1), -(-len(rows) // PAGE)
    if page > pages:
        raise Declined(f"There {'is only one page' if pages == 1 else f'are only {pages} pages'}.")
    shown = rows[(page - 1) * PAGE : page * PAGE]
    count = f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}"
    where = f", page {page} of {pages}" if pages > 1 else ""
    return Reply(
        f"{count}{where}. {hint}", tuple(map(item, shown)), next=_next(request, page) if page < pages else None
    )


def _next(request: Query, page: int) -> Command | None:
    """The same list, a page further."""
    asked = request.inbound.body
    return Command(asked.verb, {**asked.options, "page": str(page + 1)}) if isinstance(asked, Command) else None


def like(wanted: str, rows: Sequence[N]) -> Sequence[N]:
    """Those whose name is like what was typed, best first; all when nothing was."""
    if not wanted:
        return rows
    order = {name: place for place, name in enumerate(suggest(wanted, [row.name for row in rows], len(rows)))}
    return sorted((row for row in rows if row.name in order), key=lambda row: order[row.name])


def facts(*words: str) -> str:
    """Those that are not empty, in a row."""
    return ", ".join(filter(None, words))
