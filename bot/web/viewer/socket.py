"""A viewer's socket: shows its grant, then watches, and speaks if it may; and how many sockets an address and a link may have."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.clock import Clock
from bot.commands.policy import Policy
from bot.domain.disclosure import Disclosed, Disclosure
from bot.media.events import SessionEvents
from bot.ports.chat import CoreApi
from bot.ports.grants import Grant, Grants, Scope
from bot.telemetry import warn_of_outsider
from bot.web.page import ended_by, message_of, text_of
from bot.web.viewer.actions import ONLY_WATCHING, act, microphone, offered, values
from bot.web.viewer.archive import Archive
from bot.web.viewer.connection import ViewerConnection
from bot.web.viewer.presence import Presence
from bot.web.viewer.wire import (
    Do,
    FloorWanted,
    FrameAck,
    FromPage,
    Gone,
    Hello,
    KeyFrameWanted,
    Say,
    Speaks,
    ValuesWanted,
    ViewerPresent,
    Visible,
    Why,
    decode,
    encode,
)

AT_ONCE = 20
"""Unauthenticated sockets per address."""
GRANT_WITHIN_S = 2.0

SOCKETS_PER_LINK = 5
JOIN_EVERY_S = 1.0
"""Between two times that sockets of one link begin to watch: each reads the transcript and is told to everybody."""


class ConnectionLimit:
    """Sockets that have not shown a grant. When too many of an address have not, the one that says nothing for longest leaves."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, dict[asyncio.Timeout, None]] = defaultdict(dict)

    @contextmanager
    def waiting(self, address: str, patience: asyncio.Timeout) -> Iterator[None]:
        """Be one of them within the block. Making room ends `patience`, inside of which the block has to stand."""
        waiting = self._waiting[address]
        while len(waiting) >= AT_ONCE:
            oldest = next(iter(waiting))
            del waiting[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        waiting[patience] = None
        try:
            yield
        finally:
            self._waiting[address].pop(patience, None)
            if not self._waiting[address]:
                del self._waiting[address]


class LinkSockets:
    """The sockets of each link, by its id."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._next_join: dict[str, float] = {}

    @contextmanager
    def counted(self, link: str) -> Iterator[bool]:
        """Be one of them within the block; False when there are enough already."""
        if self._open[link] >= SOCKETS_PER_LINK:
            yield False
            return
        self._open[link] += 1
        try:
            yield True
        finally:
            self._open[link] -= 1
            if not self._open[link]:
                del self._open[link]
                self._forget_old_joins()

    async def join(self, link: str) -> None:
        """Wait for the link's turn to begin watching."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_join.get(link, 0.0))
        self._next_join[link] = at + JOIN_EVERY_S
        await asyncio.sleep(at - now)

    def _forget_old_joins(self) -> None:
        now = asyncio.get_running_loop().time()
        self._next_join = {link: at for link, at in self._next_join.items() if at > now}


GOING_AWAY = 1001
POLICY = 1008
TRY_LATER = 1013

LOOK_EVERY_S = 10.0
"""Between two looks whether the link of an open socket still holds."""


class LinkGone(Exception):
    """The link shows nothing, or nothing more. Leaves this module in no other way than as a frame."""

    def __init__(self, why: Why) -> None:
        self.why = why


# ---------------------------------------------------------------- a socket


class ViewerSockets:
    """Serves every viewer's socket. No origin is asked for: the grant alone opens, also from inside somebody's iframe."""

    def __init__(  # noqa: PLR0917
        self,
        grants: Grants,
        events: SessionEvents,
        core: CoreApi,
        archive: Archive,
        clock: Clock,
        policy: Policy,
        audiences: Presence,
    ) -> None:
        self._grants = grants
        self._events = events
        self._core = core
        self._archive = archive
        self._clock = clock
        self._policy = policy
        self._limit = ConnectionLimit()
        self._links = LinkSockets()
        self._audiences = audiences

    async def serve(self, socket: WebSocket) -> None:
        """Until it closes."""
        with suppress(WebSocketDisconnect):  # closing the page is how every visit ends
            await socket.accept()
            try:
                await self._admit(socket)
            except LinkGone as gone:
                await socket.send_text(encode(Gone(gone.why)))
                await socket.close(GOING_AWAY)
            except TimeoutError:
                await socket.close(TRY_LATER)
            except ValueError:
                warn_of_outsider("a viewer's socket sent what no page of ours sends")
                await socket.close(POLICY)

    async def _admit(self, socket: WebSocket) -> None:
        """Raises `LinkGone`; `TimeoutError` for who does not show a grant in time, `ValueError` for what is none."""
        frame = await self._first_frame(socket)
        if not isinstance(frame, ViewerPresent):
            raise ValueError("nothing presented")  # noqa: TRY004 - of what somebody sent, not of ours
        grant = await self._valid(frame.grant)
        with self._links.counted(grant.id) as free:
            if not free:
                raise LinkGone(Why.CROWDED)
            await self._welcome(socket, frame.grant, grant)

    async def _first_frame(self, socket: WebSocket) -> FromPage:
        address = socket.client.host if socket.client else ""
        async with asyncio.timeout(GRANT_WITHIN_S) as patience:
            with self._limit.waiting(address, patience):
                return decode(await text_of(socket))

    async def _valid(self, secret: str) -> Grant:
        grant = await self._grants.find(secret)
        if grant is None:
            raise LinkGone(Why.UNKNOWN)
        if grant.expired_at(self._clock.now()):
            raise LinkGone(Why.EXPIRED)
        return grant

    async def _welcome(self, socket: WebSocket, secret: str, grant: Grant) -> None:
        own = partial(microphone, grant, self._core, self._clock)
        watching = ViewerConnection(socket, grant, self._events, self._archive, self._audiences, own)
        disclosure = await self._archive.disclosure(grant.session_id)
        disclosed = Disclosed(disclosure, lambda shown: watching.show("hello", self._hello(grant, shown)))
        with ended_by(WebSocketDisconnect, LinkGone, ValueError), closing(watching):
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watching.write())
                tasks.create_task(self._while_valid(secret))
                await self._read(socket, grant, watching, disclosed, tasks)

    def _hello(self, grant: Grant, shown: Disclosure) -> Hello:
        name = grant.person.name if grant.person and grant.scope is Scope.SPEAK else ""
        may = offered(grant, self._policy)
        return Hello(grant.scope, self._clock.now(), shown.sentence, shown.language, name, may)

    async def _while_valid(self, secret: str) -> None:
        """Raises `LinkGone` soon after the link has expired or was revoked, by whatever process."""
        while True:
            grant = await self._valid(secret)
            left = (grant.expires_at - self._clock.now()).total_seconds()
            await asyncio.sleep(max(0.0, min(left, LOOK_EVERY_S)))

    async def _read(
        self,
        socket: WebSocket,
        grant: Grant,
        watching: ViewerConnection,
        disclosed: Disclosed,
        tasks: asyncio.TaskGroup,
    ) -> None:
        following: asyncio.Task[None] | None = None
        while True:
            await watching.room()
            match await _frame(socket, watching):
                case Visible(on=True, plays=plays) if following is None:
                    following = tasks.create_task(self._follow(grant, watching, disclosed, plays=plays))
                case Visible(on=False) if following is not None:
                    following.cancel()
                    following = None
                    watching.microphone.leave()
                case FloorWanted() as wanted if following is not None:
                    self._grant_floor(watching, wanted)
                case (FrameAck() | KeyFrameWanted() | Speaks()) as sign:
                    _heed(watching, sign)
                case (Say() | Do()) as done:
                    watching.answer(await act(done, grant, self._core, self._clock))
                case ValuesWanted() as wanted:
                    watching.show(f"values {wanted.option}", await values(wanted, grant, self._core, self._policy))
                case Visible() | FloorWanted():
                    pass
                case ViewerPresent():
                    raise ValueError("presented twice")

    def _grant_floor(self, watching: ViewerConnection, wanted: FloorWanted) -> None:
        if not watching.microphone.want(wanted):
            watching.tell(ONLY_WATCHING)

    async def _follow(self, grant: Grant, watching: ViewerConnection, disclosed: Disclosed, *, plays: bool) -> None:
        await self._links.join(grant.id)
        await watching.follow(disclosed, plays=plays)


def _heed(watching: ViewerConnection, sign: FrameAck | KeyFrameWanted | Speaks) -> None:
    match sign:
        case FrameAck(number):
            watching.player.acknowledge(number)
        case KeyFrameWanted():
            watching.player.discontinuity()
        case Speaks():
            watching.microphone.speaks()


async def _frame(socket: WebSocket, watching: ViewerConnection) -> FromPage:
    """The next one that is no piece of a voice."""
    while isinstance(message := await message_of(socket), bytes):
        watching.microphone.take(message)
    return decode(message)
