"""The worker process's own life: `python -m adapters.agora.sdk FD`, one end of a socket. It ends when the socket does."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.agora.ipc import (
    Done,
    FromBot,
    Join,
    Leave,
    LogLine,
    MessageChannel,
    Order,
    Ping,
    Profile,
    Publish,
    RequestKeyFrame,
    Send,
    Start,
    Watch,
    event_message,
)
from adapters.agora.media import MediaOutlet
from adapters.agora.sdk import SdkHangs
from adapters.agora.sdk.loading import load
from bot.domain.errors import AvatarbotError, RoomError
from bot.ports.room import ConnectionLost, RoomEvent
from bot.process import conceal

if TYPE_CHECKING:
    from adapters.agora.sdk.connection import SdkConnection

HUNG: Final = 70
"""The exit code after a call that did not return."""


class SdkProcess:
    """Carries out orders. The SDK is loaded with the first one, so that a process without it can still say why."""

    def __init__(self, end: asyncio.Event) -> None:
        self.line: MessageChannel[FromBot] = MessageChannel(FromBot, self._hear, end.set)
        self._end = end
        self._service: Any = None
        self._profile = Profile.LIVE
        self._folder = ""
        self._connections: dict[int, SdkConnection] = {}
        self._work: set[asyncio.Task[None]] = set()

    def _hear(self, order: FromBot) -> None:
        if not isinstance(order, Publish):
            self._go(self._obey(order))
        elif connection := self._connections.get(order.connection):
            self._publish(connection, order.frame)

    def _publish(self, connection: "SdkConnection", frame: bytes) -> None:
        if voice := connection.publish(frame):
            self._go(voice)

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._gone)

    def _gone(self, task: "asyncio.Task[None]") -> None:
        self._work.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, SdkHangs):
            sys.stderr.write(f"avatarbot worker process: {error} of Agora's SDK did not return\n")
            os._exit(HUNG)  # the interpreter would wait for its thread
        if error is not None:
            self._note(f"{type(error).__name__}: {error}")

    async def _obey(self, order: Order) -> None:
        try:
            await self._carry_out(order)
        except SdkHangs:
            raise
        except AvatarbotError as refused:
            self.line.say(Done(order.number, refused.sentence, refused.detail))
        except Exception as broken:  # noqa: BLE001 - the wrapper raises what it likes, and 19 other connections are in this process
            what = f"{type(broken).__name__}: {broken}"
            self.line.say(Done(order.number, "The connection to the avatar's room failed.", what))
        else:
            self.line.say(Done(order.number))

    async def _carry_out(self, order: Order) -> None:
        match order:
            case Start():
                await asyncio.to_thread(self._start, order)
            case Ping():
                pass
            case Join():
                await self._join(order)
            case Send():
                await self._connection(order.connection).send(order.packet)
            case Watch():
                await self._connection(order.connection).watch(order.uid)
            case RequestKeyFrame():
                await self._connection(order.connection).request_key_frame(order.uid)
            case Leave():
                await self._leave(order.connection)

    def _start(self, order: Start) -> None:
        load()
        from adapters.agora.sdk.connection import new_service  # noqa: PLC0415 - imports the SDK

        self._profile, self._folder = order.profile, order.folder
        self._service = new_service(order.app_id, order.profile, Path(order.folder))

    def _connection(self, number: int) -> "SdkConnection":
        if number not in self._connections:
            raise RoomError("The avatar's room is not joined.")
        return self._connections[number]

    async def _join(self, order: Join) -> None:
        from adapters.agora.sdk.connection import SdkConnection  # noqa: PLC0415 - imports the SDK

        outlet = MediaOutlet(lambda uid: self._go(connection.request_key_frame(uid)))
        clock = asyncio.get_running_loop()

        def report(event: RoomEvent) -> None:
            if outlet.admits(event, self.line.backlog, clock.time()):
                self.line.say(event_message(order.connection, event))
            if isinstance(
                event, ConnectionLost
            ):  # at once, or the SDK would throw out in its turn whoever threw us out
                self._go(self._leave(order.connection))

        connection = self._connections[order.connection] = SdkConnection(
            self._service, self._profile, report, self._note
        )
        try:
            await connection.join(order.channel, order.uid, order.token)
        except RoomError:
            await self._leave(order.connection)
            raise

    def _note(self, text: str) -> None:
        self.line.say(LogLine(text))

    async def _leave(self, number: int) -> None:
        if connection := self._connections.pop(number, None):
            await connection.leave()

    async def close(self) -> None:
        """Leave every room, within the time that the bot gives, and nothing behind: the bot may be dead."""
        await asyncio.gather(*(connection.leave() for connection in self._connections.values()), return_exceptions=True)
        if self._service is not None:
            await asyncio.to_thread(self._service.release)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


async def serve(fd: int) -> None:
    end = asyncio.Event()
    worker = SdkProcess(end)
    loop = asyncio.get_running_loop()

    def broken_callback(broken: "sys.UnraisableHookArgs") -> None:
        text = f"{type(broken.exc_value).__name__} in a callback: {broken.exc_value}"
        loop.call_soon_threadsafe(worker.line.say, LogLine(text))

    sys.unraisablehook = broken_callback  # ctypes swallows what a callback raises
    await loop.create_connection(lambda: worker.line, sock=socket.socket(fileno=fd))
    await end.wait()
    await worker.close()


if __name__ == "__main__":
    conceal()  # a room's tokens are in here
    asyncio.run(serve(int(sys.argv[1])))
    os._exit(0)  # native threads may still call in; the interpreter must not be taken apart under them
