"""The channels and everything in them: one state, changed in one place, read by cursor, and kept so that a restart changes nothing that people see.

The file holds JSON lines. A change of a message is one more line under the same id; reading, the last one counts. What was overwritten is
dropped when the file is opened.
"""

import os
import secrets
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from adapters.playground.protocol import Author, CardShown, Changed, Message, encode
from bot.clock import Clock
from bot.domain.conversations import File
from bot.domain.errors import MessageGone, PlaceGone, SettingsError

MESSAGE_LIMIT = 5_000
"""Messages kept; the oldest go first."""

HELD_FILES = 64
"""Files for one person that are kept at once."""

NOBODY = Author("", "")
"""Who wrote what is forgotten."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


# ---------------------------------------------------------------- the store


class MessageStore:
    """Messages by id, in the order of their last change. Every change has a `seq` of its own, growing over restarts."""

    def __init__(self, history: History, clock: Clock, channels: Iterable[str]) -> None:
        self._history = history
        self._clock = clock
        self._messages: dict[str, Message] = {}
        self._files: dict[str, File] = {}
        self._overwritten = False
        self._channels = dict.fromkeys(channels)
        self._closed: dict[str, None] = {}
        self._names: dict[str, str] = {}
        self._batches: dict[int, str] = {}
        self._stamped = 0
        self.seq = 0
        for record in history.read():
            self._apply(record)
        history.replace(self._records())

    # ------------------------------------------------ reading

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)

    @property
    def names(self) -> dict[str, str]:
        """Everybody who ever came in: name by id."""
        return dict(self._names)

    def message(self, message_id: str) -> Message:
        """Raises `MessageGone` for what is deleted, forgotten or was never there."""
        found = self._messages.get(message_id)
        if found is None or found.deleted:
            raise MessageGone("That message is gone.")
        return found

    def keyed(self, channel: str, thread: str, key: str) -> Message | None:
        """The message in this thread posted under the core's `key`."""
        for message in reversed(self._messages.values()):
            if message.key == key and (message.channel, message.thread) == (channel, thread) and not message.deleted:
                return message
        return None

    def card(self, channel: str, thread: str) -> CardShown | None:
        """The newest card in a thread, or the one that it answers."""
        for message in reversed(self._messages.values()):
            if message.card and message.channel == channel and thread in {message.id, message.thread}:
                return message.card
        return None

    def sent(self, author_id: str, nonce: str) -> Message | None:
        """What a client sent before under this nonce."""
        for message in reversed(self._messages.values()):
            if message.nonce == nonce and message.author.id == author_id:
                return message
        return None

    def within(self, channel: str, thread: str) -> list[Message]:
        """What stands in exactly this place, oldest first."""
        here = [m for m in self._messages.values() if (m.channel, m.thread) == (channel, thread) and not m.deleted]
        return sorted(here, key=lambda message: int(message.id))

    def since(self, seq: int) -> str:
        """The frame that brings a client from `seq` up to date. Clients at the same `seq` share its encoding."""
        if seq not in self._batches:
            self._batches[seq] = encode(Changed(tuple(self._after(seq)), self.seq))
        return self._batches[seq]

    def file(self, file_id: str) -> File | None:
        return self._files.get(file_id)

    @property
    def sessions(self) -> frozenset[str]:
        """Those of which there is a card."""
        return frozenset(message.card.session_id for message in self._messages.values() if message.card)

    # ------------------------------------------------ changing

    def next_sequence(self) -> int:
        """Now in microseconds, later than every sequence before."""
        now = (self._clock.now() - _EPOCH) // timedelta(microseconds=1)
        self._stamped = max(self._stamped, self.seq, now - 1) + 1
        return self._stamped

    def add(self, message: Message) -> Message:
        """Post. Raises `PlaceGone` when its channel was closed or its thread is not there."""
        if message.channel not in self._channels or (message.thread and message.thread not in self._messages):
            raise PlaceGone("That channel is closed.")
        return self.change(message, id=str(self.next_sequence()))

    def change(self, message: Message, **changes: object) -> Message:
        """The message with changes, under a new `seq`. The steps of a growing line are not worth a place in the history."""
        changed = msgspec.structs.replace(message, **changes, seq=self.next_sequence())
        record = MessageChanged(changed)
        self._overwritten = self._overwritten or changed.deleted
        if message.seq and message.growing and changed.growing:
            self._apply(record)
        else:
            self._keep(record)
        return changed

    def hold_file(self, file: File) -> str:
        """Hold a file of an answer and return its id: 128 random bits. It is gone with the process, or when there are many."""
        file_id = secrets.token_urlsafe(16)
        self._files[file_id] = file
        if len(self._files) > HELD_FILES:
            del self._files[next(iter(self._files))]
        return file_id

    def name(self, person_id: str, name: str) -> None:
        self._keep(PersonNamed(person_id, name))

    def open_channel(self, name: str) -> None:
        self._keep(ChannelOpened(name))

    def close_channel(self, name: str) -> None:
        self._keep(ChannelClosed(name))

    # ------------------------------------------------ forgetting

    def forget(self, session_ids: Collection[str]) -> None:
        """Take away the cards of these sessions and what was said in their threads, here and in the history."""
        for message in [*spoken_in(self._messages.values(), session_ids)]:
            self._erase(message)

    def expire(self, before: datetime) -> None:
        """Take away what was written before then, a thread when its last message was."""
        moment = (before - _EPOCH) // timedelta(microseconds=1)
        newest: dict[str, int] = {}
        for message in self._messages.values():
            talk = message.thread or message.id
            newest[talk] = max(newest.get(talk, 0), int(message.id))
        for message in [*self._messages.values()]:
            if not message.deleted and newest[message.thread or message.id] < moment:
                self._erase(message)

    def compact(self, before: datetime) -> None:
        """Write the history anew where something in it is not to be read any more; what was deleted before then leaves no trace."""
        if not self._overwritten:
            return
        moment = (before - _EPOCH) // timedelta(microseconds=1)
        roots = {message.thread for message in self._messages.values() if not message.deleted}
        for message in [*self._messages.values()]:
            if message.deleted and message.seq < moment and message.id not in roots:
                del self._messages[message.id]
        self._history.replace(self._records())
        self._overwritten = any(message.deleted for message in self._messages.values())

    def _erase(self, message: Message) -> None:
        """Clients learn that it is deleted; nothing of it is left."""
        gone = Message(
            message.id, message.channel, NOBODY, thread=message.thread, seq=self.next_sequence(), deleted=True
        )
        self._put(gone)
        self._overwritten = True

    # ------------------------------------------------ inside

    def _after(self, seq: int) -> list[Message]:
        newest: list[Message] = []
        for message in reversed(self._messages.values()):
            if message.seq <= seq:
                break
            newest.append(message)
        return newest[::-1]

    def _records(self) -> Iterator[Record]:
        """All of the state, as a history that leads to it."""
        yield from map(ChannelOpened, self._channels)
        yield from map(ChannelClosed, self._closed)
        yield from (PersonNamed(person_id, name) for person_id, name in self._names.items())
        yield from map(MessageChanged, self._messages.values())

    def _keep(self, record: Record) -> None:
        self._history.append(record)
        self._apply(record)

    def _apply(self, record: Record) -> None:
        match record:
            case MessageChanged(message):
                self._put(message)
            case PersonNamed(id=person_id, name=name):
                self._names[person_id] = name
            case ChannelOpened(name):
                self._channels[name] = None
                self._closed.pop(name, None)
            case ChannelClosed(name):
                self._channels.pop(name, None)
                self._closed[name] = None

    def _put(self, message: Message) -> None:
        self._messages.pop(message.id, None)
        self._messages[message.id] = message
        self._batches.clear()
        self.seq = max(self.seq, message.seq)
        if len(self._messages) > MESSAGE_LIMIT:
            del self._messages[min(self._messages, key=int)]


def spoken_in(messages: Iterable[Message], session_ids: Collection[str]) -> Iterator[Message]:
    """The cards of these sessions, and what stands in their threads up to the next card."""
    session, talk = "", ""
    for message in sorted(messages, key=lambda message: (message.thread or message.id, int(message.id))):
        if talk != (message.thread or message.id):
            session, talk = "", message.thread or message.id
        if message.card:
            session = message.card.session_id
        if session in session_ids:
            yield message
