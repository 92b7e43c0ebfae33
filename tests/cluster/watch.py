"""Who holds which session, looked at in the database all the time; and how long it takes until somebody else does."""

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg.rows import class_row
from sqlalchemy.engine import URL

from tests.cluster.processes import ServiceProcess
from tests.patience import HANG_S

EVERY_S = 0.05

_LOOK = b"""
    SELECT s.id, s.platform, s.workspace_id AS workspace, s.channel_id AS channel,
        coalesce(nullif(s.talk_thread_id, ''), s.card_message_id) AS thread, s.status, s.end_reason, s.epoch,
        CASE WHEN w.lease_until > extract(epoch FROM clock_timestamp()) * 1000000 THEN w.id ELSE '' END AS holder,
        coalesce(a.process, '') AS process
    FROM sessions s LEFT JOIN workers w ON w.id = s.worker_id LEFT JOIN audit_workers a ON a.worker = s.worker_id
"""


@dataclass(frozen=True)
class HeldSession:
    """`holder` is a worker whose lease holds, or nobody; `process` is whose it was last."""

    id: str
    platform: str
    workspace: str
    channel: str
    thread: str
    status: str
    end_reason: str
    epoch: int
    holder: str
    process: str

    @property
    def live(self) -> bool:
        return bool(self.holder) and self.status == "live"


@dataclass
class Watch:
    """`split` counts looks at which a workspace had more than one living holder, by workspace."""

    url: URL
    sessions: Mapping[str, HeldSession] = field(default_factory=dict)
    split: Counter[str] = field(default_factory=Counter)
    looks: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            with contextlib.suppress(psycopg.OperationalError):  # the server is away
                await self._look_on()
            await asyncio.sleep(EVERY_S)

    async def until(self, met: Callable[[], object], within: float = HANG_S) -> None:
        """Returns at the first look at which this is so."""
        async with asyncio.timeout(within):
            while not met():
                self._news.clear()
                await self._news.wait()

    def of(self, process: ServiceProcess) -> list[HeldSession]:
        return [session for session in self.sessions.values() if session.holder and session.process == process.name]

    def live(self, among: Collection[str] | None = None) -> list[HeldSession]:
        return [session for id_, session in self.sessions.items() if session.live and (among is None or id_ in among)]

    def loads(self, processes: Collection[ServiceProcess]) -> dict[str, int]:
        """How many sessions each of them holds."""
        return {process.name: len(self.of(process)) for process in processes if process.runs_sessions}

    async def taken_over(self, from_whom: Sequence[HeldSession]) -> list[float]:
        """Seconds from now until each is live with another; returns when all are."""
        began, took = time.monotonic(), dict[str, float]()
        before = {session.id: session.epoch for session in from_whom}

        def all_over() -> bool:
            for session in self.live(before):
                if session.epoch > before[session.id]:
                    took.setdefault(session.id, time.monotonic() - began)
            return len(took) == len(before)

        await self.until(all_over)
        return sorted(took.values())

    async def _look_on(self) -> None:
        text = self.url.render_as_string(hide_password=False)
        async with await psycopg.AsyncConnection.connect(text, autocommit=True) as connection:
            while True:
                cursor = connection.cursor(row_factory=class_row(HeldSession))
                found = await (await cursor.execute(_LOOK)).fetchall()
                self.sessions = {session.id: session for session in found}
                self._count_split()
                await asyncio.sleep(EVERY_S)

    def _count_split(self) -> None:
        holders: defaultdict[str, set[str]] = defaultdict(set)
        for session in self.sessions.values():
            if session.holder and session.status not in {"ended", "sleeping"}:
                holders[f"{session.platform} {session.workspace}"].add(session.holder)
        self.split.update(workspace for workspace, those in holders.items() if len(those) > 1)
        self.looks += 1
        self._news.set()


@contextlib.asynccontextmanager
async def watching(url: URL) -> AsyncIterator[Watch]:
    watch = Watch(url)
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(watch.run())
        try:
            yield watch
        finally:
            looking.cancel()
