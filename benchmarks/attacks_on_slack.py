"""Signed deliveries of a workspace, and an own model behind its avatar."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx

from benchmarks.target import Target
from tests.integration.slack.fake.workspace import BOT_USER
from tests.unit.test_growth import CASES, text_of

BLANKS = " " * 3_000
COMMANDS = (
    f"say {BLANKS}x",
    f"start{BLANKS}",
    f'start "{BLANKS}x"',
    f'voices "{BLANKS}x"',
    f'avatars "x{BLANKS}x"',
    f'"{BLANKS}"',
    f"{BLANKS}x",
    f'"x{BLANKS}x"',
    f'stop session:"x{BLANKS}x"',
    f'knowledge show "x{BLANKS}x"',
    f'knowledge create "x{BLANKS}x" prompt:"x{BLANKS}x"',
    f'defaults set greeting:"{BLANKS}"',
)
COMMAND_LIMIT, MESSAGE_LIMIT = 8_000, 40_000
"""Characters of a slash command's text, and of a message."""
MENTIONS = "".join(f"<@U{number:05d}>" for number in range(1_000))
PATTERNS_S = 25.0
RETRIES = 100


async def blanks(aim: Target, http: httpx.AsyncClient) -> str:
    for text in COMMANDS:
        await aim.command(http, "U0ANN", text)
    await asyncio.sleep(1)
    return ""


async def patterns_as_commands(aim: Target, http: httpx.AsyncClient) -> str:
    texts = [f"say {text_of(COMMAND_LIMIT, *case)}" for case in CASES]
    return await _patterns(texts, lambda text: aim.command(http, "U0ANN", text))


async def patterns_as_messages(aim: Target, http: httpx.AsyncClient) -> str:
    """Mentions, so that each is read whole."""
    texts = [f"<@{BOT_USER}> {text_of(MESSAGE_LIMIT - 20, *case)}" for case in CASES]
    return await _patterns(texts, lambda text: aim.message(http, "U0ANN", text))


async def _patterns(texts: Sequence[str], send: Callable[[str], Awaitable[str]]) -> str:
    took: list[float] = []
    began = time.monotonic()
    while len(took) < len(texts) and time.monotonic() - began < PATTERNS_S:
        sent = time.monotonic()
        await send(texts[len(took)])
        took.append(time.monotonic() - sent)
    return f"{len(took)} of {len(texts)} sent within {PATTERNS_S:.0f} s, the slowest answered after {max(took) * 1000:,.0f} ms"


async def slow_guest(aim: Target, http: httpx.AsyncClient) -> str:
    aim.slack.slow["users.info"] = 20.0
    return await _guest_starts(aim, http)


async def throttled_guest(aim: Target, http: httpx.AsyncClient) -> str:
    """Whose own message of a thousand mentions is what throttles Slack."""
    await aim.message(http, "U0GUEST", f"<@{BOT_USER}> say {MENTIONS}")
    await asyncio.sleep(1)
    return await _guest_starts(aim, http)


async def _guest_starts(aim: Target, http: httpx.AsyncClient) -> str:
    await aim.message(http, "U0GUEST", f"<@{BOT_USER}> start")
    await aim.command(http, "U0GUEST", "start")
    await asyncio.sleep(3)
    asked = len(aim.slack.called("users.info"))
    return f"sessions that the guest started at AKOOL: {len(aim.sessions)}; users.info answered {asked} times"


async def slow_names(aim: Target, http: httpx.AsyncClient) -> str:
    """Somebody else's question needs a name too: the simulator's."""
    uploads = [
        asyncio.create_task(aim.command(http, "U0ANN", f"upload https://n{number}.slow.example/a.mp4 Ann{number}"))
        for number in range(8)
    ]
    await asyncio.sleep(0.5)
    ephemerals = len(aim.slack.workspace.ephemerals)
    began = time.monotonic()
    await aim.command(http, "U0BEN", "voices")
    while not any(shown.user == "U0BEN" for shown in aim.slack.workspace.ephemerals[ephemerals:]):
        await asyncio.sleep(0.05)
    took = time.monotonic() - began
    await asyncio.gather(*uploads)
    return f"another's list of voices came after {took:.1f} s"


async def own_model(aim: Target, http: httpx.AsyncClient) -> str:
    await aim.command(http, "U0ANN", "start")
    for _ in range(RETRIES):
        if any(
            "🟢" in str(message.blocks) or "Live" in str(message.blocks) for message in aim.slack.workspace.messages
        ):
            break
        await asyncio.sleep(0.1)
    await aim.command(http, "U0ANN", "say Hello there")
    await asyncio.sleep(12)
    await aim.command(http, "U0ANN", "status")
    spoken = sum(len(str(said)) for session in aim.sessions for said in session["spoken"])
    return f"characters that reached the avatar: {spoken:,}"
