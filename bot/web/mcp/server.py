"""The MCP server on the tools, for whatever transport, and the endpoint `/mcp` (Streamable HTTP). Imports the extra `mcp`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)
from starlette.types import Receive, Scope, Send

from bot.domain.errors import StoreUnavailable
from bot.web.api.authentication import ApiCaller
from bot.web.api.wire import ApiProblem
from bot.web.mcp.tools import AgentTool, AgentTools, ToolCall

INSTRUCTIONS = (
    "Live video avatars in the channels of a team chat. What `say` is given is spoken aloud by the avatar in front of everybody who "
    "watches, and the answer is what it said. An avatar is an AI; what it says is generated."
)

TRANSCRIPT = "avatarbot://transcripts/"
CALLER = "avatarbot.caller"
"""Where a request's scope has who makes it."""

BODY_BYTES = 64 * 1024
MOST_SESSIONS = 200
IDLE_S = 600.0

MARKDOWN = "text/markdown"

Asked = ServerRequestContext[Any, Any]


class McpHandlers:
    """What the server answers."""

    def __init__(self, tools: AgentTools) -> None:
        self._tools = tools

    def server(self) -> Server[Any]:
        return Server(
            "avatarbot",
            version=version("avatarbot"),
            title="Avatarbot",
            instructions=INSTRUCTIONS,
            on_list_tools=self.list_tools,
            on_call_tool=self.call_tool,
            on_list_resources=self.list_resources,
            on_list_resource_templates=self.list_templates,
            on_read_resource=self.read_resource,
        )

    async def list_tools(self, asked: Asked, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_described(tool) for tool in self._tools.offered(_caller(asked))])

    async def call_tool(self, asked: Asked, params: CallToolRequestParams) -> CallToolResult:
        """What is refused is an answer that a model reads, and no fault of the protocol."""

        async def progress(seconds: float, message: str) -> None:
            await asked.session.report_progress(seconds, None, message)

        try:
            answer = await self._tools.call(params.name, ToolCall(_caller(asked), params.arguments or {}, progress))
        except (ApiProblem, StoreUnavailable) as error:
            return CallToolResult(content=[TextContent(type="text", text=error.sentence)], is_error=True)
        return CallToolResult(content=[TextContent(type="text", text=answer.text)], structured_content=answer.content)

    async def list_resources(self, asked: Asked, _params: PaginatedRequestParams | None) -> ListResourcesResult:
        found = await self._tools.transcripts(_caller(asked))
        resources = [
            Resource(uri=f"{TRANSCRIPT}{id_}", name=f"transcript-{id_}", title=title, mime_type=MARKDOWN)
            for id_, title in found
        ]
        return ListResourcesResult(resources=resources)

    async def list_templates(
        self, _asked: Asked, _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        template = ResourceTemplate(
            uri_template=TRANSCRIPT + "{session}",
            name="transcript",
            title="What was said in a session",
            mime_type=MARKDOWN,
        )
        return ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(self, asked: Asked, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = str(params.uri)
        try:
            text = await self._tools.transcript(_caller(asked), uri.removeprefix(TRANSCRIPT), "md")
        except (ApiProblem, StoreUnavailable) as error:
            raise MCPError(INVALID_PARAMS, error.sentence) from None
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=MARKDOWN, text=text)])


def _caller(asked: Asked) -> ApiCaller:
    assert asked.request is not None
    caller: ApiCaller = asked.request.scope[CALLER]
    return caller


def _described(tool: AgentTool) -> Tool:
    hints = ToolAnnotations(read_only_hint=tool.reads_only, destructive_hint=tool.name == "stop", open_world_hint=False)
    return Tool(name=tool.name, description=tool.description, input_schema=tool.schema, annotations=hints)


class McpSessions:
    """The MCP sessions of this process; each is its token's own."""

    def __init__(self, tools: AgentTools) -> None:
        self._manager = StreamableHTTPSessionManager(
            McpHandlers(tools).server(),
            max_request_body_size=BODY_BYTES,
            max_sessions=MOST_SESSIONS,
            session_idle_timeout=IDLE_S,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Once; at the end of the block all of them end."""
        async with self._manager.run():
            yield

    async def handle(self, caller: ApiCaller, scope: Scope, receive: Receive, send: Send) -> None:
        """One request of a caller whose token was good a moment ago."""
        known = AccessToken(token="", client_id=caller.token.name, scopes=[])
        await self._manager.handle_request({**scope, "user": AuthenticatedUser(known), CALLER: caller}, receive, send)
