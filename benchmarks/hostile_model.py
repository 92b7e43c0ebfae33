"""An own language model that means harm."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

WORDS = "a b。" * 30_000
"""120 kB: a sentence's end every three characters."""


@asynccontextmanager
async def hostile_model(kind: str) -> AsyncIterator[Mapping[str, str]]:
    """The settings with which a service asks it; none for no kind. `one-piece` sends `WORDS` at once, `pings` never anything else."""
    if not kind:
        yield {}
        return
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _one_piece if kind == "one-piece" else _pings)
    runner = web.AppRunner(app, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield {
            "AVATARBOT_LLM_URL": f"http://127.0.0.1:{runner.addresses[0][1]}/v1",
            "AVATARBOT_LLM_MODEL": "m",
            "AVATARBOT_LLM_SECONDS": "5",
        }
    finally:
        await runner.cleanup()


async def _one_piece(_: web.Request) -> web.Response:
    event = json.dumps({"choices": [{"delta": {"content": WORDS}}]})
    return web.Response(text=f"data: {event}\n\ndata: [DONE]\n\n", content_type="text/event-stream")


async def _pings(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    while True:
        await response.write(b": ping\n\n" * 100)
        await asyncio.sleep(0.01)
