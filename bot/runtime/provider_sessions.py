"""The avatar in its room: created, joined, renewed, taken over, closed. The row is written before anything is paid for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.clock import new_id
from bot.domain.errors import (
    AvatarbotError,
    CommandRefused,
    ProviderError,
    RoomError,
    Verdict,
)
from bot.domain.sessions import EndReason, SessionSpec, SessionStatus
from bot.ports.avatar import (
    AdjustableAvatar,
    Avatar,
    AvatarArrived,
    AvatarEvent,
    AvatarGone,
    AvatarLeft,
    AvatarListener,
)
from bot.ports.provider import AvatarProvider, ProviderSession
from bot.ports.room import LinkDown, LinkUp, LossReason, TokenExpiring
from bot.ports.storage.records import ProviderSessionRecord, ProviderSessionStatus
from bot.runtime.budget import NobodyIsLeft, minutes_for
from bot.runtime.context import SessionContext, ThrownOut
from bot.runtime.provider_calls import close, create
from bot.runtime.resolve import difference
from bot.tasks import cancel_and_wait

log = structlog.get_logger(__name__)


ASKED_AGAIN = timedelta(seconds=2)
"""Between two questions whether the provider has a slot free again, after one of ours was closed."""


TOKEN_LASTS = timedelta(seconds=30)
"""From the word that our token is about to expire until it does. None is renewed, so the room is changed."""

ENDS_EARLY = timedelta(seconds=3)
"""By which a room may end before we take it to: its provider counts from when it was asked."""

HEARD_OUT_S = 15.0
"""For which a renewal waits for somebody who speaks aloud: their words would be cut in two."""

NOT_TAKEN_OVER = "Not all that was set meanwhile was taken over. Please set it again."


class NoAvatar(AvatarbotError):
    """The avatar did not come into its room."""


@dataclass(frozen=True, slots=True)
class JoinedAvatar:
    """An avatar in its room with us, and not active yet."""

    avatar: Avatar
    row_id: str
    spec: SessionSpec  # that it was created with
    ends_at: datetime
    here: asyncio.Event  # cleared while what is sent would be lost


class ProviderSessions:
    """Holds the avatar of a run. Listening to an avatar is a task of this object's own group, ended with `leave`."""

    def __init__(self, context: SessionContext, group: asyncio.TaskGroup, listeners: Sequence[AvatarListener]) -> None:
        self._context = context
        self._group = group
        self._listeners = listeners
        self._lost: asyncio.Queue[tuple[Avatar | None, AvatarGone]] = asyncio.Queue()
        self._listening: dict[int, asyncio.Task[None]] = {}
        self._alone_since: float | None = None  # in the loop's time: the wall clock may be set
        self._changing = asyncio.Lock()  # held while the room is renewed or mended; taken before the turn lock

    # ------------------------------------------------------------ beginning

    async def begin(self) -> None:
        """Rejoin what is open and still valid, or open a new one. Raises `ProviderError`, `RoomError`, `NoAvatar`, `NobodyIsLeft`,
        `BudgetSpent`, `LeaseLost`.
        """
        for row in await self._begun():
            if self._context.avatar is None and await self._rejoined(row):
                log.info("rejoined", session=self._context.session.id)
            else:
                await self._try_to_close(row)
        if self._context.avatar is None:
            await self._open()

    async def are_over(self) -> bool:
        """Whether the time of all that were paid for has passed."""
        return all(row.expires_at and row.expires_at <= self._now() for row in await self._unclosed())

    async def _unclosed(self) -> list[ProviderSessionRecord]:
        return await self._context.services.storage.provider_sessions.unclosed(self._context.session.id)

    async def _begun(self) -> list[ProviderSessionRecord]:
        """What is unclosed and has an id at the provider; what was only intended is orphaned from now on."""
        rows = await self._unclosed()
        async with self._context.fenced() as run:
            for row in rows:
                if row.status is ProviderSessionStatus.INTENT:
                    run.orphaned(row.id)
        return [row for row in rows if row.status is not ProviderSessionStatus.INTENT]

    async def _rejoined(self, row: ProviderSessionRecord) -> bool:
        margin = self._context.services.timeouts.renew_before
        if row.status is not ProviderSessionStatus.OPEN or row.expires_at is None or row.credentials is None:
            return False
        if row.expires_at - self._now() < margin:
            return False
        session = ProviderSession(row.provider_id, row.credentials)
        try:
            await self._activate(await self._entered(row.id, session, self._context.session.spec, row.expires_at))
        except (ProviderError, RoomError, NoAvatar) as error:
            log.info("could not rejoin", session=self._context.session.id, reason=error.detail)
            return False
        return True

    async def _open(self) -> None:
        await self._activate(await self._invited())

    async def _invited(self) -> JoinedAvatar:
        """Intent, create, result, join: in this order. The active avatar goes on meanwhile."""
        context, row_id = self._context, new_id()
        account = await context.services.accounts.of(context.session.place)
        async with context.fenced() as run:
            minutes = run.intend(row_id, minutes_for(context), account.id)
        if context.is_forsaken:
            async with context.fenced() as run:
                run.abandon(row_id)
            raise NobodyIsLeft
        duration = minutes.value * 60
        context.spend_reservation()
        spec = context.session.spec
        created = await create(self._group, context, row_id, account, duration)
        return await self._entered(row_id, created, spec, self._now() + timedelta(seconds=duration))

    async def _entered(
        self, row_id: str, session: ProviderSession, spec: SessionSpec, ends_at: datetime
    ) -> JoinedAvatar:
        """Join the room and wait for the avatar; what is sent before it came would be lost without a sign."""
        avatar = (await self._provider_of(session.credentials.account)).avatar(session)
        joined = JoinedAvatar(avatar, row_id, spec, ends_at, asyncio.Event())
        try:
            await avatar.join()
            self._listening[id(avatar)] = self._group.create_task(self._listen(joined), name="listening")
            await self._await_arrival(joined.here)
        except BaseException:
            await self._leave(avatar)
            raise
        return joined

    async def _activate(self, joined: JoinedAvatar) -> None:
        context = self._context
        await self._catch_up(joined)
        old = context.activate(joined.avatar, joined.row_id, joined.ends_at)
        if joined.here.is_set():
            self._alone_since = None
            context.arrived.set()
        else:  # it left before it became active
            self._alone_since = _elapsed()
            context.arrived.clear()
        context.media.changed.set()
        if old is not None:
            await self._leave(old)

    async def _catch_up(self, joined: JoinedAvatar) -> None:
        """Give it what was set since it was created, until nothing more was set meanwhile."""
        context, has = self._context, joined.spec
        while has != context.session.spec:
            wanted = context.session.spec
            changes = difference(has, wanted, own_model=bool(context.services.model))
            try:
                if isinstance(joined.avatar, AdjustableAvatar):
                    await joined.avatar.set_params(changes)
            except CommandRefused as error:
                context.log.warning("what was set is not taken over", reason=error.detail)
                context.show(NOT_TAKEN_OVER)
            has = wanted

    async def _await_arrival(self, arrived: asyncio.Event) -> None:
        within = self._context.services.timeouts.avatar_within
        try:
            async with asyncio.timeout(within.total_seconds()):
                await arrived.wait()
        except TimeoutError:
            raise NoAvatar("The avatar did not come. Please start it again.", "no avatar in the room") from None

    # ------------------------------------------------------------ listening

    async def _listen(self, joined: JoinedAvatar) -> None:
        """Handle an avatar's events until the last. What it says while another one is active is ignored."""
        async for event in joined.avatar.events():
            if isinstance(event, AvatarArrived | LinkUp):
                joined.here.set()
            elif isinstance(event, AvatarLeft | LinkDown | AvatarGone):
                joined.here.clear()
            active = self._context.avatar
            if active is joined.avatar:
                self._follow(event)
            if active is joined.avatar or active is None:
                for listener in self._listeners:
                    listener.hear(joined.row_id, event)

    def _follow(self, event: AvatarEvent) -> None:
        """What becomes of the room we are in."""
        match event:
            case AvatarArrived():
                self._alone_since = None
                self._context.arrived.set()
            case AvatarLeft():
                self._alone_since = _elapsed()
                self._context.arrived.clear()
            case LinkDown():
                self._context.arrived.clear()
            case LinkUp():
                self._context.arrived.set()
            case TokenExpiring():
                self._context.end_by(self._now() + TOKEN_LASTS)
            case AvatarGone():
                self._context.arrived.clear()
                self._lost.put_nowait((self._context.avatar, event))
            case _:
                pass

    def look_for_avatar(self) -> None:
        """An avatar that left and did not come back in time needs a new provider session."""
        within = self._context.services.timeouts.avatar_within.total_seconds()
        if self._alone_since is not None and _elapsed() - self._alone_since > within:
            self._alone_since = None
            gone = AvatarGone(LossReason.EXPIRED, "the avatar left and did not come back")
            self._lost.put_nowait((self._context.avatar, gone))

    async def run(self) -> None:
        """Mend what breaks until cancelled. Raises `ThrownOut`, and what `begin` raises when it cannot be mended."""
        while True:
            avatar, gone = await self._lost.get()
            if avatar is not self._context.avatar:
                continue  # replaced meanwhile
            if gone.reason is LossReason.THROWN_OUT:
                raise ThrownOut
            log.info("connection lost", session=self._context.session.id, reason=gone.reason, detail=gone.detail)
            if self._was_the_last():
                self._context.end(EndReason.EXPIRED)
                continue
            await self._context.become(SessionStatus.RECONNECTING, "The connection was lost. Joining again …")
            await self.leave()  # a turn that waits for it ends now, and frees the lock
            async with self._changing, self._context.turn_lock:
                if self._context.avatar is None:  # it may have been renewed meanwhile
                    await self._mend(gone)
            await self._context.become(SessionStatus.LIVE)

    def _was_the_last(self) -> bool:
        """Whether what was paid is used up, at a provider that lets nothing follow."""
        ends_at = self._context.ends_at
        over = ends_at is not None and self._now() >= ends_at - ENDS_EARLY
        return over and not self._context.services.provider.limits.renews

    async def _mend(self, gone: AvatarGone) -> None:
        """A broken link is joined again; an expired token needs a new provider session."""
        for row in await self._begun():
            if gone.reason is LossReason.EXPIRED or self._context.avatar or not await self._rejoined(row):
                await self._try_to_close(row)
        if self._context.avatar is None:
            await self._open()

    # ------------------------------------------------------------ renewing

    async def renew(self) -> None:
        """Go over to a new provider session: side by side where the provider has room for two, else close first.

        Raises `BudgetSpent`, and then nothing has changed; otherwise what `begin` raises.
        """
        context = self._context
        async with self._changing:
            old = await self._begun()
            try:
                joined = await self._invited()
            except ProviderError as error:
                if error.verdict is not Verdict.RETRY_LATER:
                    raise
                async with self._changing_over():
                    await self._close_first(old)
            else:
                await self._go_over(joined)
                for row in old:
                    await self._try_to_close(row)
        await context.become(SessionStatus.LIVE, "Fresh conversation." if context.services.model is None else "")

    async def _go_over(self, joined: JoinedAvatar) -> None:
        """Between two turns: what is being said is heard to its end, also by somebody who speaks aloud."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARD_OUT_S):
                    await self._context.quiet.wait()
            async with self._changing_over():
                await self._activate(joined)
        except BaseException:
            await self._leave(joined.avatar)
            raise

    @contextlib.asynccontextmanager
    async def _changing_over(self) -> AsyncIterator[None]:
        """Nobody is heard until the block ends."""
        async with self._context.turn_lock:
            began = _elapsed()
            yield
            self._context.services.metrics.renewal_gap.observe(_elapsed() - began)

    async def _close_first(self, old: list[ProviderSessionRecord]) -> None:
        await self._context.become(SessionStatus.RECONNECTING, "One moment: the avatar is coming back.")
        await self.leave()
        for row in old:
            await self._try_to_close(row)
        await self._open_when_free()

    async def _open_when_free(self) -> None:
        """The provider may take a while to notice that a slot is free; what it certainly refused is safe to ask again."""
        until = _elapsed() + self._context.services.timeouts.avatar_within.total_seconds()
        while True:
            try:
                return await self._open()
            except ProviderError as error:
                if error.verdict is not Verdict.RETRY_LATER or not error.certain or _elapsed() >= until:
                    raise
            await asyncio.sleep(ASKED_AGAIN.total_seconds())

    # ------------------------------------------------------------ ending

    async def leave(self) -> None:
        """Leave the room. Nothing is closed."""
        if avatar := self._context.deactivate():
            await self._leave(avatar)

    async def _leave(self, avatar: Avatar) -> None:
        await avatar.leave()
        if task := self._listening.pop(id(avatar), None):
            await cancel_and_wait(task)

    async def close_all(self) -> None:
        """Close whatever is open at the provider. Only after a fenced step to *stopping*. Raises `ProviderError`."""
        for row in await self._begun():
            await self._close(row)

    async def unclosed_until(self) -> datetime | None:
        """When the last of what is open at the provider ends by itself."""
        ends = [row.expires_at for row in await self._unclosed() if row.expires_at]
        return max(ends, default=None)

    async def _try_to_close(self, row: ProviderSessionRecord) -> None:
        """Close one that is no longer needed; what cannot be closed now stays written down as open."""
        try:
            await self._close(row)
        except ProviderError as error:
            log.warning("could not close", session=self._context.session.id, reason=error.detail)

    async def _close(self, row: ProviderSessionRecord) -> None:
        services = self._context.services

        async def begin() -> None:
            async with self._context.fenced() as run:
                run.closing(row.id)

        await close(row, lambda: self._provider_of(row.account), services.storage, services.clock, begin=begin)
        if row.account:
            await services.accounts.settle(self._context.session.place)

    async def _provider_of(self, account: str) -> AvatarProvider:
        """By the key that it was created with. Raises `ProviderError`."""
        return await self._context.services.accounts.made_with(self._context.session.place, account)

    def _now(self) -> datetime:
        return self._context.services.clock.now()


def _elapsed() -> float:
    return asyncio.get_running_loop().time()
