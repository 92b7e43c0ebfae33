"""Tells people what came of what they did. What is due stands in the inbox, so a crash forgets nobody."""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Collection, Sequence
from datetime import timedelta

import structlog

from bot.clock import new_id
from bot.commands.buttons import instead
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import BY_API, Command, Reply
from bot.domain.errors import PlatformError, StoreUnavailable, Throttled
from bot.ports.storage.records import InboxOutcome, InboxRecord
from bot.runtime.services import Services
from bot.tasks import rest

log = structlog.get_logger(__name__)

LOOK_EVERY = 30.0
"""Seconds between two looks at what is due without a wakeup."""

GIVE_UP = timedelta(hours=1)
"""After which an answer would only puzzle."""

AT_ONCE = 20
"""Replies that are claimed together."""

BEGUN_WITHIN = 5.0
"""Seconds after a claim in which the last of its replies may begin to be told."""

TOLD_WITHIN = 30.0
"""Seconds that a reply may take."""

CLAIMED_FOR = timedelta(seconds=BEGUN_WITHIN + TOLD_WITHIN + 5)
"""For which nobody else tells what this process has claimed: whether what a dead one claimed has been told, nobody knows before."""

WRITE_AGAIN = 0.5
"""Seconds between two tries to write down that somebody was told."""

AGAIN = timedelta(seconds=15)
"""After which one that could not be told is tried again."""

NOT_SPOKEN = frozenset({InboxOutcome.MODERATED, InboxOutcome.UNCHECKED, InboxOutcome.ANSWER_MODERATED})
"""Outcomes that concern only whoever wrote."""


class Outbox:
    """`run` delivers due replies until cancelled. They are claimed before they are told: no two processes tell the same."""

    def __init__(self, services: Services, enlisted: asyncio.Event) -> None:
        """`enlisted` is set once what a dead process had claimed is free."""
        self._services = services
        self._enlisted = enlisted
        self._telling = asyncio.Lock()  # the last look waits for the one before it
        self._look_at = math.inf  # in the running loop's time, as all below
        self._not_before: dict[tuple[str, str], float] = {}  # by workspace, as its platform asked

    async def run(self) -> None:
        """Tell until cancelled."""
        await self._enlisted.wait()
        while True:
            self._services.replies_due.clear()
            try:
                more = await self._tell_due()
            except StoreUnavailable as error:
                log.warning("cannot look for replies", reason=error.detail)
                more = False
            if not more:
                await rest(self._services.replies_due, min(LOOK_EVERY, max(0.0, self._look_at - _time())))

    async def drain(self, within: float) -> None:
        """Tell what is due now, for so many seconds at most; the rest is told after the next start."""
        with contextlib.suppress(TimeoutError, StoreUnavailable):
            async with asyncio.timeout(within):
                await self._tell_due()

    async def _tell_due(self) -> bool:
        """Whether there may be more at once. Each is written down before the next is told, so that whatever stops this repeats one at most."""
        async with self._telling:
            self._look_at, inbox, platforms = math.inf, self._services.storage.inbox, tuple(self._services.platforms)
            claimed = await inbox.claim_replies(platforms, AT_ONCE, new_id(), lasts=CLAIMED_FOR)
            left, settled, until = deque(claimed), 0, _time() + BEGUN_WITHIN
            try:
                while left and _time() < until:
                    wait = self._wait_of(left[0]) or await self._tell(left[0])
                    settled += await self._settle(left.popleft(), wait)  # from here on it is told
            finally:
                if left:
                    await self._give_back(left)
        return settled > 0 and (len(claimed) == AT_ONCE or bool(left))

    async def _settle(self, row: InboxRecord, wait: timedelta | None) -> bool:
        """Whether that is settled: told, no longer worth telling, or for a program, which asks. Else it is told later."""
        if wait is None:
            await self._write_down(row.id)
        else:
            await self._put_off([row.id], wait)
        return wait is None

    async def _write_down(self, row_id: str) -> None:
        """That it is settled, once the database takes it: until then nothing else is told, and this is not told again."""
        while True:
            try:
                return await self._services.storage.inbox.reply_sent(row_id)
            except StoreUnavailable as error:
                log.warning("cannot write down that somebody was told", reason=error.detail)
                await asyncio.sleep(WRITE_AGAIN)

    async def _give_back(self, left: Collection[InboxRecord]) -> None:
        """Others may tell these at once; where the database is away, once the claim has passed. Never stands in a cancellation's way."""
        with contextlib.suppress(StoreUnavailable):
            await self._put_off([row.id for row in left], timedelta())

    async def _put_off(self, row_ids: Sequence[str], wait: timedelta) -> None:
        await self._services.storage.inbox.put_off_replies(row_ids, lasts=wait)
        self._look_at = min(self._look_at, _time() + wait.total_seconds())

    def _wait_of(self, row: InboxRecord) -> timedelta | None:
        """How long its workspace is to be left alone still."""
        left = self._not_before.get(_workspace(row), 0.0) - _time()
        if left > 0:
            return timedelta(seconds=left)
        self._not_before.pop(_workspace(row), None)
        return None

    async def _tell(self, row: InboxRecord) -> timedelta | None:
        """None once that is settled; else after which time it is to be tried again."""
        if row.person_id.startswith(BY_API):
            return None
        try:
            async with asyncio.timeout(TOLD_WITHIN):
                await self._services.platform(row.place).reply(row.author, _reply(row))
        except Throttled as throttled:
            self._not_before[_workspace(row)] = _time() + throttled.retry_after
            return self._wait_of(row)
        except PlatformError as error:
            log.info("could not reply", inbox=row.id, reason=error.detail)
            return None if error.final or self._is_late(row) else AGAIN
        except Exception:
            log.exception("could not reply", inbox=row.id)
            return None if self._is_late(row) else AGAIN
        return None

    def _is_late(self, row: InboxRecord) -> bool:
        return self._services.clock.now() - row.created_at > GIVE_UP


def _reply(row: InboxRecord) -> Reply:
    verb = CATALOGUE.verb(row.verb)
    given = {name: value for name, value in row.body.items() if verb and verb.option(name)}
    private = row.outcome in NOT_SPOKEN
    return Reply(row.sentence, instead(Command(row.verb, given), row.suggestions), private=private)


def _workspace(row: InboxRecord) -> tuple[str, str]:
    return row.place.platform, row.place.workspace_id


def _time() -> float:
    return asyncio.get_running_loop().time()
