"""Tells people what came of what they did. What is due stands in the inbox, so a crash forgets nobody."""

import asyncio
import contextlib
import math
from datetime import timedelta

import structlog

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

AT_ONCE = 50

NOT_SPOKEN = frozenset({InboxOutcome.MODERATED, InboxOutcome.UNCHECKED, InboxOutcome.ANSWER_MODERATED})
"""Outcomes that concern only whoever wrote."""


class Outbox:
    """`run` delivers due replies until cancelled."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._telling = asyncio.Lock()  # nobody hears the same twice because two look at once
        self._not_before: dict[
            tuple[str, str], float
        ] = {}  # by workspace, as its platform asked, in the running loop's time

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            self._services.replies_due.clear()
            try:
                more = await self._tell_due()
            except StoreUnavailable as error:
                log.warning("cannot look for replies", reason=error.detail)
                more = False
            if not more:
                await rest(self._services.replies_due, self._until_next_look())

    def _until_next_look(self) -> float:
        soonest = min(self._not_before.values(), default=math.inf) - asyncio.get_running_loop().time()
        return min(LOOK_EVERY, max(0.0, soonest))

    async def drain(self, within: float) -> None:
        """Tell what is due now, for so many seconds at most; the rest is told after the next start."""
        with contextlib.suppress(TimeoutError, StoreUnavailable):
            async with asyncio.timeout(within):
                await self._tell_due()

    async def _tell_due(self) -> bool:
        """Whether there may be more at once. Each is written down before the next is told, so that whatever stops this repeats one at most."""
        inbox, settled, now = self._services.storage.inbox, 0, asyncio.get_running_loop().time()
        self._not_before = {workspace: at for workspace, at in self._not_before.items() if at > now}
        async with self._telling:
            rows = await inbox.replies_due(tuple(self._services.platforms), AT_ONCE)
            for row in rows:
                if _workspace(row) not in self._not_before and await self._tell(row):
                    await inbox.reply_sent(row.id)
                    settled += 1
        return settled > 0 and len(rows) == AT_ONCE

    async def _tell(self, row: InboxRecord) -> bool:
        """Whether that is settled: told, no longer worth telling, or for a program, which asks."""
        if row.person_id.startswith(BY_API):
            return True
        try:
            await self._services.platform(row.place).reply(row.author, _reply(row))
        except Throttled as throttled:
            self._not_before[_workspace(row)] = asyncio.get_running_loop().time() + throttled.retry_after
            return False
        except PlatformError as error:
            log.info("could not reply", inbox=row.id, reason=error.detail)
            return error.final or self._is_late(row)
        except Exception:
            log.exception("could not reply", inbox=row.id)
            return self._is_late(row)
        return True

    def _is_late(self, row: InboxRecord) -> bool:
        return self._services.clock.now() - row.created_at > GIVE_UP


def _reply(row: InboxRecord) -> Reply:
    verb = CATALOGUE.verb(row.verb)
    given = {name: value for name, value in row.body.items() if verb and verb.option(name)}
    private = row.outcome in NOT_SPOKEN
    return Reply(row.sentence, instead(Command(row.verb, given), row.suggestions), private=private)


def _workspace(row: InboxRecord) -> tuple[str, str]:
    return row.place.platform, row.place.workspace_id
