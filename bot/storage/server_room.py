"""How many connections a server lends, and how many our processes take of them, by what they do."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from sqlalchemy import BigInteger, Connection, inspect, select, type_coerce

from bot.process_roles import ALL_ROLES, ProcessRole
from bot.storage.connections import STANDARD_SIZE, PoolSize
from bot.storage.postgresql import is_pooled
from bot.storage.statements import NOW
from bot.storage.tables import workers

_SIZES: Final = {
    ProcessRole.WEB: PoolSize(2, 3),
    ProcessRole.GATEWAY: PoolSize(2, 2),
    ProcessRole.WORKER: STANDARD_SIZE,
}
HINTS = 1
"""The connection beside the pool: each process has one for hints."""


def pool_size(roles: Collection[ProcessRole]) -> PoolSize:
    """That of the role that needs most."""
    sizes = [_SIZES[role] for role in roles]
    return PoolSize(*(max(getattr(size, kind) for size in sizes) for kind in ("writers", "readers", "urgent")))


def connections_of(roles: Collection[ProcessRole]) -> int:
    """What a process holds at most."""
    return pool_size(roles).total + HINTS


@dataclass(frozen=True, slots=True)
class ServerRoom:
    """`most` connections are lent to this user, if that is no superuser; living processes take `taken`. Behind a pooler neither says much."""

    most: int
    taken: int
    pooled: bool


_MOST: Final = """
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user AND NOT rolsuper),
        (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
    )
"""


def server_room(connection: Connection) -> ServerRoom:
    """As it is now by the server's clock."""
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    most = connection.exec_driver_sql(_MOST).scalar_one()
    there = inspect(connection).has_table(workers.name)
    living = select(workers.c.roles).where(type_coerce(workers.c.lease_until, BigInteger) > NOW)
    processes = connection.execute(living, {"now": None}).scalars().all() if there else []
    return ServerRoom(int(most), sum(map(_taken, processes)), is_pooled(driver))


def _taken(roles: str) -> int:
    """One of an earlier version says nothing of its roles and has all."""
    return connections_of([ProcessRole(role) for role in roles.split() if role in ALL_ROLES] or ALL_ROLES)
