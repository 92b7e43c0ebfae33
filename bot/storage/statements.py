"""Statements that are compiled once and run by the driver itself.

SQLAlchemy takes several times as long for a statement as SQLite does: it looks for it in its cache by a key built from the whole
expression, and makes an execution context and a result. For the statements of every message that is half of what a message costs.
"""

import operator
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    SelectBase,
    Table,
    UpdateBase,
    and_,
    bindparam,
    literal_column,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

from bot.domain.conversations import ConversationRef
from bot.ports.storage.records import Lease
from bot.storage.encryption import Cipher
from bot.storage.tables import Instant, sessions


@dataclass(frozen=True, slots=True)
class SqlTransaction:
    """`now` is when it was asked for. `shared_now` is the same by the clock by which processes are compared: None for the server's."""

    connection: Connection
    cipher: Cipher
    now: datetime
    shared_now: datetime | None

    @property
    def on_server(self) -> bool:
        """Others may be in a transaction at the same time."""
        return self.connection.dialect.name != "sqlite"

    @property
    def driver(self) -> Any:
        """The driver's own connection."""
        return self.connection.connection.driver_connection


# ---------------------------------------------------------------- prepared


Convert = Callable[[Any], Any]


def one_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """True where the column is one of the list that a prepared statement is given as `name`."""
    return column.bool_op("IN")(tuple_(bindparam(name, type_=column.type)))


class Prepared:
    """A statement all of whose values are parameters; compiled for each set of their names. A value is always a list, or never."""

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, ...], _Compiled] = {}

    def rows(self, tx: SqlTransaction, **values: object) -> list[Any]:
        """What it finds, as named tuples."""
        compiled = self._for(tx, values)
        return compiled.decoded(tx.driver.execute(*compiled.call(values)))

    def first(self, tx: SqlTransaction, **values: object) -> Any | None:
        return next(iter(self.rows(tx, **values)), None)

    def run(self, tx: SqlTransaction, **values: object) -> int:
        """How many rows it changed."""
        return int(tx.driver.execute(*self._for(tx, values).call(values)).rowcount)

    def run_each(self, tx: SqlTransaction, rows: Sequence[Mapping[str, object]]) -> None:
        """Once for each; all have the same names, and no lists."""
        if rows:
            compiled = self._for(tx, rows[0])
            tx.driver.cursor().executemany(compiled.text, [compiled.encoded(row) for row in rows])

    def _for(self, tx: SqlTransaction, values: Mapping[str, object]) -> "_Compiled":
        dialect = tx.connection.dialect
        names = (dialect.name, *values)
        if names not in self._compiled:
            self._compiled[names] = _Compiled(self._statement, dialect, values)
        return self._compiled[names]


class _Compiled:
    """Its text in one dialect, and how values and rows are converted."""

    def __init__(self, statement: ClauseElement, dialect: Dialect, values: Mapping[str, object]) -> None:
        names = list(values)
        written = visitors.replacement_traverse(statement, {}, partial(_written_out, dialect))
        assert isinstance(written, ClauseElement)
        compiled = written.compile(dialect=dialect, column_keys=names)
        assert isinstance(compiled, SQLCompiler)
        self.text = compiled.string
        self._mark = "%s" if dialect.paramstyle == "format" else "?"
        self._pieces = self.text.split(self._mark)
        self._parameters = [(name, _encoder(compiled, name, dialect)) for name in compiled.positiontup or ()]
        assert len(self._pieces) == len(self._parameters) + 1, self.text
        self._lists = [name for name in names if isinstance(values[name], list)]
        self._texts: dict[tuple[int, ...], str] = {}
        self._fixed = {name: value for name, value in compiled.params.items() if name not in names}
        columns = list(statement.exported_columns) if isinstance(statement, SelectBase | UpdateBase) else []
        self._row = _row_type(columns)
        self._decoders = [(at, decode) for at, column in enumerate(columns) if (decode := _decoder(column, dialect))]

    def call(self, values: Mapping[str, object]) -> tuple[str, list[object]]:
        """Its text and the values in their positions, lists spread out."""
        encoded = self.encoded(values)
        if not self._lists:
            return self.text, encoded
        lengths = tuple([len(values[name]) for name in self._lists])  # type: ignore[arg-type] # they are lists
        text = self._texts.get(lengths) or self._texts.setdefault(
            lengths, self._spread(dict(zip(self._lists, lengths, strict=True)))
        )
        return text, [each for value in encoded for each in (value if isinstance(value, list) else (value,))]

    def _spread(self, lengths: Mapping[str, int]) -> str:
        """Its text for lists of these lengths."""
        marks = [_marks(self._mark, lengths.get(name, -1)) for name, _ in self._parameters]
        return self._pieces[0] + "".join(map(operator.add, marks, self._pieces[1:]))

    def encoded(self, values: Mapping[str, object]) -> list[object]:
        """The values in their positions."""
        given = {**self._fixed, **values}
        return [_applied(encode, given[name]) if encode else given[name] for name, encode in self._parameters]

    def decoded(self, rows: Iterable[Sequence[Any]]) -> list[Any]:
        return [self._row._make(self._decode(row)) for row in rows]

    def _decode(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self._decoders:
            return row
        values = list(row)
        for at, decode in self._decoders:
            values[at] = decode(values[at])
        return values


def _written_out(dialect: Dialect, element: Any, **_: object) -> ColumnElement[Any] | None:
    """A constant of a condition as text: one that decides whether a partial index serves makes SQLite plan at each execution."""
    if not isinstance(element, BindParameter) or element.required or isinstance(element.type, NullType):
        return None
    return literal_column(str(element.compile(dialect=dialect, compile_kwargs={"literal_binds": True})), element.type)


def _row_type(columns: Sequence[ColumnElement[Any]]) -> Any:
    return namedtuple("Row", [str(column.key) for column in columns])  # noqa: PYI024


def _encoder(compiled: SQLCompiler, name: str, dialect: Dialect) -> Convert | None:
    return compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)


def _applied(encode: Convert, value: Any) -> Any:
    return list(map(encode, value)) if isinstance(value, list) else encode(value)


def _decoder(column: ColumnElement[Any], dialect: Dialect) -> Convert | None:
    return column.type.dialect_impl(dialect).result_processor(dialect, None)


def _marks(mark: str, length: int) -> str:
    """Of a list, or of a single value where it is negative. Nothing is one of an empty list."""
    return mark if length < 0 else ", ".join([mark] * length) or "NULL"


# ---------------------------------------------------------------- one clock for all processes


class SharedClock(FunctionElement[int]):
    """Microseconds since 1970: as given, else by the server's clock, so that no two processes disagree."""

    type = BigInteger()
    inherit_cache = True


@compiles(SharedClock, "postgresql")
def _of_server(element: SharedClock, compiler: SQLCompiler, **how: Any) -> str:
    given = compiler.process(element.clauses, **how)
    return f"coalesce(CAST({given} AS BIGINT), CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT))"


@compiles(SharedClock)
def _of_process(element: SharedClock, compiler: SQLCompiler, **how: Any) -> str:
    return compiler.process(element.clauses, **how)


NOW = SharedClock(bindparam("now", type_=Instant()))
"""The time by which claims of several processes are compared. A statement with it is given `now`, the transaction's `shared_now`."""


def lasting(span: timedelta) -> int:
    """A span in the unit of that clock."""
    return span // timedelta(microseconds=1)


# ---------------------------------------------------------------- conditions that several share


Value = str | BindParameter[str]

HELD = and_(
    sessions.c.id == bindparam("held_session"),
    sessions.c.epoch == bindparam("held_epoch"),
    sessions.c.worker_id == bindparam("held_worker"),
)
"""The fence: true of a session's row while the lease that `holding` names is ours."""


def holding(lease: Lease) -> dict[str, object]:
    return {"held_session": lease.session_id, "held_epoch": lease.epoch, "held_worker": lease.worker_id}


def in_channels(table: Table) -> ColumnElement[bool]:
    """True of rows in the channels that `channels_of` names, and perhaps of some more in the same workspaces."""
    return and_(
        one_of(table.c.platform, "platforms"),
        one_of(table.c.workspace_id, "workspaces"),
        one_of(table.c.channel_id, "channels"),
    )


def channels_of(places: Iterable[ConversationRef]) -> dict[str, list[str]]:
    places = tuple(places)
    return {
        "platforms": list({place.platform for place in places}),
        "workspaces": list({place.workspace_id for place in places}),
        "channels": list({place.channel_id for place in places}),
    }


def in_channel(table: Table, place: ConversationRef) -> ColumnElement[bool]:
    """True of rows in the channel of a place."""
    return and_(in_workspace(table, place.platform, place.workspace_id), table.c.channel_id == place.channel_id)


def in_workspace(table: Table, platform: Value, workspace_id: Value) -> ColumnElement[bool]:
    return and_(table.c.platform == platform, table.c.workspace_id == workspace_id)
