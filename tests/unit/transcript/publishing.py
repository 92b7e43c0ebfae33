"""A transcript publisher at work: what it hears, and what the platform and the database then hold."""

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from bot.domain.conversations import ConversationRef, MessageRef
from bot.domain.errors import PlatformError
from bot.domain.transcript import Delivery, Speaker, TranscriptLine
from bot.ports.avatar import Utterance
from bot.ports.chat import RateLimits
from bot.storage import transcripts
from bot.storage.records import UtteranceRecord
from bot.transcript.publisher import TranscriptPublisher
from tests.chat_room import ChatRoom
from tests.session_fixture import Staged

NOT_ANSWERED = PlatformError("The chat platform did not answer.")


@dataclass
class BlindRoom(ChatRoom):
    """A platform that does not let us look."""

    finds: bool = False


@dataclass
class SearchedRoom(ChatRoom):
    searches: int = 0

    async def find(self, thread: ConversationRef, key: str, since: datetime) -> MessageRef | None:
        self.searches += 1
        return await super().find(thread, key, since)


@dataclass
class SlowRoom(ChatRoom):
    """Every call takes three seconds; `most` counts those under way at once."""

    under_way: int = 0
    most: int = 0

    async def post(self, thread: ConversationRef, line: TranscriptLine, key: str) -> MessageRef:
        await self._take_time()
        return await super().post(thread, line, key)

    async def edit(self, ref: MessageRef, line: TranscriptLine) -> None:
        await self._take_time()
        await super().edit(ref, line)

    async def _take_time(self) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(3)
        self.under_way -= 1


def narrow() -> ChatRoom:
    return ChatRoom(text_limit=60)


def tight() -> ChatRoom:
    """So slow a pace that a single message may grow at once."""
    return ChatRoom(pace=RateLimits(calls_per_second=0.3, edit_interval=1.0, first_post=0.4))


def hear(
    publisher: TranscriptPublisher,
    text: str,
    *,
    final: bool = True,
    id_: str = "u1",
    speaker: Speaker = Speaker.BOT,
    silent: bool = False,
) -> None:
    publisher.take("p1", Utterance(id_, speaker, text, final), silent=silent)


async def written(staged: Staged) -> list[UtteranceRecord]:
    return await staged.services.store.read(lambda c: transcripts.of_session(c, staged.context.session.id))


async def texts(staged: Staged) -> list[str]:
    return [utterance.text for utterance in await written(staged)]


def lines(staged: Staged) -> list[tuple[str | None, str, Delivery]]:
    return [(m.line.speaker, m.line.text, m.line.delivery) for m in staged.room.messages.values()]


def edits(staged: Staged) -> list[int]:
    return [message.edits for message in staged.room.messages.values()]


def broken(staged: Staged, table: str, event: str) -> None:
    """The database refuses to change a table, until `mended`."""
    path = staged.services.store.path
    assert path is not None
    with sqlite3.connect(path) as database:
        database.execute(f"CREATE TRIGGER trouble BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END")


def mended(staged: Staged) -> None:
    path = staged.services.store.path
    assert path is not None
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER trouble")


async def resumed(staged: Staged) -> TranscriptPublisher:
    """The publisher of the next run, once it has done what was left to do."""
    publisher = TranscriptPublisher(await staged.taken_over())
    await publisher.resume()
    async with staged.playing(publisher.run()):
        await asyncio.sleep(10)
    return publisher
