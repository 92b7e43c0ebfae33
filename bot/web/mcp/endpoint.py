"""`/mcp`: who calls is known by its token before anything of the protocol is loaded."""

import asyncio
import importlib
import importlib.util
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from bot.domain.errors import StoreUnavailable
from bot.ports.chat import HttpMount
from bot.web.api.authentication import Authentication
from bot.web.api.operations import ApiOperations
from bot.web.api.routes import refused
from bot.web.api.wire import ApiProblem, ProblemKind
from bot.web.mcp.tools import AgentTools

if TYPE_CHECKING:
    from bot.web.mcp.server import McpSessions

PATH = "/mcp"

READY_WITHIN = 30.0
"""Seconds for loading the library, which takes one or two."""

NOT_INSTALLED = (
    "MCP needs the extra `mcp`, which `make setup` brings (or `uv tool install --force '.[mcp]'`); then start again."
)
NOT_READY = "The service is starting or ending. Try again in a moment."


class McpEndpoint:
    """An ASGI app. The protocol's library costs seconds and memory, so it is loaded with the first request that may use it."""

    def __init__(self, operations: ApiOperations, authentication: Authentication, library: str = "mcp") -> None:
        self._library = library
        self._tools = AgentTools(operations)
        self._authentication = authentication
        self._wanted = asyncio.Event()
        self._sessions: asyncio.Future[McpSessions] | None = None

    def mount(self) -> HttpMount:
        return HttpMount(PATH, self, exact=True)

    async def run(self) -> None:
        """Serve until cancelled."""
        self._sessions = asyncio.get_running_loop().create_future()
        await self._wanted.wait()
        server = await asyncio.to_thread(importlib.import_module, "bot.web.mcp.server")
        sessions: McpSessions = server.McpSessions(self._tools)
        async with sessions.running():
            self._sessions.set_result(sessions)
            try:
                await asyncio.Event().wait()
            finally:
                self._sessions = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            caller = await self._authentication.caller(Request(scope).headers.get("authorization", ""))
            sessions = await self._loaded()
        except ApiProblem as problem:
            await refused(problem)(scope, receive, send)
        except StoreUnavailable as error:
            await refused(ApiProblem(ProblemKind.UNAVAILABLE, error.sentence, retry_after=1))(scope, receive, send)
        else:
            await sessions.handle(caller, scope, receive, send)

    async def _loaded(self) -> "McpSessions":
        if importlib.util.find_spec(self._library) is None:
            raise ApiProblem(ProblemKind.NOT_FOUND, NOT_INSTALLED)
        self._wanted.set()
        if self._sessions is None:
            raise ApiProblem(ProblemKind.UNAVAILABLE, NOT_READY, retry_after=1)
        try:
            async with asyncio.timeout(READY_WITHIN):
                return await asyncio.shield(self._sessions)
        except TimeoutError:
            raise ApiProblem(ProblemKind.UNAVAILABLE, NOT_READY, retry_after=1) from None
