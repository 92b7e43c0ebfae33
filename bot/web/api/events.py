"""`/api/v1/events`: what happens in a token's places, as server-sent events, read from the outbox at the pace of whoever reads."""

import asyncio
import contextlib
import hashlib
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Collection
from datetime import timedelta

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.clock import new_id
from bot.domain.api_tokens import ApiToken
from bot.domain.conversations import ConversationRef
from bot.domain.errors import StoreUnavailable
from bot.domain.hook_events import EventType, PlaceScope
from bot.ports.storage.hooks import EventRecord, HookRepository
from bot.runtime.services import Services
from bot.tasks import rest
from bot.web.api.authentication import ApiCaller
from bot.web.api.wire import ApiProblem, ProblemKind

VERB = "events"
"""What a token has to be for."""

KEPT = timedelta(days=1)
"""How long what happens is kept for a token after it last read along."""

HEARTBEAT = 15.0
"""Seconds between two signs of life; the token is looked at with each, and before anything is told."""

LOOK_EVERY = 2.0
"""Seconds between two looks without a wakeup: other processes write too."""

TOGETHER = 0.05
"""Seconds after the first of several things that happen: they are looked for once."""

SETTLING = 10.0
"""Seconds for which an event may become visible after a later one: ids are made before what happens is committed."""

PAGE = 100
MOST_OF_A_TOKEN = 5
RECONNECT = b"retry: 3000\n\n"
HEADERS = {"x-accel-buffering": "no"}


class EventStreams:
    """The streams of this process."""

    def __init__(self, services: Services, heartbeat: float = HEARTBEAT) -> None:
        self._services = services
        self._heartbeat = heartbeat
        self._open = Counter[str]()
        self._closed = False

    def close(self) -> None:
        """All of them end, once they have told what there is; whoever reads asks again, with the last id."""
        self._closed = True
        self._services.storage.outbox.notify()

    async def response(self, caller: ApiCaller, kinds: Collection[EventType], after: str) -> StreamingResponse:
        """What happens after an event, `''` for what happens from now on. Raises `ApiProblem` and `StoreUnavailable`."""
        token = caller.token
        if VERB not in token.commands:
            raise ApiProblem(
                ProblemKind.FORBIDDEN, f"This token is not for “{VERB}”, only for {', '.join(token.commands)}."
            )
        if self._open[token.name] >= MOST_OF_A_TOKEN:
            raise ApiProblem(
                ProblemKind.TOO_MANY_REQUESTS,
                f"This token reads {MOST_OF_A_TOKEN} streams already.",
                retry_after=HEARTBEAT,
            )
        await self._listen(token)
        self._open[token.name] += 1
        chunks = self._chunks(token, kinds, NewEvents(self._services.storage.hooks, after or new_id(), token.places))
        return _EventResponse(chunks, lambda: self._open.subtract([token.name]))

    async def _listen(self, token: ApiToken) -> None:
        listener = hashlib.sha256(token.person.id.encode()).hexdigest()[:32]
        until = self._services.clock.now() + KEPT
        await self._services.storage.hooks.listen(listener, PlaceScope(token.places), until)

    async def _is_good(self, token: ApiToken) -> bool:
        """Whether it is what it was a moment ago: it may have been revoked, or made anew for other places."""
        known = await self._services.storage.tokens.of_person(token.person.id)
        return known == token and not token.expired_at(self._services.clock.now())

    async def _chunks(
        self, token: ApiToken, kinds: Collection[EventType], events: "NewEvents"
    ) -> AsyncGenerator[bytes, None]:
        yield RECONNECT
        now = asyncio.get_running_loop().time
        beat = now() + self._heartbeat
        with self._services.storage.outbox.joined() as wakeup, contextlib.suppress(StoreUnavailable):
            while True:
                wakeup.clear()
                closed = self._closed
                found = await events.read()
                if found and not await self._is_good(token):
                    return
                for event in found:
                    if event.type in kinds and await self._hears(token, event):
                        yield _encoded(event)
                if closed:
                    return
                if now() >= beat:
                    beat = now() + self._heartbeat
                    if not await self._is_good(token):
                        return
                    await self._listen(token)
                    yield b": still here\n\n"
                await rest(wakeup, min(LOOK_EVERY, self._heartbeat))
                await asyncio.sleep(TOGETHER)

    async def _hears(self, token: ApiToken, event: EventRecord) -> bool:
        scope, platform = PlaceScope(token.places), self._services.platforms.get(event.place.platform)
        if platform is None or not scope.may_cover(event.place):
            return False
        return scope.covers(event.place, await platform.channel(event.place))


class NewEvents:
    """What has happened in the workspaces of these places since the last look, each event once, though some become visible after later ones."""

    def __init__(self, hooks: HookRepository, after: str, places: Collection[ConversationRef]) -> None:
        self._hooks = hooks
        self._workspaces = {(place.platform, place.workspace_id) for place in places}
        self._settled = after
        self._read: deque[tuple[float, str]] = deque()

    async def read(self) -> list[EventRecord]:
        """Raises `StoreUnavailable`."""
        self._settle()
        known, position, found = {id_ for _, id_ in self._read}, self._settled, list[EventRecord]()
        while not found:
            page = await self._hooks.since(position, PAGE, self._workspaces)
            found = [event for event in page if event.id not in known]
            if len(page) < PAGE:
                break
            position = page[-1].id
        self._read += [(asyncio.get_running_loop().time(), event.id) for event in found]
        return found

    def _settle(self) -> None:
        """Before what was read so long ago nothing new appears."""
        settled_at = asyncio.get_running_loop().time() - SETTLING
        while self._read and self._read[0][0] < settled_at:
            self._settled = max(self._settled, self._read.popleft()[1])


class _EventResponse(StreamingResponse):
    """Says when it is over, however it ends."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], over: Callable[[], None]) -> None:
        super().__init__(chunks, media_type="text/event-stream", headers=HEADERS)
        self._chunks = chunks
        self._over = over

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()
            await self._chunks.aclose()


def _encoded(event: EventRecord) -> bytes:
    """JSON has no line break in it."""
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.body}\n\n".encode()
