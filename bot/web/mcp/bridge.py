"""`avatarbot mcp`: standard input and output as an MCP server that asks the service's own, wherever that runs. Imports the extra `mcp`."""

import contextlib
from importlib.metadata import version
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from bot.domain.errors import AvatarbotError
from bot.web.mcp.endpoint import PATH

ANSWER_S = 900.0
"""Seconds for an answer: an avatar may have much to say."""

Asked = ServerRequestContext[Any, Any]


class McpBridge:
    """Each request is made again at the service; one that is cancelled here is cancelled there."""

    def __init__(self, service: Client) -> None:
        self._service = service

    def server(self) -> Server[Any]:
        return Server(
            "avatarbot",
            version=version("avatarbot"),
            title="Avatarbot",
            instructions=self._service.instructions,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_list_resources=self.list_resources,
            on_list_resource_templates=self.list_templates,
            on_read_resource=self.read_resource,
        )

    async def list_tools(self, _asked: Asked, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return await self._service.list_tools()

    async def call_tool(self, asked: Asked, params: CallToolRequestParams) -> CallToolResult:
        async def told(progress: float, total: float | None, message: str | None) -> None:
            await asked.session.report_progress(progress, total, message)

        return await self._service.call_tool(params.name, params.arguments, progress_callback=told)

    async def list_resources(self, _asked: Asked, _params: PaginatedRequestParams | None) -> ListResourcesResult:
        return await self._service.list_resources()

    async def list_templates(
        self, _asked: Asked, _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        return await self._service.list_resource_templates()

    async def read_resource(self, _asked: Asked, params: ReadResourceRequestParams) -> ReadResourceResult:
        return await self._service.read_resource(str(params.uri))


async def bridge(url: str, token: str) -> None:
    """Until standard input ends. Raises `AvatarbotError` where the service cannot be asked."""
    headers = {"authorization": f"Bearer {token}"}
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=ANSWER_S, trust_env=False))
        try:
            transport = streamable_http_client(f"{url}{PATH}", http_client=http)
            service = await stack.enter_async_context(Client(transport))
        except (MCPError, httpx2.HTTPError, ExceptionGroup) as error:
            raise AvatarbotError(_not_asked(url, error), repr(error)) from error
        server = McpBridge(service).server()
        incoming, outgoing = await stack.enter_async_context(stdio_server())
        await server.run(incoming, outgoing, server.create_initialization_options())


def _not_asked(url: str, error: BaseException) -> str:
    """The innermost reason there is."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{url} cannot be asked ({str(error) or type(error).__name__}): check AVATARBOT_URL and AVATARBOT_TOKEN."
