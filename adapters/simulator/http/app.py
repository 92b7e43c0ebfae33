"""The simulator's web app, and serving it on a socket in the running loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette

from adapters.simulator.control import Control
from adapters.simulator.http.account_routes import AccountRoutes
from adapters.simulator.http.auth import HttpAuth
from adapters.simulator.http.avatars import AvatarRoutes
from adapters.simulator.http.control import ControlRoutes, RoomBridge
from adapters.simulator.http.knowledge import KnowledgeRoutes
from adapters.simulator.http.sessions import SessionRoutes
from adapters.simulator.simulator import Simulator

GRACE_S = 1
"""How long an answer that hangs may hold up the end."""

KEPT_OPEN_S = 75
"""Connections that nobody uses, as with nginx. Clients give them up long before: a request never meets one that is just being closed."""


def application(simulator: Simulator) -> Starlette:
    """AKOOL's endpoints and the simulator's own, to be served while the simulator is entered."""
    gate = HttpAuth(simulator.account, simulator.faults)
    return Starlette(
        routes=[
            *SessionRoutes(simulator.sessions, simulator.options, simulator.clock).routes(gate),
            *AvatarRoutes(simulator.catalog).routes(gate),
            *KnowledgeRoutes(simulator.knowledge_bases).routes(gate),
            *AccountRoutes(simulator.account, simulator.speech).routes(gate),
            *RoomBridge(simulator.rooms).routes(),
            *ControlRoutes(Control(simulator)).routes(),
        ]
    )


# ---------------------------------------------------------------- serving


class _SimulatorServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that embeds us."""
        yield


@contextlib.asynccontextmanager
async def serving(simulator: Simulator, port: int = 0) -> AsyncIterator[str]:
    """The simulator's address, without a slash at its end, on a free port of the loopback unless one is named."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        application(simulator),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_keep_alive=KEPT_OPEN_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _SimulatorServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="simulator-http")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
