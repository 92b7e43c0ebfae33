"""Every table and every column: what may hold something of people has a rule by which it is forgotten, and the rule works."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Connection, Float, Integer, LargeBinary, Table, func, insert, select

from bot.app.service import Parts, Service
from bot.commands.policy import Policy
from bot.jobs.retention import Retention
from bot.runtime.services import SessionTimeouts
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.sql import SqlStorage
from bot.storage.tables import Instant, metadata
from bot.telemetry import new_metrics
from bot.testing.provider import FakeAvatarProvider
from bot.testing.virtual_time import ManualClock
from tests.database import database_in
from tests.sources import ROOT
from tests.world_fixture import KEY

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
THEN = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)

FORGOTTEN = frozenset(
    {
        "sessions",
        "provider_sessions",
        "inbox",
        "turns",
        "utterances",
        "posts",
        "grants",
        "uploads",
        "events",
        "deliveries",
    }
    | {"seen", "ledger", "credit_readings"}
)
"""By their age, whoever is in them; most of them with their session."""

EMPTIED = {"belongings": ("consent_id", "consent_name", "consent_at")}
"""The row stays, and these columns are emptied by their age."""

KEPT = {
    "channel_settings": "`/avatar defaults reset`",
    "vault": "`/avatar account remove`",
    "workspaces": "`avatarbot workspaces allow`",
    "api_tokens": "`avatarbot tokens revoke`",
    "hooks": "`avatarbot hooks remove`",
}
"""Until somebody takes it back, in the words of docs/privacy.md."""

NOBODYS = frozenset(
    {"workers.id", "workers.address", "workers.roles"}
    | {"jobs.name", "jobs.holder", "budgets.key"}
    | {"offers.kind", "offers.rows", "offers.read_by"}  # what the provider offers everybody
    | {"shards.platform", "shards.process"}
    | {"schema.revision", "schema.readable_from"}
)
"""Columns with text of the program's own, in tables that no rule forgets."""


def _may_hold_words(column: Column[Any]) -> bool:
    return not isinstance(column.type, Instant | BigInteger | Integer | Boolean | Float)


def test_what_may_hold_something_of_people_has_a_rule() -> None:
    ruled = FORGOTTEN | EMPTIED.keys() | KEPT.keys()
    without = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        if table.name not in ruled
        for column in table.columns
        if _may_hold_words(column)
    }
    assert without == NOBODYS, "a column without a rule, or one that is gone"
    assert ruled <= metadata.tables.keys()


def test_what_is_kept_until_somebody_takes_it_back_is_documented() -> None:
    privacy = (ROOT / "docs" / "privacy.md").read_text()
    assert [how for how in KEPT.values() if how not in privacy] == []


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """One that has a row from long ago in every table."""
    async with Store.open(database_in(tmp_path), Cipher((KEY,))) as store:
        await store.write(_fill)
        yield store


def _fill(connection: Connection) -> None:
    for table in metadata.sorted_tables:
        if table.name != "schema":
            connection.execute(insert(table).values({column.name: _value(table, column) for column in table.columns}))


def _value(table: Table, column: Column[Any]) -> object:
    if (table.name, column.name) == ("sessions", "status"):
        return "ended"
    if (table.name, column.name) in {("deliveries", "due_at"), ("hooks", "listens_until")}:
        return None  # it has failed for good; and a receiver, no reader
    if isinstance(column.type, Instant):
        return THEN
    if isinstance(column.type, LargeBinary):
        return b""
    return "somebody" if _may_hold_words(column) else 0


async def test_everything_of_people_is_gone_when_its_time_is_over(store: Store) -> None:
    clock = ManualClock(NOW)
    storage, timeouts = SqlStorage(store, clock), SessionTimeouts(retention=dt.timedelta(days=3_650))
    async with aclosing(FakeAvatarProvider(clock)) as provider:
        service = Service(Parts(storage, provider, clock, Policy(), new_metrics(), timeouts=replace(timeouts)))
        await Retention(service.services, lambda _: None).tidy()
    left = await store.read(_counts)
    assert {name for name in FORGOTTEN if left[name]} == set()
    assert {name for name in [*KEPT, *EMPTIED] if not left[name]} == set()
    for name, columns in EMPTIED.items():
        row = await store.read(lambda connection, name=name: connection.execute(select(metadata.tables[name])).one())  # type: ignore[misc]
        assert not any(getattr(row, column) for column in columns)


def _counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }
