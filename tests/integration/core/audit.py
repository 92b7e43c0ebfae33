"""Who wrote what, and who closed what: judged by the database itself at the moment it happens.

Every process has triggers of its own, on its own connection, that note for each write of a run who held the session then.
"""

import re
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec
from sqlalchemy import Connection
from sqlalchemy.engine import URL

from bot.storage.engine import Store
from tests.server import connected
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


_ON_SERVER = """
CREATE TABLE audit_workers (process TEXT, worker TEXT);
CREATE TABLE audit_writes (process TEXT, what TEXT, session TEXT, holder TEXT, epoch INTEGER);
CREATE FUNCTION audit_worker() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit_workers VALUES (current_setting('application_name'), new.id); RETURN NULL; END $$;
CREATE FUNCTION audit_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF old.worker_id = new.worker_id AND old.status <> 'sleeping' THEN
        INSERT INTO audit_writes SELECT current_setting('application_name'),
            CASE WHEN new.end_reason <> old.end_reason THEN new.end_reason ELSE 'session' END, new.id, new.worker_id, new.epoch;
    END IF; RETURN NULL; END $$;
CREATE FUNCTION audit_child() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit_writes SELECT current_setting('application_name'), TG_ARGV[0], id, worker_id, epoch
        FROM sessions WHERE id = new.session_id; RETURN NULL; END $$;
CREATE FUNCTION audit_outcome() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO audit_writes SELECT current_setting('application_name'), TG_ARGV[0], id, worker_id, epoch FROM sessions
        WHERE id = new.session_id AND new.outcome <> 'withdrawn' AND NOT (status = 'ended' AND worker_id = '');
    RETURN NULL; END $$;
CREATE TRIGGER audit_enlisted AFTER INSERT ON workers FOR EACH ROW EXECUTE FUNCTION audit_worker();
CREATE TRIGGER audit_session AFTER UPDATE OF status, end_reason, spec, card_message_id, payer_id, reserved_s ON sessions
    FOR EACH ROW EXECUTE FUNCTION audit_session();
CREATE TRIGGER audit_outcome AFTER UPDATE OF state ON inbox FOR EACH ROW EXECUTE FUNCTION audit_outcome('outcome');
CREATE TRIGGER audit_turn AFTER INSERT ON turns FOR EACH ROW EXECUTE FUNCTION audit_child('turn');
CREATE TRIGGER audit_intent AFTER INSERT ON provider_sessions FOR EACH ROW EXECUTE FUNCTION audit_child('intent');
CREATE TRIGGER audit_utterance AFTER INSERT ON utterances FOR EACH ROW EXECUTE FUNCTION audit_child('utterance');
CREATE TRIGGER audit_growth AFTER UPDATE ON utterances FOR EACH ROW EXECUTE FUNCTION audit_child('growth');
CREATE TRIGGER audit_post AFTER INSERT ON posts FOR EACH ROW EXECUTE FUNCTION audit_child('post');
"""


class ServerAudit(Audit):
    """The same on a server, where triggers are the database's and a process is the name of its connection."""

    def __init__(self, url: URL) -> None:
        super().__init__(Path())
        self._url = url
        with connected(url) as connection:
            connection.execute(_ON_SERVER.encode())

    async def tap(self, process: str, store: Store) -> Watch:
        return lambda request: self._see(process, request)

    def rows(self, query: str, **values: object) -> Sequence[tuple[str, ...]]:
        with connected(self._url) as connection:
            return connection.execute(re.sub(r":(\w+)", r"%(\1)s", query).encode(), values).fetchall()


def _triggers(process: str) -> list[str]:
    return [
        f"CREATE TEMP TRIGGER audit_{what} "
        + body.format(process=process, holder=_HOLDER.format(process=process, what=what))
        for what, body in _TRIGGERS.items()
    ]
