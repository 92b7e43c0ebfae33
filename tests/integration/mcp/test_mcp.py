"""The official client of the Model Context Protocol, over HTTP and over `avatarbot mcp`, against a whole service."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import anyio
import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, TextContent, TextResourceContents

from bot.app.service import Parts, Service
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.domain.api_tokens import ApiToken, digest_of, new_secret
from bot.storage.memory import MemoryStorage
from bot.tasks import cancel_and_wait
from bot.telemetry import new_metrics
from bot.testing.avatar import AvatarBehavior
from bot.testing.chat import CHANNEL, FakeChat
from bot.testing.chat_platform import FakeChatPlatform
from bot.testing.provider import FakeAvatarProvider
from bot.web.api.operations import MOST_WAITING
from bot.web.app import create_app, serve
from bot.web.mcp.endpoint import McpEndpoint
from tests.acceptance.processes import ROOT, surroundings
from tests.memory_fixture import given_up
from tests.patience import HANG_S, until
from tests.program_fixture import EVERYTHING

AVATARBOT = Path(sys.executable).with_name("avatarbot")
PLACE = str(CHANNEL)
TOOLS = {"list_avatars", "start", "say", "interrupt", "act", "status", "transcript", "stop"}
ERAS = ("legacy", "auto")
"""The handshake of all versions before 2026-07-28, and what came then."""


@dataclass
class Agents:
    """A service, and agents that come to it over HTTP or by the command."""

    service: Service
    storage: MemoryStorage
    provider: FakeAvatarProvider
    url: str
    folder: Path

    async def token(self, *commands: str) -> str:
        secret, now = new_secret(), SystemClock().now()
        name = f"agent{len(await self.storage.tokens.everything())}"
        token = ApiToken(name, (CHANNEL,), commands or EVERYTHING, 60, now, now + timedelta(days=1))
        await self.storage.tokens.add(digest_of(secret), token)
        return secret

    @contextlib.asynccontextmanager
    async def over_http(self, secret: str, era: str = "auto") -> AsyncIterator[Client]:
        headers = {"authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(headers=headers, timeout=HANG_S, trust_env=False) as http:
            transport = streamable_http_client(f"{self.url}/mcp", http_client=http)
            async with Client(transport, mode=era) as client:
                yield client

    @contextlib.asynccontextmanager
    async def over_stdio(self, secret: str, era: str = "auto") -> AsyncIterator[Client]:
        settings = surroundings({"AVATARBOT_URL": self.url, "AVATARBOT_TOKEN": secret})
        command = StdioServerParameters(command=str(AVATARBOT), args=["mcp"], env=settings, cwd=self.folder)
        async with Client(command, mode=era) as client:
            yield client


@contextlib.asynccontextmanager
async def agents(
    folder: Path, behavior: AvatarBehavior | None = None, *, most_waiting: int = MOST_WAITING
) -> AsyncIterator[Agents]:
    clock = SystemClock()
    storage, chat = MemoryStorage(clock), FakeChat(clock=clock)
    async with contextlib.aclosing(FakeAvatarProvider(clock, behavior or AvatarBehavior())) as provider:
        service = Service(
            Parts(storage, provider, clock, Policy(), new_metrics(), give_up=given_up, most_waiting=most_waiting)
        )
        service.add(FakeChatPlatform(chat, service.core))
        app = create_app(service.services.metrics, {}, service.mounts())
        async with serve(app, "127.0.0.1", 0) as port, service.running():
            yield Agents(service, storage, provider, f"http://127.0.0.1:{port}", folder)
    # The library watches for the end of its server for as long as the loop lives.
    await cancel_and_wait(*(task for task in asyncio.all_tasks() if "_shutdown_watcher" in str(task.get_coro())))


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", ["over_http", "over_stdio"])
async def test_an_agent_starts_speaks_reads_and_stops(tmp_path: Path, way: str, era: str) -> None:
    behavior = AvatarBehavior(answer=lambda _: "Hello, world!")
    async with agents(tmp_path, behavior) as there, getattr(there, way)(await there.token(), era) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
        assert "avatar" in (client.instructions or "")
        offered = await client.call_tool("list_avatars", {"place": PLACE})
        assert "Alma" in text_of(offered)
        started = await client.call_tool("start", {"place": PLACE, "avatar": "Alma"})
        assert not started.is_error, text_of(started)
        assert started.structured_content
        session = started.structured_content["session"]
        seen: list[str | None] = []

        async def progress(_done: float, _total: float | None, message: str | None) -> None:
            seen.append(message)

        said = await client.call_tool("say", {"place": PLACE, "text": "Hi"}, progress_callback=progress)
        assert text_of(said) == "Hello, world!"
        assert seen
        assert session in text_of(await client.call_tool("status", {}))
        assert not (await client.call_tool("act", {"session": session, "action": "nod"})).is_error
        assert "Hello, world!" in text_of(await client.call_tool("transcript", {"session": session}))
        (resource,) = (await client.list_resources()).resources
        (read,) = (await client.read_resource(str(resource.uri))).contents
        assert isinstance(read, TextResourceContents)
        assert "Hello, world!" in read.text
        assert (await client.list_resource_templates()).resource_templates
        assert not (await client.call_tool("stop", {"session": session})).is_error
        await until(lambda: all(not hosted.open for hosted in there.provider.hosted))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("way", ["over_http", "over_stdio"])
async def test_a_cancelled_call_interrupts_the_avatar(tmp_path: Path, way: str, era: str) -> None:
    slow = AvatarBehavior(answer=lambda _: "word " * 2_000, pace=20.0)
    async with agents(tmp_path, slow) as there, getattr(there, way)(await there.token(), era) as client:
        await client.call_tool("start", {"place": PLACE, "avatar": "Alma"})
        async with anyio.create_task_group() as group:
            group.start_soon(client.call_tool, "say", {"place": PLACE, "text": "Hi"})
            await until(lambda: there.provider.hosted[0].avatars[0].said)
            group.cancel_scope.cancel()
        await until(lambda: any(turn.outcome == "interrupted" for turn in there.storage.data.turns))
        assert not (await client.call_tool("status", {})).is_error


async def test_progress_has_the_words_so_far(tmp_path: Path) -> None:
    whole = " ".join(["wonderful"] * 12)
    slow = AvatarBehavior(answer=lambda _: whole, pace=30.0)
    async with agents(tmp_path, slow) as there, there.over_http(await there.token()) as client:
        seen: list[str] = []

        async def told(progress: float, total: float | None, message: str | None) -> None:
            seen.append(message or "")

        said = await client.call_tool("say", {"place": PLACE, "text": "Hi"}, progress_callback=told)
        assert text_of(said) == whole
        assert any("wonderful" in message and message != whole for message in seen), seen


async def test_a_call_ends_spoken_though_too_many_wait(tmp_path: Path) -> None:
    slow = AvatarBehavior(answer=lambda _: "wonderful " * 8, pace=30.0)
    async with agents(tmp_path, slow, most_waiting=0) as there, there.over_http(await there.token()) as client:
        signs: list[float] = []

        async def told(progress: float, total: float | None, message: str | None) -> None:
            signs.append(progress)

        said = await client.call_tool("say", {"place": PLACE, "text": "Hi"}, progress_callback=told)
        assert "wonderful" in text_of(said)
        assert len(signs) < 20


async def test_what_can_be_no_name_is_not_looked_for(tmp_path: Path) -> None:
    async with agents(tmp_path) as there, there.over_http(await there.token()) as client:
        for tool, arguments in (
            ("status", {"session": "s" * 20_000}),
            ("say", {"place": "#" + "s" * 20_000, "text": "Hi"}),
        ):
            answer = await client.call_tool(tool, arguments)
            assert answer.is_error
            assert len(text_of(answer)) < 500


async def test_what_is_refused_is_the_sentence_of_people(tmp_path: Path) -> None:
    async with agents(tmp_path) as there, there.over_http(await there.token("say", "sessions")) as client:
        assert {tool.name for tool in (await client.list_tools()).tools} == {"say", "status"}
        assert (await client.list_resources()).resources == []
        for tool, arguments, sentence in (
            ("say", {"place": "fake/W1/C9", "text": "Hi"}, "This token is for no place"),
            ("say", {"place": PLACE, "text": "Hi"}, "No avatar"),
            ("say", {"place": PLACE}, "“text” is a text"),
            ("say", {"place": PLACE, "text": "Hi", "loud": True}, "say takes place, text, not “loud”"),
            ("stop", {"session": "s1"}, "This token is not for “stop”"),
            ("dance", {}, "There is no tool “dance”"),
            ("status", {"session": "s9"}, "This token knows no session"),
        ):
            answer = await client.call_tool(tool, arguments)
            assert answer.is_error
            assert sentence in text_of(answer)
        with pytest.raises(MCPError, match="not for “transcript”"):
            await client.read_resource("avatarbot://transcripts/s1")
        assert there.provider.hosted == []


async def test_nobody_without_a_token_gets_as_far_as_the_protocol(tmp_path: Path) -> None:
    async with agents(tmp_path) as there, httpx.AsyncClient(base_url=there.url, trust_env=False) as http:
        assert (await http.post("/mcp", json={})).status_code == 404
        secret = await there.token()
        await asyncio.sleep(0)
        refused = await http.post("/mcp", json={}, headers={"authorization": "Bearer avb_nonsense"})
        assert refused.status_code in {401, 404}
        assert refused.headers["content-type"] == "application/problem+json"
        large = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
        assert (await http.post("/mcp", content=b"x" * 70_000, headers=large)).status_code == 413


async def test_an_mcp_session_is_its_tokens_own(tmp_path: Path) -> None:
    async with agents(tmp_path) as there, httpx.AsyncClient(base_url=there.url, trust_env=False) as http:
        mine, theirs = await there.token(), await there.token()
        hello = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": {"name": "a", "version": "1"},
            },
        }
        accepts = {"accept": "application/json, text/event-stream"}
        opened = await http.post("/mcp", json=hello, headers=accepts | {"authorization": f"Bearer {mine}"})
        session = {"mcp-session-id": opened.headers["mcp-session-id"]}
        asked = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
        for secret, status in ((theirs, 404), (mine, 200)):
            headers = accepts | session | {"authorization": f"Bearer {secret}"}
            assert (await http.post("/mcp", json=asked, headers=headers)).status_code == status


async def test_without_the_extra_the_endpoint_says_what_to_install(tmp_path: Path) -> None:
    async with agents(tmp_path) as there:
        endpoint = McpEndpoint(there.service._operations, there.service._authentication, "no_such_library")
        authorization = {"authorization": f"Bearer {await there.token()}"}
        way = httpx.ASGITransport(endpoint)
        async with httpx.AsyncClient(transport=way, base_url="http://a", headers=authorization) as http:
            answer = await http.post("/mcp", json={})
        assert (
            answer.json()["detail"]
            == "MCP needs the extra `mcp`, which `make setup` brings (or `uv tool install --force '.[mcp]'`); then start again."
        )


@pytest.mark.parametrize(
    ("begins", "settings", "sentence"),
    [
        (
            "sys.modules['mcp'] = sys.modules['httpx2'] = None\nimport bot.app.service",
            {},
            "MCP needs the extra `mcp`",
        ),
        ("", {}, "AVATARBOT_TOKEN is not set"),
        (
            "",
            {"AVATARBOT_TOKEN": "avb_nonsense", "AVATARBOT_URL": "http://127.0.0.1:9"},
            "http://127.0.0.1:9 cannot be asked",
        ),
    ],
)
def test_a_command_that_cannot_serve_says_why(
    tmp_path: Path, begins: str, settings: dict[str, str], sentence: str
) -> None:
    program = f"import sys\n{begins}\nfrom bot.cli import main\nsys.argv = ['avatarbot', 'mcp']\nsys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=surroundings({"PYTHONPATH": str(ROOT), **settings}),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=HANG_S,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
