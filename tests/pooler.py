"""PgBouncer in transaction mode before the tests' server, where it is installed (Debian: apt install pgbouncer)."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL

from tests.server import UNPRIVILEGED, connected

PORT = 6432
"""Names the socket; nothing listens on the network."""

STARTS_WITHIN_S = 30


@contextlib.contextmanager
def pooled(url: URL, size: int = 4) -> Iterator[URL]:
    """The same database through a pooler with so many connections to it. Skips where there is no PgBouncer."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    with tempfile.TemporaryDirectory(prefix="avatarbot-pooler-") as name:
        folder = Path(name)
        (folder / "ini").write_text(_settings(url, folder, size))
        user = UNPRIVILEGED if os.geteuid() == 0 else None
        if user:
            for path in (folder, folder / "ini"):
                shutil.chown(path, user)
        with subprocess.Popen([program, "-q", folder / "ini"], user=user, env={}, cwd=folder) as process:
            try:
                through = url.set(host=None, port=PORT, query={"host": str(folder)})
                _await(through, process)
                yield through
            finally:
                process.kill()


def _settings(url: URL, folder: Path, size: int) -> str:
    host = url.query.get("host") or url.host
    return f"""
[databases]
{url.database} = host={host} port={url.port or 5432} dbname={url.database} user={url.username}
[pgbouncer]
unix_socket_dir = {folder}
listen_port = {PORT}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 200
server_round_robin = 1
server_login_retry = 1
"""


def _await(url: URL, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(psycopg.OperationalError), connected(url):
            return
        time.sleep(0.02)
    raise RuntimeError("PgBouncer did not start")
