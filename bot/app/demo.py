"""`avatarbot demo`: everything of ours is the real thing; the provider's cloud and the room are simulated in this process."""

import asyncio
import contextlib
import os
import sys
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import click
from cryptography.fernet import Fernet

from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.settings import PlaygroundSettings
from adapters.simulator.http.app import serving
from adapters.simulator.options import STANDS_IN_FOR
from adapters.simulator.simulator import Simulator
from adapters.simulator.voice import Speech, has_words
from adapters.terminal.platform import TerminalPlatform
from adapters.terminal.screen import TerminalScreen
from adapters.terminal.talk import talk
from adapters.web.files import WebFiles, WebPictures
from bot.app.plugins import plugins, provider_named
from bot.app.service import Parts, Service
from bot.app.signals import stop_signals
from bot.clock import SystemClock
from bot.commands.policy import Policy
from bot.ports.plugin import ProviderContext
from bot.ports.room import Rooms
from bot.settings import load
from bot.storage.encryption import Cipher
from bot.storage.migrate import upgraded
from bot.storage.sql import sql_storage
from bot.telemetry import configure_logging, new_metrics
from bot.web.app import create_app, serve

LOOPBACK = "127.0.0.1"
WORDLESS = "The avatars babble here: their voice has words once the package espeakng-loader is installed."


async def run_demo(says: tuple[str, ...], port: int | None, *, opens: bool) -> int:
    """In the browser, which it `opens` where there is one, or in the terminal when there is something to say."""
    plugins()  # first of all: what looks like their secrets is never logged
    configure_logging(os.environ.get("LOG_LEVEL", "warning"))
    with tempfile.TemporaryDirectory(prefix="avatarbot-demo-") as name:
        folder = Path(name)
        if says:
            async with demo_parts(folder) as parts:
                return await _talk(parts, says)
        async with Speech() as speech, demo_parts(folder, speech) as parts:
            return await _play(parts, port or 0, folder, opens=opens)


@contextlib.asynccontextmanager
async def demo_parts(folder: Path, speech: Speech | None = None) -> AsyncIterator[Parts]:
    """The parts of a service whose provider is a simulator, over HTTP, and whose database is in `folder`."""
    clock, url = SystemClock(), f"sqlite:///{folder / 'demo.db'}"
    await upgraded(url)
    async with contextlib.AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(Simulator(clock, speech=speech))
        address = await stack.enter_async_context(serving(simulator))
        cipher = Cipher((Fernet.generate_key().decode(),))
        storage = await stack.enter_async_context(sql_storage(url, cipher, clock))
        metrics, plugin = new_metrics(), provider_named(STANDS_IN_FOR)
        context = ProviderContext(metrics, Rooms(simulator.connect), address)
        # Without the environment: a real key has no business here.
        provider = await stack.enter_async_context(plugin.open(plugin.settings.model_construct(), context))
        yield Parts(storage, provider, clock, Policy(), metrics, files=WebFiles(), pictures=WebPictures(address))


async def _talk(parts: Parts, says: tuple[str, ...]) -> int:
    service = Service(parts)
    terminal = TerminalPlatform(TerminalScreen())
    service.add(terminal)
    async with service.running():
        return await talk(terminal, service.core, says)


async def _play(parts: Parts, port: int, folder: Path, *, opens: bool) -> int:
    service = Service(parts)
    page = load(PlaygroundSettings).at(LOOPBACK)
    page = page.model_copy(update={"history": folder / "channel.jsonl", "notice": "" if has_words() else WORDLESS})
    playground = PlaygroundPlatform(service.core, service.services.clock, page, parts.pictures)
    service.add(playground)
    app = create_app(service.services.metrics, service.readiness(), service.mounts())
    async with stop_signals() as stopping, serve(app, LOOPBACK, port) as at, service.running():
        service.base_url = f"http://{LOOPBACK}:{at}"
        notice = page.notice and f"\n  {page.notice}\n"
        click.echo(f"\n  Open {page.address(at)}\n{notice}\n  Ctrl-C ends it.\n")
        if opens and has_browser(os.environ, sys.platform, terminal=sys.stdout.isatty()):
            await asyncio.to_thread(webbrowser.open, playground.invitation(at))
        await stopping.wait()
    return 0


def has_browser(environ: Mapping[str, str], platform: str, *, terminal: bool) -> bool:
    """Whether this is an interactive terminal on a machine where a browser can be opened: not in CI, not through SSH, not into a pipe."""
    if not terminal or environ.get("CI") or environ.get("SSH_CONNECTION"):
        return False
    return platform in {"darwin", "win32"} or bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
