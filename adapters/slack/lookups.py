"""What Slack tells when asked: one question at a time for each thing, its answer kept whenever it comes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog

from adapters.slack.client import Answer
from adapters.slack.errors import SlackRefused
from bot.domain.errors import PlatformError
from bot.ports.clock import Clock

KNOWN_FOR = timedelta(hours=1)
UNKNOWN_FOR = timedelta(minutes=5)

STALE_FOR = timedelta(days=1)
"""How long an answer still counts that could not be had anew."""

CAPACITY = 10_000

AT_ONCE = 40
"""Questions of one workspace under way at most; what is asked beyond that stays unknown for now."""

NOTHING: Answer = {}

log = structlog.get_logger(__name__)

Ask = Callable[[str, str], Awaitable[Answer]]
"""Asks Slack about a thing of a workspace."""


class LookupKey(NamedTuple):
    workspace_id: str
    thing: str


class _Kept(NamedTuple):
    answer: Answer
    fresh_until: datetime


class CachedLookups:
    """Answers by workspace and thing. `refused` makes an answer of Slack's refusal to tell about a thing."""

    def __init__(self, clock: Clock, refused: Callable[[SlackRefused], Answer]) -> None:
        self._clock = clock
        self._refused = refused
        self._kept: dict[LookupKey, _Kept] = {}
        self._asking: dict[LookupKey, asyncio.Task[None]] = {}
        self._busy = Counter[str]()

    def known(self, key: LookupKey) -> Answer:
        """The newest answer, if need be a day old; empty where there is none."""
        kept = self._kept.get(key)
        return kept.answer if kept and self._clock.now() < kept.fresh_until + STALE_FOR else NOTHING

    async def learn(self, wanted: Mapping[LookupKey, Ask], until: float) -> None:
        """Ask for what is not known or not fresh, and wait for it until then by the running loop's clock.

        What comes later is kept all the same, for whoever asks next.
        """
        due = [task for key, ask in wanted.items() if (task := self._question(key, ask))]
        patience = until - asyncio.get_running_loop().time()
        if due and patience > 0:
            await asyncio.wait(due, timeout=patience)

    async def aclose(self) -> None:
        """End the questions that are under way."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        if asking:
            await asyncio.wait(asking)

    def _question(self, key: LookupKey, ask: Ask) -> asyncio.Task[None] | None:
        """The question about a thing that is under way, or a new one; None where none is needed or one too many would be."""
        kept = self._kept.get(key)
        if kept and self._clock.now() < kept.fresh_until:
            return None
        if key not in self._asking and self._busy[key.workspace_id] < AT_ONCE:
            self._busy[key.workspace_id] += 1
            task = asyncio.create_task(self._ask(key, ask), name="slack-lookup")
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asked(key))
        return self._asking.get(key)

    def _asked(self, key: LookupKey) -> None:
        del self._asking[key]
        self._busy[key.workspace_id] -= 1
        if not self._busy[key.workspace_id]:
            del self._busy[key.workspace_id]

    async def _ask(self, key: LookupKey, ask: Ask) -> None:
        try:
            self._keep(key, await ask(*key), KNOWN_FOR)
        except SlackRefused as refused:
            self._keep(key, self._refused(refused), UNKNOWN_FOR)
        except PlatformError as error:
            log.info("Slack did not tell a name", detail=error.detail)
        except Exception:
            log.exception("a look-up broke")

    def _keep(self, key: LookupKey, answer: Answer, lasting: timedelta) -> None:
        self._kept.pop(key, None)
        self._kept[key] = _Kept(answer, self._clock.now() + lasting)
        if len(self._kept) > CAPACITY:
            del self._kept[next(iter(self._kept))]
