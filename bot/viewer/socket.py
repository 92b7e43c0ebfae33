"""A viewer's socket: shows its grant, then watches, and speaks if it may."""

import asyncio
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.log_throttle import warn_of_outsider
from bot.ports.chat import Reception
from bot.ports.clock import Clock
from bot.session.feed import Feed
from bot.viewer.archive import Archive
from bot.viewer.audience import Audiences
from bot.viewer.door import GRANT_WITHIN_S, Door
from bot.viewer.grants import Grant, Grants, Scope
from bot.viewer.incoming import text_of
from bot.viewer.speaking import act
from bot.viewer.watching import Watching
from bot.viewer.wire import Ack, Do, Expired, FromPage, Hello, Key, Present, Say, Visible, decode, encode

GOING_AWAY = 1001
POLICY = 1008
TRY_LATER = 1013


class ViewerSockets:
    """Serves every viewer's socket. No origin is asked for: the grant alone opens, also from inside somebody's iframe."""

    def __init__(self, grants: Grants, feed: Feed, reception: Reception, archive: Archive, clock: Clock) -> None:
        self._grants = grants
        self._feed = feed
        self._reception = reception
        self._archive = archive
        self._clock = clock
        self._door = Door()
        self._audiences = Audiences()

    async def serve(self, socket: WebSocket) -> None:
        """Until it closes."""
        with suppress(WebSocketDisconnect):  # closing the page is how every visit ends
            grant = await self._grant(socket)
            if grant is not None:
                await self._welcome(socket, grant)

    async def _grant(self, socket: WebSocket) -> Grant | None:
        """What it may, once it has shown it; None when it was sent away."""
        address = socket.client.host if socket.client else ""
        with self._door.waiting(address) as free:
            await socket.accept()
            if not free:
                await socket.close(TRY_LATER)
                return None
            grant = await self._presented(socket)
            if grant is None or grant.expired_at(self._clock.now()):
                await socket.close(POLICY)
                return None
            return grant

    async def _presented(self, socket: WebSocket) -> Grant | None:
        try:
            async with asyncio.timeout(GRANT_WITHIN_S):
                frame = await _frame(socket)
        except (TimeoutError, ValueError):
            return None
        return await self._grants.find(frame.grant) if isinstance(frame, Present) else None

    async def _welcome(self, socket: WebSocket, grant: Grant) -> None:
        watching = Watching(socket, grant, self._feed, self._archive, self._audiences)
        name = grant.person.name if grant.person and grant.scope is Scope.SPEAK else ""
        watching.show("hello", Hello(grant.scope, self._clock.now(), name))
        try:
            async with asyncio.timeout((grant.expires_at - self._clock.now()).total_seconds()):
                await self._host(socket, grant, watching)
        except TimeoutError:
            await socket.send_text(encode(Expired()))
            await socket.close(GOING_AWAY)
        except ValueError:
            warn_of_outsider("a viewer's socket sent what no page of ours sends")
            await socket.close(POLICY)

    async def _host(self, socket: WebSocket, grant: Grant, watching: Watching) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watching.write())
                await self._read(socket, grant, watching, tasks)
        except* WebSocketDisconnect:
            raise WebSocketDisconnect from None
        except* ValueError:
            raise ValueError("not a frame of our page") from None

    async def _read(self, socket: WebSocket, grant: Grant, watching: Watching, tasks: asyncio.TaskGroup) -> None:
        following: asyncio.Task[None] | None = None
        while True:
            match await _frame(socket):
                case Visible(on=True, plays=plays) if following is None:
                    following = tasks.create_task(watching.follow(plays=plays))
                case Visible(on=False) if following is not None:
                    following.cancel()
                    following = None
                case Ack(number):
                    watching.player.acknowledge(number)
                case Key():
                    watching.player.cut()
                case (Say() | Do()) as done:
                    watching.show(f"outcome {done.nonce}", await act(done, grant, self._reception, self._clock))
                case Visible():
                    pass
                case Present():
                    raise ValueError("presented twice")


async def _frame(socket: WebSocket) -> FromPage:
    return decode(await text_of(socket))
