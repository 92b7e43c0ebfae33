"""Told is what was written to a window: what only waits to be written is lost when the service ends or the window closes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.types import Message
from starlette.websockets import WebSocket

from adapters.playground.clients import NOTES, Client, Clients
from adapters.playground.message_store import History, MessageStore
from adapters.playground.protocol import Told, encode
from bot.domain.conversations import Membership, Person
from bot.testing.virtual_time import LoopClock, virtual

ANN = Person("ann", "Ann", Membership.MEMBER)
TOLD = Told("1", "That may not have been heard.")


class Wire:
    """The far end of a socket: what has arrived there, and whether anything still does."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.flows = asyncio.Event()
        self.flows.set()
        self.broken = False

    async def socket(self) -> WebSocket:
        socket = WebSocket({"type": "websocket"}, self._receive, self._send)
        await socket.accept()
        return socket

    async def _receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        await self.flows.wait()
        if self.broken:
            raise OSError
        if message["type"] == "websocket.send":
            self.arrived.append(message["text"])


@contextlib.asynccontextmanager
async def opened(windows: Clients, wire: Wire) -> AsyncIterator[Client]:
    """A window of Ann's that is written to."""
    window = Client(await wire.socket(), windows.store, ANN, 0)
    windows.open(window)
    writing = asyncio.create_task(window.write())
    yield window
    windows.close(window)
    writing.cancel()
    await asyncio.wait((writing,))


def nobody_here() -> Clients:
    return Clients(MessageStore(History(None), LoopClock(), ["lobby"]))


@virtual
async def test_whoever_was_told_has_it_on_their_wire() -> None:
    windows, wire = nobody_here(), Wire()
    async with opened(windows, wire) as window:
        window.note("something just before, so that this one has to wait its turn")
        await asyncio.sleep(0.001)
        assert await windows.whisper(ANN.id, TOLD)
        assert wire.arrived[-1] == encode(TOLD)


@virtual
async def test_nobody_there_nobody_told() -> None:
    assert not await nobody_here().whisper(ANN.id, TOLD)


@virtual
async def test_one_window_that_takes_it_is_enough() -> None:
    windows, stuck, fine = nobody_here(), Wire(), Wire()
    async with opened(windows, stuck), opened(windows, fine):
        stuck.flows.clear()
        assert await windows.whisper(ANN.id, TOLD)
        assert fine.arrived == [encode(TOLD)]


@virtual
async def test_a_stuck_window_counts_as_untold_and_delays_nobody() -> None:
    windows, wire = nobody_here(), Wire()
    async with opened(windows, wire):
        wire.flows.clear()
        async with asyncio.timeout(1.0):
            assert not await windows.whisper(ANN.id, TOLD)


@virtual
async def test_a_window_whose_connection_breaks_was_not_told() -> None:
    windows, wire = nobody_here(), Wire()
    async with opened(windows, wire):
        wire.broken = True
        assert not await windows.whisper(ANN.id, TOLD)


@virtual
async def test_a_window_that_closes_first_was_not_told() -> None:
    windows, wire = nobody_here(), Wire()
    async with opened(windows, wire) as window:
        wire.flows.clear()
        window.note("in the way")
        await asyncio.sleep(0.001)
        telling = asyncio.create_task(windows.whisper(ANN.id, TOLD))
        await asyncio.sleep(0.001)
        windows.close(window)
        assert not await telling


@virtual
async def test_a_slow_window_loses_the_oldest_and_says_so() -> None:
    windows, wire = nobody_here(), Wire()
    async with opened(windows, wire) as window:
        wire.flows.clear()
        window.note("in the way")
        await asyncio.sleep(0.001)
        telling = asyncio.create_task(windows.whisper(ANN.id, TOLD))
        await asyncio.sleep(0.001)
        for number in range(NOTES):
            window.note(f"note {number}")
        assert not await telling
        wire.flows.set()
        await asyncio.sleep(0.1)
        assert wire.arrived == ["in the way", *(f"note {number}" for number in range(NOTES))]
