"""A download server with TLS and with bad days."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme


@dataclass
class Depot:
    """Serves `content` at every path. `breaks` holds how many bytes each of the next answers has before it breaks off."""

    content: bytes = b""
    tag: str = '"one"'
    breaks: list[int] = field(default_factory=list)
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@contextmanager
def open_depot() -> Iterator[tuple[Depot, ssl.SSLContext]]:
    """The server, and what a client needs to trust it."""
    depot, authority = Depot(), trustme.CA()
    server = ThreadingHTTPServer(("localhost", 0), _handler(depot))
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(theirs)
    authority.configure_trust(ours)
    server.socket = theirs.wrap_socket(server.socket, server_side=True)
    depot.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield depot, ours
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(depot: Depot) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range") if self.headers.get("If-Range") == depot.tag else None
            depot.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
            rest = depot.content[start:]
            if asked and not rest:
                self.send_error(416)
                return
            self.send_response(206 if asked and depot.status == 200 else depot.status)
            self.send_header("Content-Length", str(len(rest)))
            self.send_header("ETag", depot.tag)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(depot.content) - 1}/{len(depot.content)}")
            self.end_headers()
            self.wfile.write(rest[: depot.breaks.pop(0)] if depot.breaks else rest)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's
            """Say nothing."""

    return Handler
