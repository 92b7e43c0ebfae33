"""Worker processes: child processes in which the SDK sits, started as rooms are joined, replaced when they die, ended when idle."""

import asyncio
import itertools
import os
import pwd
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from adapters.agora.ipc import (
    Done,
    EventMessage,
    Leave,
    LogLine,
    Message,
    MessageChannel,
    Order,
    Ping,
    Profile,
    Publish,
    Start,
    event_of,
)
from adapters.agora.wrapper import WrapperMissing, find_libraries
from bot.domain.errors import RoomError
from bot.ports.room import RoomEvent

START_WITHIN: Final = 20.0
PING_EVERY: Final = 1.0
ANSWER_WITHIN: Final = 2.0
MISSES: Final = 2
"""Pings in a row without an answer until a worker is given up: one may be our own event loop's stall."""
ORDER_WITHIN: Final = 8.0
"""Longer than a worker gives its SDK, so that it is the worker that notices a call that hangs."""
JOIN_WITHIN: Final = 15.0
END_WITHIN: Final = 2.0
IDLE: Final = 60.0
VOICE_BACKLOG: Final = 64 * 1024
"""Bytes for a worker in our socket, above which it is not given voices."""

PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "http_proxy", "https_proxy", "no_proxy")
"""What a worker sees of our environment: none of the service's secrets."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerProcessOptions:
    """At most `connections` to a process; `idle` seconds of life without one; `environment` is added to what a worker sees."""

    connections: int
    idle: float
    profile: Profile
    environment: Mapping[str, str]
    user: str = ""
    """Whom workers run as; nobody else but us when empty. Only root may name another."""


class WorkerProcessLost(RoomError):
    """The worker process died or was given up."""

    def __init__(self, detail: str) -> None:
        super().__init__("The connection to the avatar's room broke.", detail)


class WorkerProcess:
    """One child process, for one app id. `lost` is resolved when it is no more, with the reason."""

    def __init__(self, app_id: str, options: WorkerProcessOptions) -> None:
        self.app_id = app_id
        self.pid: int | None = None
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._options = options
        self._ends_at: asyncio.TimerHandle | None = None
        self._patience = 0.0  # a worker that was given up is killed at once
        self._line: MessageChannel[Message] = MessageChannel(
            Message, self._hear, lambda: self.give_up("its process ended")
        )
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Done]] = {}
        self._listeners: dict[int, Callable[[RoomEvent], None]] = {}
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def connections(self) -> int:
        return len(self._listeners)

    # ------------------------------------------------------------ connections

    def reserve(self, listener: Callable[[RoomEvent], None]) -> int:
        """A number for a new connection, whose events `listener` gets from now on."""
        if self._ends_at is not None:
            self._ends_at.cancel()
        number = next(self._numbers)
        self._listeners[number] = listener
        return number

    async def leave(self, connection: int) -> None:
        """Leave and free its number, whatever state it is in. A worker without connections ends after a while."""
        try:
            with suppress(RoomError):  # the worker is lost, and the connection with it
                await self.order(lambda number: Leave(number, connection))
        finally:
            self._free(connection)

    def abandon(self, connection: int) -> None:
        """`leave` without waiting for it."""
        self._line.say(Leave(next(self._numbers), connection))
        self._free(connection)

    def _free(self, connection: int) -> None:
        self._listeners.pop(connection, None)
        if not self._listeners:
            self._ends_at = asyncio.get_running_loop().call_later(self._options.idle, self.end)

    async def started(self) -> None:
        """Wait until the SDK is loaded. Raises `RoomError`."""
        await asyncio.shield(self._started)

    async def order(self, make: Callable[[int], Order], within: float = ORDER_WITHIN) -> None:
        """Give an order, which `make` puts the number in, and wait for what comes of it. Raises `RoomError`, `WorkerProcessLost`."""
        try:
            done = await self._ask(make, within)
        except TimeoutError:
            self.give_up(f"no answer within {within:g} s")
            raise WorkerProcessLost(f"no answer within {within:g} s") from None
        if done.sentence:
            raise RoomError(done.sentence, done.detail)

    def publish(self, connection: int, frame: bytes) -> None:
        """Never waits. Raises `WorkerProcessLost`, also where it has not taken a second of voices yet."""
        if self.lost.done():
            raise WorkerProcessLost(self.lost.result())
        if self._line.backlog > VOICE_BACKLOG:
            raise WorkerProcessLost("it does not take any more")
        self._line.say(Publish(connection, frame))

    async def _ask(self, make: Callable[[int], Order], within: float) -> Done:
        if self.lost.done():
            raise WorkerProcessLost(self.lost.result())
        number = next(self._numbers)
        answer: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._line.say(make(number))
            async with asyncio.timeout(within):
                return await answer
        finally:
            self._answers.pop(number, None)

    def end(self) -> None:
        """Have the process leave its rooms and end."""
        self._patience = END_WITHIN
        self.give_up("not needed any more")

    def give_up(self, why: str) -> None:
        """Let go of the process, whatever it does; `run` sees to it that it ends."""
        if not self.lost.done():
            self.lost.set_result(why)
        if not self._started.done():
            self._started.set_exception(WorkerProcessLost(why))
            self._started.exception()  # seen, even when nobody waits
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(WorkerProcessLost(why))
        self._line.close()

    def _hear(self, word: Message) -> None:
        match word:
            case Done():
                answer = self._answers.get(word.number)
                if answer is not None and not answer.done():
                    answer.set_result(word)
            case EventMessage():
                if listener := self._listeners.get(word.connection):
                    listener(event_of(word))
            case LogLine():
                log.warning("agora.worker", pid=self.pid, text=word.text)

    # ------------------------------------------------------------ the process

    async def run(self) -> None:
        """The whole life of the process. Never raises; whoever waits for it to start hears why it did not."""
        with tempfile.TemporaryDirectory(prefix="avatarbot-agora-", ignore_cleanup_errors=True) as folder:
            try:
                self._hand_over(folder)
                process = await self._spawn()
            except WrapperMissing as missing:
                return self._fail_start(RoomError(missing.sentence, missing.detail))
            except OSError as refused:
                return self._fail_start(WorkerProcessLost(str(refused)))
            try:
                await self._start(folder)
                await self._watch()
            finally:
                self.give_up("ended by us")
                await _end(process, self._patience)
                log.info("agora.worker_ended", pid=process.pid, code=process.returncode, why=self.lost.result())

    def _hand_over(self, folder: str) -> None:
        """The SDK's own folder has to be its user's. Raises `OSError`."""
        if who := as_user(self._options.user):
            shutil.chown(folder, who["user"], who["group"])

    async def _spawn(self) -> asyncio.subprocess.Process:
        libraries = find_libraries().libraries
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "adapters.agora.sdk",
                str(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,  # the wrapper prints
                env=_environment(libraries) | dict(self._options.environment),
                **as_user(self._options.user),
            )
        await asyncio.get_running_loop().create_connection(lambda: self._line, sock=ours)
        self.pid = process.pid
        return process

    async def _start(self, folder: str) -> None:
        try:
            await self.order(lambda number: Start(number, self.app_id, self._options.profile, folder), START_WITHIN)
        except RoomError as refused:
            self._fail_start(refused)
        else:
            self._started.set_result(None)

    def _fail_start(self, why: RoomError) -> None:
        self._started.set_exception(why)
        self._started.exception()
        self.give_up(why.detail)

    async def _watch(self) -> None:
        """Ping until the worker is lost."""
        missed = 0
        while not self.lost.done():
            await asyncio.wait((self.lost,), timeout=PING_EVERY)
            missed = 0 if await self._answers_ping() else missed + 1
            if missed == MISSES:
                self.give_up(f"{missed} pings without an answer")

    async def _answers_ping(self) -> bool:
        try:
            await self._ask(Ping, ANSWER_WITHIN)
        except (TimeoutError, WorkerProcessLost):
            return False
        return True


class ProcessPool:
    """The worker processes: as many as its connections need."""

    def __init__(self, tasks: asyncio.TaskGroup, options: WorkerProcessOptions) -> None:
        self.tasks = tasks
        self._options = options
        self._closed = False
        self._workers: list[WorkerProcess] = []

    def worker_for(self, app_id: str) -> WorkerProcess:
        """A worker with a free connection, started if need be. Raises `RoomError` after `end`."""
        if self._closed:
            raise RoomError("The service is stopping.")
        self._workers = [worker for worker in self._workers if not worker.lost.done()]
        for worker in self._workers:
            if worker.app_id == app_id and worker.connections < self._options.connections:
                return worker
        worker = WorkerProcess(app_id, self._options)
        self._workers.append(worker)
        self.tasks.create_task(worker.run())
        return worker

    def end(self) -> None:
        """Have all of them end, and start no more."""
        self._closed = True
        for worker in self._workers:
            worker.end()


async def _end(process: asyncio.subprocess.Process, patience: float) -> None:
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def as_user(name: str) -> dict[str, Any]:
    """Arguments of a process that runs as another user, in that one's group and no other. Raises `OSError` for an unknown one."""
    if not name:
        return {}
    try:
        group = pwd.getpwnam(name).pw_gid
    except KeyError:
        raise OSError(f"there is no user {name}") from None
    return {"user": name, "group": group, "extra_groups": ()}


def _environment(libraries: Path) -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LD_LIBRARY_PATH": str(libraries)}
    return passed | paths
