"""What docs/hooks.md and docs/mcp.md show is what receivers and agents get."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.hook_events import EventType, PlaceScope
from bot.domain.posts import Speaker
from bot.ports.storage.hooks import HookRecord
from bot.ports.storage.records import ProcessProfile, UtteranceRecord
from bot.storage.memory import MemoryStorage
from bot.testing.chat import CHANNEL
from bot.testing.virtual_time import ManualClock
from bot.web.mcp.tools import AgentTools
from tests.memory_fixture import MemoryWorld, in_memory
from tests.stored import started

DOCS = Path(__file__).parents[2] / "docs"
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOOKS, MCP = (DOCS / "hooks.md").read_text(), (DOCS / "mcp.md").read_text()


def rows(text: str) -> list[str]:
    """The first cells of its tables, in backquotes."""
    return re.findall(r"^\| `([a-z._]+)` \|", text, re.MULTILINE)


async def test_the_payload_that_is_shown_is_the_one_sent() -> None:
    storage = MemoryStorage(ManualClock(NOON))
    await storage.hooks.add(
        HookRecord("h", "https://a/", "whsec_a", frozenset(EventType), PlaceScope((CHANNEL,)), NOON)
    )
    await started(storage, "s")
    await storage.workers.enlist("w", ProcessProfile(), lasts=None)
    (lease,) = await storage.workers.claim("w", room=1)
    async with storage.fenced(lease) as run:
        run.save(UtteranceRecord("u", "p", "t", Speaker.BOT, "Version 2 is out.", True, False, NOON, NOON))
    sent = json.loads((await storage.hooks.since("", 10))[-1].body)
    (shown,) = map(json.loads, re.findall(r"```json\n(.*?)```", HOOKS, re.DOTALL))
    assert shown.keys() == sent.keys()
    assert {name: type(value) for name, value in shown["data"].items()} == {
        name: type(value) for name, value in sent["data"].items()
    }
    assert shown["data"]["avatar"] == sent["data"]["avatar"]
    assert (shown["version"], shown["type"]) == (sent["version"], sent["type"])


def test_every_event_is_in_the_table() -> None:
    assert rows(HOOKS) == list(EventType)


@in_memory()
async def test_every_tool_is_in_the_table(world: MemoryWorld) -> None:
    tools = AgentTools(world.service._operations)._all()
    assert rows(MCP) == [tool.name for tool in tools]
    asked_for = re.findall(r"^\| `[a-z_]+` \| `([a-z]+)` \|", MCP, re.MULTILINE)
    assert asked_for == [tool.command for tool in tools]
    verbs = re.search(r"--verbs (\S+)", MCP)
    assert verbs
    assert set(verbs[1].split(",")) == set(asked_for)


def test_configurations_that_are_shown_are_json() -> None:
    for shown in re.findall(r"```json\n(.*?)```", MCP, re.DOTALL):
        assert json.loads(shown)["mcpServers"]["avatarbot"]
