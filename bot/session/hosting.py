"""The avatar in its room: created, joined, renewed, taken over, closed. The row always comes before the money."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import structlog
from sqlalchemy import Connection

from bot.errors import AvatarbotError, CommandRefused, ProviderError, SeatError, Verdict
from bot.identity import new_id
from bot.model import SessionSpec, SessionStatus
from bot.ports.avatar import Avatar, AvatarArrived, AvatarEvent, AvatarGone, AvatarLeft
from bot.ports.provider import ProviderSession
from bot.ports.room import LinkDown, LinkUp, RoomCredentials, SeatLoss, TokenExpiring
from bot.session.budget import next_minutes
from bot.session.specify import at_provider, difference
from bot.session.stage import Stage, ThrownOut
from bot.store import providers
from bot.store.records import ProviderSessionRecord
from bot.tasks import cancel_and_wait

log = structlog.get_logger(__name__)


ASKED_AGAIN = timedelta(seconds=2)
"""Between two questions whether the provider has a slot free again, after one of ours was closed."""


TOKEN_LASTS = timedelta(seconds=30)
"""From the word that our token is about to expire until it does: Agora's documents. AKOOL renews none, so the room is changed."""

NOT_TAKEN_OVER = "Not all that was set meanwhile was taken over. Please set it again."


class NoAvatar(AvatarbotError):
    """The avatar did not come into its room."""


@dataclass(frozen=True, slots=True)
class _Guest:
    """An avatar in its room with us, and not on stage yet."""

    avatar: Avatar
    row_id: str
    spec: SessionSpec  # that it was created with
    ends_at: datetime
    here: asyncio.Event  # cleared while what is sent would be lost


class Hosting:
    """Holds the avatar of a run. Listening to an avatar is a task of this object's own group, ended with `leave`."""

    def __init__(self, stage: Stage, group: asyncio.TaskGroup, observe: Callable[[str, AvatarEvent], None]) -> None:
        self._stage = stage
        self._group = group
        self._observe = observe
        self._lost: asyncio.Queue[tuple[Avatar | None, AvatarGone]] = asyncio.Queue()
        self._listening: dict[int, asyncio.Task[None]] = {}
        self._alone_since: float | None = None  # in the loop's time: the wall clock may be set
        self._changing = asyncio.Lock()  # held while the room is renewed or mended; taken before the floor

    # ------------------------------------------------------------ beginning

    async def begin(self) -> None:
        """Rejoin what is open and still valid, or open a new one. Raises `ProviderError`, `SeatError`, `NoAvatar`, `BudgetSpent`, `LeaseLost`."""
        for row in await self._unclosed():
            if row.state == providers.INTENT:
                await self._stage.write(lambda c, r=row: providers.lost(c, self._stage.lease, r.id, self._now()))  # type: ignore[misc]
            elif self._stage.avatar is None and await self._rejoined(row):
                log.info("rejoined", session=self._stage.session.id)
            else:
                await self._try_to_close(row)
        if self._stage.avatar is None:
            await self._open()

    async def _unclosed(self) -> list[ProviderSessionRecord]:
        store, session_id = self._stage.house.store, self._stage.session.id
        return await store.read(lambda c: providers.unclosed(c, store.cipher, session_id))

    async def _rejoined(self, row: ProviderSessionRecord) -> bool:
        margin = self._stage.house.habits.renew_before
        if row.state != providers.OPEN or row.expires_at is None or row.expires_at - self._now() < margin:
            return False
        credentials = msgspec.json.decode(row.credentials, type=RoomCredentials)
        session = ProviderSession(row.provider_id, credentials)
        try:
            await self._go_on_stage(await self._entered(row.id, session, self._stage.session.spec, row.expires_at))
        except (SeatError, NoAvatar) as error:
            log.info("could not rejoin", session=self._stage.session.id, reason=error.detail)
            return False
        return True

    async def _open(self) -> None:
        await self._go_on_stage(await self._invited())

    async def _invited(self) -> _Guest:
        """Intent, create, result, join: in this order. Whoever is on stage meanwhile goes on."""
        stage, row_id = self._stage, new_id()
        duration = await next_minutes(stage) * 60
        await stage.write(
            lambda c: providers.intend(c, stage.lease, row_id, stage.session.payer_id, duration, self._now())
        )
        stage.session = replace(stage.session, reserved_s=0)
        spec = stage.session.spec
        created = await _to_the_end(self._group.create_task(self._create(row_id, spec, duration), name="create"))
        return await self._entered(row_id, created, spec, self._now() + timedelta(seconds=duration))

    async def _create(self, row_id: str, spec: SessionSpec, duration: int) -> ProviderSession | ProviderError:
        """What was created is written down whatever happens to the run, so that it can be closed."""
        stage = self._stage
        asked = at_provider(spec, own_model=bool(stage.house.model))
        try:
            created = await stage.house.provider.create(asked, duration, tag=stage.session.id)
        except ProviderError as error:
            settle = providers.abandon if error.certain else providers.lost
            await stage.write(lambda c: settle(c, stage.lease, row_id, self._now()))
            return error
        cipher, credentials = stage.house.store.cipher, created.credentials
        await stage.write(lambda c: providers.opened(c, cipher, row_id, created.id, credentials, self._now()))
        return created

    async def _entered(self, row_id: str, session: ProviderSession, spec: SessionSpec, ends_at: datetime) -> _Guest:
        """Take our seat and wait for the avatar; what is sent before it came would be lost without a sign."""
        avatar = self._stage.house.provider.avatar(session)
        guest = _Guest(avatar, row_id, spec, ends_at, asyncio.Event())
        try:
            await avatar.join()
            self._listening[id(avatar)] = self._group.create_task(self._listen(guest), name="listening")
            await self._await_arrival(guest.here)
        except BaseException:
            await self._leave(avatar)
            raise
        return guest

    async def _go_on_stage(self, guest: _Guest) -> None:
        stage = self._stage
        await self._catch_up(guest)
        old, stage.avatar, stage.provider_row = stage.avatar, guest.avatar, guest.row_id
        stage.ends_at = guest.ends_at
        if guest.here.is_set():
            self._alone_since = None
            stage.arrived.set()
        else:  # it went while it waited behind the stage
            self._alone_since = _elapsed()
            stage.arrived.clear()
        stage.screen.changed.set()
        if old is not None:
            await self._leave(old)

    async def _catch_up(self, guest: _Guest) -> None:
        """Give it what was set since it was created, until nothing more was set meanwhile."""
        stage, has = self._stage, guest.spec
        while has != stage.session.spec:
            wanted = stage.session.spec
            changes = difference(has, wanted, own_model=bool(stage.house.model))
            try:
                await guest.avatar.set_params(changes)
            except CommandRefused as error:
                stage.log.warning("what was set is not taken over", reason=error.detail)
                stage.show(NOT_TAKEN_OVER)
            has = wanted

    async def _await_arrival(self, arrived: asyncio.Event) -> None:
        within = self._stage.house.habits.avatar_within
        try:
            async with asyncio.timeout(within.total_seconds()):
                await arrived.wait()
        except TimeoutError:
            raise NoAvatar("The avatar did not come. Please start it again.", "no avatar in the room") from None

    # ------------------------------------------------------------ listening

    async def _listen(self, guest: _Guest) -> None:
        """What an avatar says behind the stage, while another is on it, counts for nothing yet."""
        async for event in guest.avatar.events():
            if isinstance(event, AvatarArrived | LinkUp):
                guest.here.set()
            elif isinstance(event, AvatarLeft | LinkDown | AvatarGone):
                guest.here.clear()
            on_stage = self._stage.avatar
            if on_stage is guest.avatar:
                self._follow(event)
            if on_stage is guest.avatar or on_stage is None:
                self._observe(guest.row_id, event)

    def _follow(self, event: AvatarEvent) -> None:
        """What becomes of the room we are in."""
        match event:
            case AvatarArrived():
                self._alone_since = None
                self._stage.arrived.set()
            case AvatarLeft():
                self._alone_since = _elapsed()
                self._stage.arrived.clear()
            case LinkDown():
                self._stage.arrived.clear()
            case LinkUp():
                self._stage.arrived.set()
            case TokenExpiring():
                self._end_by(self._now() + TOKEN_LASTS)
            case AvatarGone():
                self._stage.arrived.clear()
                self._lost.put_nowait((self._stage.avatar, event))
            case _:
                pass

    def _end_by(self, moment: datetime) -> None:
        """The room cannot be used for longer than that: it is renewed before."""
        self._stage.ends_at = min(self._stage.ends_at or moment, moment)

    def look_for_avatar(self) -> None:
        """An avatar that left and did not come back in time needs a new provider session."""
        within = self._stage.house.habits.avatar_within.total_seconds()
        if self._alone_since is not None and _elapsed() - self._alone_since > within:
            self._alone_since = None
            gone = AvatarGone(SeatLoss.EXPIRED, "the avatar left and did not come back")
            self._lost.put_nowait((self._stage.avatar, gone))

    async def run(self) -> None:
        """Mend what breaks until cancelled. Raises `ThrownOut`, and what `begin` raises when it cannot be mended."""
        while True:
            avatar, gone = await self._lost.get()
            if avatar is not self._stage.avatar:
                continue  # replaced meanwhile
            if gone.reason is SeatLoss.THROWN_OUT:
                raise ThrownOut
            log.info("seat lost", session=self._stage.session.id, reason=gone.reason, detail=gone.detail)
            await self._stage.become(SessionStatus.RECONNECTING, "The connection was lost. Joining again …")
            await self.leave()  # a turn that waits for it ends now, and leaves the floor
            async with self._changing, self._stage.floor:
                if self._stage.avatar is None:  # it may have been renewed meanwhile
                    await self._mend(gone)
            await self._stage.become(SessionStatus.LIVE)

    async def _mend(self, gone: AvatarGone) -> None:
        """A broken link is joined again; an expired token needs a new provider session."""
        for row in await self._unclosed():
            if gone.reason is SeatLoss.EXPIRED or self._stage.avatar or not await self._rejoined(row):
                await self._try_to_close(row)
        if self._stage.avatar is None:
            await self._open()

    # ------------------------------------------------------------ renewing

    async def renew(self) -> None:
        """Go over to a new provider session: side by side where the provider has room for two, else close first.

        Raises `BudgetSpent`, and then nothing has changed; otherwise what `begin` raises.
        """
        stage = self._stage
        async with self._changing:
            old = await self._unclosed()
            try:
                guest = await self._invited()
            except ProviderError as error:
                if error.verdict is not Verdict.RETRY_LATER:
                    raise
                async with stage.floor:
                    await self._close_first(old)
            else:
                await self._go_over(guest)
                for row in old:
                    await self._try_to_close(row)
        await stage.become(SessionStatus.LIVE, "Fresh conversation." if stage.house.model is None else "")

    async def _go_over(self, guest: _Guest) -> None:
        """Between two turns: what is being said is heard to its end."""
        try:
            async with self._stage.floor:
                await self._go_on_stage(guest)
        except BaseException:
            await self._leave(guest.avatar)
            raise

    async def _close_first(self, old: list[ProviderSessionRecord]) -> None:
        await self._stage.become(SessionStatus.RECONNECTING, "One moment: the avatar is coming back.")
        await self.leave()
        for row in old:
            await self._try_to_close(row)
        await self._open_when_free()

    async def _open_when_free(self) -> None:
        """The provider may take a while to notice that a slot is free; what it certainly refused is safe to ask again."""
        until = _elapsed() + self._stage.house.habits.avatar_within.total_seconds()
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
        self._stage.arrived.clear()
        if self._stage.avatar is not None:
            avatar, self._stage.avatar = self._stage.avatar, None
            await self._leave(avatar)

    async def _leave(self, avatar: Avatar) -> None:
        await avatar.leave()
        if task := self._listening.pop(id(avatar), None):
            await cancel_and_wait(task)

    async def close_all(self) -> None:
        """Close whatever is open at the provider. Only after a fenced step to *stopping*. Raises `ProviderError`."""
        for row in await self._unclosed():
            if row.state in providers.RUNNING:
                await self._close(row)
            else:
                await self._stage.write(lambda c, r=row: providers.lost(c, self._stage.lease, r.id, self._now()))  # type: ignore[misc]

    async def unclosed_until(self) -> datetime | None:
        """When the last of what is open at the provider ends by itself."""
        ends = [row.expires_at for row in await self._unclosed() if row.expires_at]
        return max(ends, default=None)

    async def _try_to_close(self, row: ProviderSessionRecord) -> None:
        """Close one that is no longer needed; what cannot be closed now stays written down as open."""
        try:
            await self._close(row)
        except ProviderError as error:
            log.warning("could not close", session=self._stage.session.id, reason=error.detail)

    async def _close(self, row: ProviderSessionRecord) -> None:
        await self._stage.write(lambda c: providers.closing(c, self._stage.lease, row.id))
        if row.provider_id:
            await self._close_at_provider(row)

        def closed(connection: Connection) -> None:
            providers.closed(connection, [row.id], self._now())

        await self._stage.write(closed)

    async def _close_at_provider(self, row: ProviderSessionRecord) -> None:
        """Also what should be over by now: a clock may have been set. Raises `ProviderError` while it may run."""
        try:
            await self._stage.house.provider.close(row.provider_id)
        except ProviderError:
            if row.expires_at is None or row.expires_at > self._now():
                raise

    def _now(self) -> datetime:
        return self._stage.house.clock.now()


def _elapsed() -> float:
    return asyncio.get_running_loop().time()


async def _to_the_end(creating: asyncio.Task[ProviderSession | ProviderError]) -> ProviderSession:
    """Its result; a cancellation meanwhile waits for it, since it may cost money. Raises `ProviderError`."""
    try:
        created = await asyncio.shield(creating)
    except asyncio.CancelledError:
        await asyncio.wait((creating,))
        raise
    if isinstance(created, ProviderError):
        raise created
    return created
