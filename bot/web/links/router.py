"""Brings every session that is watched in this process here: it runs here, or there is a link to where it runs, or the archive tells of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import structlog

from bot.domain.errors import StoreUnavailable
from bot.domain.sessions import SessionStatus
from bot.media.events import Caption, SessionView
from bot.ports.storage.records import Placement
from bot.tasks import cancel_and_wait, rest
from bot.web.links.client import LinkLost, SessionLink, target_of
from bot.web.links.server import LinkSurroundings
from bot.web.links.tokens import LinkKeys
from bot.web.links.wire import VERSION
from bot.web.viewer.archive import Archive

log = structlog.get_logger(__name__)

STAYS_S: Final = 5.0
"""After the last who watched is gone, until the link is closed: a page that is loaded again finds it open."""

LOOK_EVERY_S: Final = 0.5
"""Between two looks where a session runs, while it is nowhere."""

READ_EVERY_S: Final = 1.0
"""Between two looks at what is written down of a session that runs where no link can be had."""

CAUGHT_UP: Final = 50
"""Utterances that are looked at for what was missed."""

AT_REST: Final = frozenset({SessionStatus.SLEEPING, SessionStatus.ENDED})

REMEMBERED: Final = 200
"""Utterances of which is known that they were shown."""

WRITTEN_WITHIN_S: Final = 2.0
"""What was said is written down by then."""

LOST = "The picture is coming back …"
UPDATED = "No picture while the service is being updated. You can read along."


class LinkRouter:
    """`run` keeps a link for each session that is watched here and runs elsewhere, until cancelled."""

    def __init__(
        self,
        surroundings: LinkSurroundings,
        archive: Archive,
        placement: Callable[[str], Awaitable[Placement | None]],
        keys: LinkKeys,
    ) -> None:
        """`placement` says where a session runs; it may raise `StoreUnavailable`."""
        self.surroundings = surroundings
        self.archive = archive
        self.placement = placement
        self.keys = keys
        self._brought: dict[str, _BroughtSession] = {}
        self._stirred: set[str] = set()
        self._woken = asyncio.Event()
        surroundings.events.stirred = self._stir

    def _stir(self, session_id: str) -> None:
        if brought := self._brought.get(session_id):
            brought.stir()
        else:
            self._stirred.add(session_id)
            self._woken.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as bringing:
            while True:
                await self._woken.wait()
                self._woken.clear()
                stirred, self._stirred = self._stirred, set()
                for session_id in filter(self.surroundings.events.watchers, stirred):
                    self._brought[session_id] = _BroughtSession(session_id, self)
                    bringing.create_task(self._bring(session_id), name=f"bring {session_id}")

    async def _bring(self, session_id: str) -> None:
        """While it is watched."""
        brought = self._brought[session_id]
        running = asyncio.create_task(brought.run(), name=f"brought {session_id}")
        leaving = asyncio.create_task(brought.unwatched(), name=f"unwatched {session_id}")
        try:
            await asyncio.wait((running, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(running, leaving)
            del self._brought[session_id]
        self._stir(session_id)  # somebody may have come meanwhile


class _BroughtSession:
    """One session that is watched here."""

    def __init__(self, session_id: str, router: LinkRouter) -> None:
        self._session_id = session_id
        self._router = router
        self._surroundings, self._events = router.surroundings, router.surroundings.events
        self._stirred = asyncio.Event()
        self._moved = asyncio.Event()
        self._view: SessionView | None = None  # as it was last shown
        self._finals: dict[str, None] = {}  # utterances that were shown whole

    def stir(self) -> None:
        """People have come or gone, or its run here is over."""
        self._stirred.set()
        self._moved.set()

    async def unwatched(self) -> None:
        """Return once nobody has watched for `STAYS_S`."""
        while True:
            watched = self._events.watchers(self._session_id)
            await rest(self._stirred, None if watched else STAYS_S)
            if not watched and not self._stirred.is_set():
                return
            self._stirred.clear()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._moved.clear()
                await rest(self._moved, await self._look_safely())
        finally:
            self._events.withdraw(self._session_id, self._view)

    async def _look_safely(self) -> float | None:
        """Whatever is wrong with one of them, the others are brought."""
        try:
            return await self._look()
        except StoreUnavailable as error:
            log.info("it is not known where a session runs", session=self._session_id, reason=error.detail)
        except Exception:
            log.exception("a session is not shown here", session=self._session_id)
        return READ_EVERY_S

    async def _look(self) -> float | None:
        """Bring it for as long as that goes well; then, seconds until the next look."""
        if self._surroundings.lease_of(self._session_id):
            return None  # it is here, and `stir` tells when that is over
        placement = await self._router.placement(self._session_id)
        if placement and placement.address and placement.version == VERSION and await self._link(placement):
            placement = None  # it was there: what has become of it is seen soon
        return await self._read(placement)

    async def _link(self, placement: Placement) -> bool:
        """Until it is lost. Whether it ever was open."""
        keys, surroundings = self._router.keys, self._surroundings
        link = SessionLink(self._session_id, self._events, surroundings.presence, self._publish)
        token = keys.token(target_of(self._session_id, placement), surroundings.clock.now())
        gauge = surroundings.metrics.links.labels("web")
        catching_up = asyncio.create_task(self._catch_up_with(link), name="catch up")
        gauge.inc()
        try:
            await link.run(placement, token, keys)
        except LinkLost as lost:
            surroundings.metrics.links_failed.inc(not link.opened.is_set())
            log.info("a link is lost", session=self._session_id, reason=str(lost))
        finally:
            gauge.dec()
            await cancel_and_wait(catching_up)
        return link.opened.is_set()

    async def _catch_up_with(self, link: SessionLink) -> None:
        """What was said before it was open, and was perhaps written down after."""
        await link.opened.wait()
        for _ in range(2):
            with suppress(StoreUnavailable):
                await self._catch_up()
            await asyncio.sleep(WRITTEN_WITHIN_S)

    async def _read(self, placement: Placement | None) -> float | None:
        """Show what is written down of it; seconds until it is read again."""
        view = await self._router.archive.view(self._session_id)
        if view and view.status not in {*AT_REST, SessionStatus.STARTING}:
            view = _without_picture(view, placement)
        if view is None or view.status not in AT_REST or view != self._view:
            await self._catch_up()
        if view and view != self._view:
            self._publish(view)
        if view is None or view.status is SessionStatus.ENDED:
            return None
        return READ_EVERY_S if placement or view.status is SessionStatus.SLEEPING else LOOK_EVERY_S

    async def _catch_up(self) -> None:
        for caption in (await self._router.archive.captions(self._session_id))[-CAUGHT_UP:]:
            if caption.final and caption.id not in self._finals:
                self._publish(caption)

    def _publish(self, event: SessionView | Caption) -> None:
        if isinstance(event, SessionView):
            self._view = event
        elif event.final:
            self._finals[event.id] = None
            if len(self._finals) > REMEMBERED:
                del self._finals[next(iter(self._finals))]
        self._events.publish(self._session_id, event)


def _without_picture(view: SessionView, placement: Placement | None) -> SessionView:
    """It is live, and no link leads there."""
    if placement and placement.version != VERSION:
        return replace(view, note=UPDATED)
    return replace(view, status=SessionStatus.RECONNECTING, note=LOST)
