"""The web server with the pages of the viewer and the playground, in a process of its own that can be attacked."""

import asyncio
import contextlib
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import httpx

from bot.telemetry import configure_logging
from bot.web.http_limits import Bounds
from tests.browser.session_fixture import scripted_core
from tests.patience import HANG_S

ROOT = Path(__file__).parents[3]


def short_bounds(head_within: float) -> Bounds:
    """The server's own, with shorter times."""
    return Bounds(head_within=head_within, body_within=1.5, taken_within=1.5)


@dataclass(frozen=True)
class Served:
    """A process under attack. `log` is what it wrote."""

    port: int
    pid: int
    log_file: Path

    @property
    def memory(self) -> int:
        """Bytes that are resident."""
        return 1024 * next(
            int(line.split()[1])
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )

    @property
    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator["Peer"]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Peer(reader, writer)
        finally:
            writer.transport.abort()

    async def serves_others(self) -> None:
        """Somebody who means no harm is answered, with a file of ours too."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=HANG_S) as http:
            for path in ("/healthz", "/v/static/viewer.js"):
                assert (await http.get(path)).status_code == 200


@dataclass
class Peer:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> bool:
        """Whether the connection took it."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return False
        return not self.reader.at_eof()

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(HANG_S):
                return await self.reader.read()
        return b""

    async def answer(self) -> bytes:
        async with asyncio.timeout(HANG_S):
            return await self.reader.readuntil(b"\r\n\r\n")


@contextlib.contextmanager
def served(folder: Path, files: int = 1024, head_within: float = 1.0) -> Iterator[Served]:
    """At most `files` descriptors for the process, and so many seconds for a head."""
    log = folder / "log"
    command = [sys.executable, "-m", "tests.integration.web.served", str(folder), str(files), str(head_within)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            yield Served(int(process.stdout.readline()), process.pid, log)
        finally:
            process.kill()


async def _main(folder: Path, head_within: float) -> None:
    configure_logging("info")
    async with scripted_core(folder, bounds=short_bounds(head_within)) as context:
        click.echo(context.base.rpartition(":")[2])
        await asyncio.Event().wait()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), hard))
    asyncio.run(_main(Path(sys.argv[1]), float(sys.argv[3])))
