"""Bounds of the web server's connections: how long and how large what is not a request yet may be, and how many may be open."""

import asyncio
import http
import resource
from dataclasses import dataclass, field
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

FIELDS_LIMIT = 200
"""Header fields of one request."""
PIPELINE_LIMIT = 8
"""Requests of one connection that may wait for their turn."""
FRAGMENTS_LIMIT = 64
"""Frames that one WebSocket message may come in; empty ones count."""

MOST_OPEN = 1024
RESERVED_FILES = 256
"""Descriptors kept for the database, for the platforms' connections, and for what is accepted at once."""
BACKLOG = 64
"""OpenConnections that are accepted at once, before any is counted."""

_PIECE = 4096  # bytes given to the parser at a time, so that a limit is met soon after it is passed


def most_connections() -> int:
    """How many connections may be open, so that our own files find a descriptor."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return MOST_OPEN
    return min(MOST_OPEN, allowed - min(RESERVED_FILES, allowed // 2))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one server's connections may take. Times are seconds."""

    head_bytes: int = 64 * 1024
    """Of a request's head, of its trailers, and of whatever stands between pieces of its body. The parser has no limit of its own."""
    message_bytes: int = 64 * 1024
    """Of one WebSocket message that comes in."""
    head_within: float = 10.0
    """From a connection's or a request's first byte to the end of its head."""
    body_within: float = 30.0
    """From the end of a head to the end of its body."""
    taken_within: float = 30.0
    """How long a peer may take nothing of what it is sent."""
    most_open: int = field(default_factory=most_connections)


class OpenConnections(ServerState):
    """The open connections of one server, at most so many. When full, the one that has been waited for longest makes room."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self.bounds = bounds
        self._awaited: dict[BoundedHttp, None] = {}

    def awaits(self, connection: "BoundedHttp") -> None:
        """It owes us a request, or the rest of one."""
        self._awaited.pop(connection, None)
        self._awaited[connection] = None
        while len(self.connections) > self.bounds.most_open and self._awaited:
            self._drop(next(iter(self._awaited)))

    def awaits_no_more(self, connection: "BoundedHttp") -> None:
        self._awaited.pop(connection, None)

    def _drop(self, connection: "BoundedHttp") -> None:
        self.awaits_no_more(connection)
        self.connections.discard(connection)
        connection.transport.abort()


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 with limits. What exceeds one is answered with 400, 408 or 431 and closed; a peer that reads nothing is cut off."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(server_state, OpenConnections)
        self._open = server_state
        self._overhead = 0  # bytes since something of use came
        self._due: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_within(self._open.bounds.head_within)
        self._open.awaits(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            self._feed(data[at : at + _PIECE])

    def _feed(self, piece: bytes) -> None:
        self._overhead += len(piece)
        if self._due is None:
            self._await_within(self._open.bounds.head_within)
        super().data_received(piece)
        if self._overhead > self._open.bounds.head_bytes and not self.transport.is_closing():
            self._refuse(http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    # ------------------------------------------------ what the parser finds

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_within(self._open.bounds.head_within)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= FIELDS_LIMIT:
            raise ValueError("too many fields")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= PIPELINE_LIMIT:
            raise ValueError("too many requests at once")
        super().on_headers_complete()
        self._overhead = 0
        self._await_within(self._open.bounds.body_within)

    def on_body(self, body: bytes) -> None:
        self._overhead = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._overhead = 0
        self._await_no_more()
        self._open.awaits_no_more(self)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._linger()
        elif not self.pipeline:
            self._open.awaits(self)

    def handle_websocket_upgrade(self) -> None:
        self._leave()
        super().handle_websocket_upgrade()

    # ------------------------------------------------ what is waited for

    def _await_within(self, seconds: float) -> None:
        self._await_no_more()
        self._due = self.loop.call_later(seconds, self._refuse, http.HTTPStatus.REQUEST_TIMEOUT)

    def _await_no_more(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _refuse(self, status: http.HTTPStatus) -> None:
        """Say why, unless an answer has begun, and close."""
        self._await_no_more()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            head = f"HTTP/1.1 {status} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(head.encode())
        self.transport.close()
        self._linger()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._linger()

    def _linger(self) -> None:
        """A transport that closes waits for its last bytes to be read, however long."""
        self.loop.call_later(self._open.bounds.taken_within, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self._open.bounds.taken_within, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()

    def _leave(self) -> None:
        self._await_no_more()
        self._open.awaits_no_more(self)
        if self._stall is not None:
            self._stall.cancel()


WRITE_WHOLE = "avatarbot.write_whole"
"""The extension of a WebSocket's scope under which `BoundedWebSocket.write_whole` is: for bytes that many are sent."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket whose peer must read what it is sent, and cannot make us keep what is of no use."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(server_state, OpenConnections)
        self._taken_within = server_state.bounds.taken_within
        self._stall: asyncio.TimerHandle | None = None

    async def run_asgi(self) -> None:
        self.scope["extensions"][WRITE_WHOLE] = self.write_whole  # type: ignore[assignment] # uvicorn types what it has itself
        await super().run_asgi()

    def write_whole(self, message: bytes) -> bool:
        """Send a message that is one as it stands, at once; False where it would have to wait, or nobody reads any more."""
        ready = (
            self.handshake_complete and self.writable.is_set() and not (self.close_sent or self.transport.is_closing())
        )
        if ready:
            self.transport.write(message)
        return ready

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(self._taken_within, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()

    def handle_ping(self) -> None:
        pong = b"".join(self.conn.data_to_send())
        if self.writable.is_set():  # else nobody reads it, and pongs would pile up
            self.transport.write(pong)

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self.loop.call_later(self._taken_within, self.transport.abort)  # its last bytes may never be read

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= FRAGMENTS_LIMIT:
            self.transport.abort()
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.transport.abort()  # the base class would write a traceback
            return
        super().send_receive_event_to_app()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
