"""What was said, kept in one file of JSON lines, so that a restart changes nothing that people see.

A change of a message is one more line under the same id; reading, the last one counts. What was overwritten is dropped when
the file is opened.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from adapters.playground.protocol import Message
from bot.domain.errors import SettingsError


class ChannelOpened(msgspec.Struct, frozen=True, tag="channel-opened"):
    name: str


class ChannelClosed(msgspec.Struct, frozen=True, tag="channel-closed"):
    name: str


class MessageChanged(msgspec.Struct, frozen=True, tag="message"):
    message: Message


class PersonNamed(msgspec.Struct, frozen=True, tag="named"):
    """A person came in, or took another name."""

    id: str
    name: str


Record = ChannelOpened | ChannelClosed | MessageChanged | PersonNamed

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def _private(path: str, flags: int) -> int:
    """What people wrote is for whoever runs the service to read, and for nobody else on the machine."""
    return os.open(path, flags, 0o600)


class History:
    """The file at `path`, or nothing but memory when there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> Iterator[Record]:
        """Every record, oldest first. A last line that a crash cut short is left out. Raises `SettingsError`."""
        if self._path is None or not self._path.exists():
            return
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.endswith(b"\n"):
                    yield self._record(line, number)

    def _record(self, line: bytes, number: int) -> Record:
        try:
            return _decoder.decode(line)
        except msgspec.DecodeError:
            raise SettingsError(
                f"Line {number} of {self._path} is not what the playground wrote there. Move the file away, or mend it."
            ) from None

    def replace(self, records: Iterable[Record]) -> None:
        """Write the file anew, whole or not at all."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with open(fresh, "xb", opener=_private) as file:
            file.writelines(_encoder.encode(record) + b"\n" for record in records)
        fresh.replace(self._path)

    def append(self, record: Record) -> None:
        if self._path is None:
            return
        with open(self._path, "ab", opener=_private) as file:
            file.write(_encoder.encode(record) + b"\n")
