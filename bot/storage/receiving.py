"""Which gateway receives which shards of a platform, and where something may have been missed."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import BigInteger, delete, insert, select, type_coerce, update

from bot.domain.conversations import ConversationRef
from bot.ports.processes import HeldShards
from bot.process_roles import ProcessRole
from bot.storage.sessions import ENDED
from bot.storage.shards import shared_out
from bot.storage.statements import NOW, SqlTransaction
from bot.storage.tables import inbox, sessions, shards, workers

SHARING_LOCK: Final = 4_711_017
"""Key of the advisory lock under which shards are shared out: two who look at once would take the same."""


def others_receive(tx: SqlTransaction, worker_id: str) -> bool:
    return bool(_gateways(tx) - {worker_id})


def hold_shards(tx: SqlTransaction, worker_id: str, platform: str, count: int) -> HeldShards:
    if tx.on_server:
        tx.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SHARING_LOCK})")
    living = _gateways(tx) | {worker_id}
    holders = _holders(tx, platform)
    if len(holders) != count and not living.intersection(holders.values()):
        holders = _settle(tx, platform, count)
    out = shared_out(holders, worker_id, living)
    _write(tx, platform, out.taken, worker_id)
    _write(tx, platform, out.given, "")
    return HeldShards(len(holders), out.numbers)


def talks(tx: SqlTransaction, platform: str) -> Mapping[ConversationRef, str]:
    s = sessions.c
    said_there = (inbox.c.session_id == s.id) & (inbox.c.place_channel_id == s.channel_id)
    last = (
        select(inbox.c.message_id)
        .where(said_there, inbox.c.place_thread_id == s.talk_thread_id, inbox.c.message_id != "")
        .order_by(inbox.c.stamp.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = (s.workspace_id, s.channel_id, s.talk_thread_id, s.card_message_id, last.label("last"))
    query = select(*columns).where(s.platform == platform, s.status != ENDED, s.card_message_id != "")
    return {
        ConversationRef(platform, row.workspace_id, row.channel_id, row.talk_thread_id): (
            row.last or row.talk_thread_id or row.card_message_id
        )
        for row in tx.connection.execute(query)
    }


def _gateways(tx: SqlTransaction) -> frozenset[str]:
    lives = type_coerce(workers.c.lease_until, BigInteger) > NOW
    query = select(workers.c.id).where(lives, workers.c.roles.contains(ProcessRole.GATEWAY))
    return frozenset(tx.connection.execute(query, {"now": tx.shared_now}).scalars())


def _holders(tx: SqlTransaction, platform: str) -> dict[int, str]:
    query = select(shards.c.number, shards.c.process).where(shards.c.platform == platform)
    return {row.number: row.process for row in tx.connection.execute(query)}


def _settle(tx: SqlTransaction, platform: str, count: int) -> dict[int, str]:
    tx.connection.execute(delete(shards).where(shards.c.platform == platform))
    rows = [{"platform": platform, "number": number, "process": ""} for number in range(count)]
    tx.connection.execute(insert(shards), rows)
    return dict.fromkeys(range(count), "")


def _write(tx: SqlTransaction, platform: str, numbers: Collection[int], process: str) -> None:
    if numbers:
        these = (shards.c.platform == platform) & shards.c.number.in_(numbers)
        tx.connection.execute(update(shards).where(these).values(process=process))
