"""Who wrote what, and who closed what: judged by the database itself at the moment it happens.

Every process has triggers of its own, on its own connection, that note for each write of a run who held the session then.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec
from sqlalchemy import Connection

from bot.storage.engine import Store
from tests.world_fixture import Watch

_TABLES = (
    "CREATE TABLE IF NOT EXISTS audit_workers (process TEXT, worker TEXT)",
    "CREATE TABLE IF NOT EXISTS audit_writes (process TEXT, what TEXT, session TEXT, holder TEXT, epoch INTEGER)",
)

_HOLDER = "SELECT '{process}', '{what}', id, worker_id, epoch FROM sessions WHERE id = new.session_id"

_TRIGGERS = {
    "enlisted": "AFTER INSERT ON workers BEGIN INSERT INTO audit_workers VALUES ('{process}', new.id); END",
    "session": (
        "AFTER UPDATE OF status, end_reason, spec, card_message_id, payer_id, reserved_s ON sessions "
        "WHEN old.worker_id = new.worker_id AND old.status <> 'sleeping' BEGIN INSERT INTO audit_writes "
        "VALUES ('{process}', iif(new.end_reason <> old.end_reason, new.end_reason, 'session'), new.id, new.worker_id, new.epoch); END"
    ),
    # A sleeping session has no run: whoever takes the stop ends it. Nobody's consent is needed to withdraw a message.
    "outcome": (
        "AFTER UPDATE OF state ON inbox WHEN new.outcome <> 'withdrawn' AND NOT EXISTS "
        "(SELECT 1 FROM sessions WHERE id = new.session_id AND status = 'ended' AND worker_id = '') "
        "BEGIN INSERT INTO audit_writes {holder}; END"
    ),
    "turn": "AFTER INSERT ON turns BEGIN INSERT INTO audit_writes {holder}; END",
    "intent": "AFTER INSERT ON provider_sessions BEGIN INSERT INTO audit_writes {holder}; END",
    "utterance": "AFTER INSERT ON utterances BEGIN INSERT INTO audit_writes {holder}; END",
    "growth": "AFTER UPDATE ON utterances BEGIN INSERT INTO audit_writes {holder}; END",
    "post": "AFTER INSERT ON posts BEGIN INSERT INTO audit_writes {holder}; END",
}

_STALE = """
    SELECT DISTINCT process, what, session FROM audit_writes AS written
    WHERE NOT EXISTS (SELECT 1 FROM audit_workers WHERE process = written.process AND worker = written.holder)
"""

_CLOSING = """
    SELECT provider_sessions.state, status,
        EXISTS (SELECT 1 FROM audit_workers WHERE process = :process AND worker = worker_id),
        EXISTS (SELECT 1 FROM audit_writes AS out WHERE what = 'thrown_out' AND session = sessions.id
                AND out.epoch = sessions.epoch)
    FROM provider_sessions JOIN sessions ON sessions.id = session_id WHERE provider_id = :provider_id
"""


class Audit:
    """Of one world's database. `closes` are closes that should not have been."""

    def __init__(self, path: Path) -> None:
        self.closes: list[str] = []
        self._path = path

    async def tap(self, process: str, store: Store) -> Watch:
        """Watch one process from now on."""

        def install(connection: Connection) -> None:
            for statement in (*_TABLES, *_triggers(process)):
                connection.exec_driver_sql(statement)

        await store.write(install)
        return lambda request: self._see(process, request)

    def rows(self, query: str, **values: object) -> Sequence[tuple[str, ...]]:
        connection = sqlite3.connect(self._path)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def stale_writes(self) -> Sequence[tuple[str, ...]]:
        return self.rows(_STALE)

    def _see(self, process: str, request: httpx.Request) -> None:
        if not request.url.path.endswith("/session/close"):
            return
        provider_id = msgspec.json.decode(request.content, type=dict[str, str])["id"]
        for state, status, holds, thrown_out in self.rows(_CLOSING, process=process, provider_id=provider_id):
            in_use = state == "open" and status not in {"stopping", "sleeping", "ended"}
            if in_use and not holds:
                self.closes.append(f"{process} closed what another run uses: {provider_id}")
            if holds and thrown_out:
                self.closes.append(f"{process} closed a room that it was thrown out of: {provider_id}")


def _triggers(process: str) -> list[str]:
    return [
        f"CREATE TEMP TRIGGER audit_{what} "
        + body.format(process=process, holder=_HOLDER.format(process=process, what=what))
        for what, body in _TRIGGERS.items()
    ]
