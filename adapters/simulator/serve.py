"""Serve a simulator on a socket, in the running loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from adapters.simulator.http.app import application
from adapters.simulator.simulator import Simulator

GRACE_S = 1
"""How long an answer that hangs may hold up the end."""


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
        application(simulator), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE_S
    )
    server = _SimulatorServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="simulator-http")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
