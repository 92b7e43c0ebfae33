"""Expiry, idleness and budget of a run: what it renews, what it warns of, when it ends."""

import asyncio
from datetime import datetime, timedelta

from bot.delivery.rate_limiter import Priority
from bot.domain.errors import PlatformError, StoreUnavailable
from bot.domain.sessions import Deadlines, EndReason, Outlook
from bot.runtime.budget import BudgetSpent, next_minutes
from bot.runtime.context import Asleep, SessionContext
from bot.runtime.provider_sessions import ProviderSessions

WARNINGS = (timedelta(minutes=5), timedelta(minutes=1))
LOOK_EVERY = 2.0
"""Seconds between two looks at the clock."""

TOGETHER_S = 0.25
"""Sessions look at the same moments, so many seconds apart: waking the process costs more than a look."""

ASK_BUDGET_EVERY = 60.0
"""Seconds between two questions whether the payer's day has another provider session."""

SURVIVED = 15.0
"""Seconds of being live after which a process will not die of the session: what it dies of is read when a run begins."""

SET_BACK = timedelta(seconds=2)
"""By how much a clock goes back when somebody sets it; less is its own correction."""

LAST_CALL = timedelta(seconds=3)
"""Before its room ends it is to be closed, since what is not used is refunded then only."""


class LifecycleTimer:
    """`run` renews, warns and ends the session at its deadlines, until cancelled."""

    def __init__(self, context: SessionContext, provider_sessions: ProviderSessions) -> None:
        self._context = context
        self._provider_sessions = provider_sessions
        self._warned: set[timedelta] = set()
        self._last: EndReason | None = None
        self._asked: tuple[str, str, int] | None = None
        self._ahead = self._ahead_of_loop(context.services.clock.now())
        self._began = asyncio.get_running_loop().time()

    async def run(self) -> None:
        """Watch the time until cancelled. Raises what a renewal raises."""
        while True:
            await asyncio.sleep(LOOK_EVERY - asyncio.get_running_loop().time() % TOGETHER_S)
            await self._look()

    async def _look(self) -> None:
        context, now = self._context, self._context.services.clock.now()
        self._follow_clock(now)
        self._provider_sessions.look_for_avatar()
        if context.attended:
            context.touch()
        if asyncio.get_running_loop().time() - self._began >= SURVIVED:
            await context.survive()
        idle_deadline = self._idle_deadline()
        if now >= idle_deadline and not context.turn_lock.locked():
            context.end(Asleep())
            return
        if context.ends_at and now >= context.ends_at - self._lead() and not now < idle_deadline < context.ends_at:
            await self._renew()
        if not context.ending.done():
            await self._look_ahead(idle_deadline, now)

    def _follow_clock(self, now: datetime) -> None:
        """What is measured by a clock that was set back goes back with it, or nobody would fall asleep for as long."""
        before, self._ahead = self._ahead, self._ahead_of_loop(now)
        back = before - self._ahead
        if back > SET_BACK:
            self._context.set_back(back)

    def _ahead_of_loop(self, now: datetime) -> datetime:
        """Constant while nobody sets the wall clock."""
        return now - timedelta(seconds=asyncio.get_running_loop().time())

    def _idle_deadline(self) -> datetime:
        """Some quiet minutes after the last of somebody; a little less where its room ends about then: another is not bought for nothing."""
        context = self._context
        idle_deadline = context.idle_deadline
        if context.ends_at and abs(idle_deadline - context.ends_at) <= self._lead():
            return min(idle_deadline, context.ends_at - LAST_CALL)
        return idle_deadline

    def _lead(self) -> timedelta:
        """A short provider session leaves less time to prepare the next one."""
        duration = timedelta(minutes=self._context.session.spec.minutes)
        return min(self._context.services.timeouts.renew_before, duration / 4)

    async def _renew(self) -> None:
        """Renew while the starter's budget lasts and the provider can, otherwise let it run out."""
        if not self._renews:
            return self._run_out(EndReason.EXPIRED)
        try:
            await self._provider_sessions.renew()
        except BudgetSpent as spent:
            self._run_out(spent.ending)

    @property
    def _renews(self) -> bool:
        return self._context.services.provider.limits.renews

    def _run_out(self, ending: EndReason) -> None:
        """Nothing follows what is paid: it ends with that."""
        self._last = ending
        if self._context.ends_at and self._context.services.clock.now() >= self._context.ends_at:
            self._context.end(ending)

    async def _look_ahead(self, idle_deadline: datetime, now: datetime) -> None:
        """Show what will end it, when that has changed, and warn of it."""
        context = self._context
        await self._ask_budget()
        limit = context.services.policy.limits.sleep_after
        outlook = Deadlines(idle_deadline, context.ends_at, self._last).outlook(now, limit)
        if outlook != context.outlook:
            context.show_outlook(outlook)
        await self._keep_shown()
        await self._warn(outlook, (outlook.at or idle_deadline) - now)

    async def _keep_shown(self) -> None:
        try:
            await self._context.keep_shown()
        except StoreUnavailable as error:  # it is tried again with the next look
            self._context.log.info("what is shown is not written down", reason=error.detail)

    async def _ask_budget(self) -> None:
        """Whether what is paid now is the last: asked anew with each provider session, each payer, and every minute."""
        context = self._context
        asked = (
            context.provider_row,
            context.session.payer_id,
            int(asyncio.get_running_loop().time() / ASK_BUDGET_EVERY),
        )
        if asked == self._asked:
            return
        self._asked = asked
        if not self._renews:
            self._last = EndReason.EXPIRED
            return
        try:
            await next_minutes(context)
        except BudgetSpent as spent:
            self._last = spent.ending
        except StoreUnavailable as error:  # only what is shown depends on it, and it is asked again
            context.log.info("the day's minutes are not known", reason=error.detail)
        else:
            self._last = None

    async def _warn(self, outlook: Outlook, left: timedelta) -> None:
        """Say that it will fall asleep or end, once five minutes and once a minute before; not for what is shorter anyway."""
        due = {warning for warning in WARNINGS if left <= warning < self._context.services.policy.limits.sleep_after}
        news, self._warned = due - self._warned, due
        if not news:
            return
        minutes = max(1, round(left / timedelta(minutes=1)))
        soon = "in a minute" if minutes == 1 else f"in {minutes} minutes"
        name = self._context.session.spec.avatar_name
        if outlook.quiet:
            await self._tell(f"{name} falls asleep {soon}: nobody is talking or watching. Write to keep it awake.")
        else:
            await self._tell(f"{name}'s session ends {soon}. {outlook.ends}")

    async def _tell(self, text: str) -> None:
        context = self._context
        await context.limiter.turn(Priority.CARD)
        try:
            await context.platform.notify(context.session.talk, text)
        except PlatformError as error:
            context.log.info("could not warn", reason=error.detail)
