"""A transcript publisher at work: what it hears, and what the platform and the database then hold."""

import asyncio
from typing import Any

from bot.domain.errors import PlatformError
from bot.domain.posts import Delivery, Speaker
from bot.ports.avatar import Utterance
from bot.ports.chat import RateLimits
from bot.ports.storage.records import UtteranceRecord
from bot.storage.memory.rows import Rows
from bot.testing.chat import FakeChat
from bot.transcript.publisher import TranscriptPublisher
from tests.session_fixture import Staged

NOT_ANSWERED = PlatformError("The chat platform did not answer.")


def blind() -> FakeChat:
    """A platform that does not let us look."""
    return FakeChat(finds=False)


class SlowCalls:
    """Every post and edit takes three seconds; `most` counts those under way at once."""

    def __init__(self, room: FakeChat) -> None:
        self.most = 0
        self._under_way = 0
        room.before["post"] = room.before["edit"] = self._take_time

    async def _take_time(self, *_: object) -> None:
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        await asyncio.sleep(3)
        self._under_way -= 1


def narrow() -> FakeChat:
    return FakeChat(text_limit=60)


def tight() -> FakeChat:
    """So slow a pace that a single message may grow at once."""
    return FakeChat(pace=RateLimits(calls_per_second=0.3, edit_interval=1.0, first_post=0.4))


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
    return await staged.services.storage.transcripts.of_session(staged.context.session.id)


async def texts(staged: Staged) -> list[str]:
    return [utterance.text for utterance in await written(staged)]


def lines(staged: Staged) -> list[tuple[str | None, str, Delivery]]:
    return [(line.speaker, line.text, line.delivery) for line in staged.room.lines]


def edits(staged: Staged) -> list[int]:
    return [message.edits for message in staged.room.posts]


def broken(rows: Rows[Any, Any], *, inserts: bool = False, updates: bool = False) -> None:
    """The storage refuses to add or change them, until `mended`."""
    rows.inserts_fail, rows.updates_fail = inserts, updates


def mended(rows: Rows[Any, Any]) -> None:
    broken(rows)


async def resumed(staged: Staged) -> TranscriptPublisher:
    """The publisher of the next run, once it has done what was left to do."""
    publisher = TranscriptPublisher(await staged.taken_over())
    await publisher.resume()
    async with staged.playing(publisher.run()):
        await asyncio.sleep(10)
    return publisher
