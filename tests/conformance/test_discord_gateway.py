"""Gateway payloads that others wrote, whole and with a field missing: none of them is a fault of ours, and talk goes on."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.discord.fake import FakeDiscord, open_fake
from tests.integration.discord.openapi import SPECS_DIR
from tests.integration.discord.wire import Wire, running
from tests.patience import until

FILE = SPECS_DIR / "discord" / "gateway-samples.json"
OURS_ALONE = {"READY", "RESUMED"}
"""What only a gateway sends that has a session with us."""


def samples() -> Iterator[tuple[str, Any]]:
    """Names and payloads of all dispatches."""
    for frame in json.loads(FILE.read_text()).values():
        if isinstance(frame, dict) and frame["op"] == 0 and frame["t"] not in OURS_ALONE:
            yield frame["t"], frame["d"]


def with_holes() -> Iterator[tuple[str, Any]]:
    for name, payload in samples():
        yield name, payload
        for field in payload:
            yield name, {key: value for key, value in payload.items() if key != field}


async def settled() -> None:
    """Until all that came in is dealt with."""
    await until(lambda: not any(task.get_name().startswith("discord.py:") for task in asyncio.all_tasks()))


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    if not FILE.exists():
        pytest.skip(f"Discord's samples are not at {FILE}; say where with SPECS_DIR")
    async with open_fake(FakeDiscord(judged=False)) as fake, running(Wire(fake)) as opened:
        yield opened


async def test_no_payload_of_others_is_a_fault_of_ours(wire: Wire) -> None:
    with capture_logs() as written:
        for name, payload in with_holes():
            await wire.discord.dispatch(name, payload)
        await wire.write("Still there?")
        await until(lambda: "Still there?" in [getattr(each.body, "text", "") for each in wire.core.inbounds])
        await settled()

    assert [line for line in written if line["log_level"] in {"error", "critical"}] == []
    assert wire.discord.said_ops() == [2]
