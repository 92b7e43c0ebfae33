"""What was said, kept in one file of JSON lines, so that a restart changes nothing that people see.

A change of a message is one more line under the same id; reading, the last one counts. What was overwritten is dropped when
the file is opened.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from adapters.playground.wire import Message


class ChannelOpened(msgspec.Struct, frozen=True, tag="channel-opened"):
    name: str


class ChannelClosed(msgspec.Struct, frozen=True, tag="channel-closed"):
    name: str


class MessageChanged(msgspec.Struct, frozen=True, tag="message"):
    message: Message


class FileKept(msgspec.Struct, frozen=True, tag="file"):
    """A file that was posted, under its random id."""

    id: str
    name: str
    mime: str
    content: bytes


class Named(msgspec.Struct, frozen=True, tag="named"):
    """A person came in, or took another name."""

    id: str
    name: str


Record = ChannelOpened | ChannelClosed | MessageChanged | FileKept | Named

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


class History:
    """The file at `path`, or nothing but memory when there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> Iterator[Record]:
        """Every record, oldest first. A last line that a crash cut short is left out."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    yield _decoder.decode(line)

    def replace(self, records: Iterable[Record]) -> None:
        """Write the file anew, whole or not at all."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(b"".join(_encoder.encode(record) + b"\n" for record in records))
        fresh.replace(self._path)

    def append(self, record: Record) -> None:
        if self._path is None:
            return
        with self._path.open("ab") as file:
            file.write(_encoder.encode(record) + b"\n")
