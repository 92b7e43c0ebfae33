"""What the playground keeps, in its memory, its file and its windows, follows what the service keeps."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from adapters.playground.clients import Clients
from adapters.playground.message_store import History, MessageStore
from adapters.playground.platform import TOMBSTONE_LIFE, Forgetting
from adapters.playground.protocol import Author, CardShown, Changed, Message
from bot.domain.conversations import File
from bot.domain.errors import SettingsError
from bot.domain.sessions import Mode, SessionStatus
from tests.contract.platform.harness import RecordingCore

ANN, BOT, ALMA = Author("a1", "Ann"), Author("avatarbot", "Avatarbot", "bot"), Author("avatar", "Alma", "avatar")
MONTH = timedelta(days=30)


@dataclass
class Hands:
    """A clock that is turned by hand."""

    moment: datetime = datetime(2026, 5, 4, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class Keeps(RecordingCore):
    """A core that keeps these sessions."""

    def __init__(self, *sessions: str) -> None:
        super().__init__()
        self.sessions = set(sessions)

    async def kept(self, session_ids: Collection[str]) -> frozenset[str]:
        return frozenset(session_ids) & self.sessions


@dataclass
class Lobby:
    """One channel with its file."""

    path: Path
    clock: Hands = field(default_factory=Hands)
    core: Keeps = field(default_factory=lambda: Keeps("one", "two"))

    def __post_init__(self) -> None:
        self.store = MessageStore(History(self.path), self.clock, ["lobby"])
        self.forgetting = Forgetting(self.core, self.clock, Clients(self.store), MONTH)

    def say(self, author: Author, text: str, thread: str = "") -> Message:
        return self.store.add(Message("", "lobby", author, text, thread))

    def start(self, session: str, thread: str = "") -> str:
        card = CardShown(session, "Alma", "", SessionStatus.LIVE, Mode.DIALOGUE, "Ann", f"note of {session}")
        return self.store.add(Message("", "lobby", BOT, thread=thread, card=card)).id

    def texts(self) -> set[str]:
        """What can be read, now and after a restart."""
        now, again = (readable(store) for store in (self.store, MessageStore(History(self.path), self.clock, [])))
        assert now == again
        return now


def readable(store: MessageStore) -> set[str]:
    shown = msgspec.json.decode(store.since(0), type=Changed).messages
    return {message.card.note if message.card else message.text for message in shown if not message.deleted}


@pytest.fixture
def lobby(tmp_path: Path) -> Lobby:
    return Lobby(tmp_path / "avatarbot.playground.jsonl")


async def test_a_session_that_was_forgotten_leaves_nothing(lobby: Lobby) -> None:
    lobby.say(ANN, "before")
    first, second = lobby.start("one"), lobby.start("two")
    for thread, who in ((first, "one"), (second, "two")):
        lobby.say(ANN, f"secret of {who}", thread)
        lobby.say(ALMA, f"answer of {who}", thread)
    lobby.core.sessions = {"two"}
    await lobby.forgetting.tidy()
    assert lobby.texts() == {"before", "note of two", "secret of two", "answer of two"}
    written = lobby.path.read_text()
    assert "secret of one" not in written
    assert "answer of one" not in written
    assert "note of one" not in written
    assert "secret of two" in written


async def test_only_the_forgotten_session_of_a_thread_is_deleted(lobby: Lobby) -> None:
    thread = lobby.start("one")
    lobby.say(ANN, "to the first", thread)
    lobby.start("two", thread)
    lobby.say(ANN, "to the second", thread)
    lobby.core.sessions = {"two"}
    await lobby.forgetting.tidy()
    assert lobby.texts() == {"note of two", "to the second"}
    lobby.say(ANN, "and on it goes", thread)


async def test_windows_are_told_that_it_is_gone(lobby: Lobby) -> None:
    seen = lobby.start("one")
    seq = lobby.store.seq
    lobby.core.sessions = set()
    await lobby.forgetting.tidy()
    frame = lobby.store.since(seq)
    assert seen in frame
    assert '"deleted":true' in frame
    assert "note of one" not in frame


async def test_a_thread_is_deleted_with_its_last_message(lobby: Lobby) -> None:
    lobby.say(ANN, "old")
    quiet, lively = lobby.start("one"), lobby.start("two")
    lobby.say(ANN, "old too", quiet)
    lobby.clock.moment += MONTH
    lobby.say(ANN, "new", lively)
    lobby.clock.moment += timedelta(seconds=1)
    await lobby.forgetting.tidy()
    assert lobby.texts() == {"note of two", "new"}
    assert "old too" not in lobby.path.read_text()


async def test_what_somebody_deleted_is_soon_gone_from_the_file(lobby: Lobby) -> None:
    message = lobby.say(ANN, "a slip of the tongue")
    lobby.store.change(message, text="", deleted=True)
    await lobby.forgetting.tidy()
    assert "slip" not in lobby.path.read_text()
    lobby.clock.moment += TOMBSTONE_LIFE + timedelta(seconds=1)
    await lobby.forgetting.tidy()
    assert message.id not in lobby.path.read_text()


async def test_a_private_file_is_never_written_down(lobby: Lobby) -> None:
    file_id = lobby.store.hold_file(File("transcript.md", "text/markdown", b"everything"))
    assert lobby.store.file(file_id)
    assert "transcript" not in lobby.path.read_text()


def test_the_file_is_nobody_elses_to_read(lobby: Lobby) -> None:
    assert lobby.path.stat().st_mode & 0o777 == 0o600
    lobby.path.unlink()
    lobby.say(ANN, "hello")
    assert lobby.path.stat().st_mode & 0o777 == 0o600
    lobby.path.chmod(0o644)
    Lobby(lobby.path)
    assert lobby.path.stat().st_mode & 0o777 == 0o600, "one of an earlier version"


def test_a_file_that_somebody_else_wrote_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "avatarbot.playground.jsonl"
    path.write_text("not ours\n")
    with pytest.raises(SettingsError, match="Line 1 of"):
        Lobby(path)
