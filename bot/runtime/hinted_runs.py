"""The runs of all processes: those of this one are told at once, those of others by a hint."""

from bot.domain.conversations import ConversationRef
from bot.media.events import SessionWrites
from bot.ports.processes import Hint, HintKind, Hints
from bot.ports.storage.records import InboxRecord
from bot.runtime.worker import Worker
from bot.tasks import Wakeups


class HintedRuns:
    """What was committed here is told to whoever runs it; what others committed is told to the runs here, by `hear`."""

    def __init__(self, here: Worker, hints: Hints, outbox: Wakeups, written: SessionWrites) -> None:
        self._here = here
        self._hints = hints
        self._outbox = outbox
        self._written = written
        outbox.others = lambda: hints.send(Hint(HintKind.OUTBOX))
        written.ask = self._ask
        written.tell = lambda session_id: hints.send(Hint.written(session_id))

    def hand_over(self, row: InboxRecord) -> None:
        if not self._here.hand_over(row):
            self._hints.send(Hint.waits(row.session_id))

    def look_again(self, session_id: str) -> None:
        if not self._here.look_again(session_id):
            self._hints.send(Hint.waits(session_id))

    def claimable(self) -> None:
        self._here.claimable()
        self._hints.send(Hint(HintKind.CLAIM))

    def hosts(self, channel: ConversationRef) -> bool:
        return self._here.hosts(channel)

    def changed(self, channel: ConversationRef) -> None:
        self._here.changed(channel)
        self._hints.send(Hint.changed(channel))

    def hear(self, hint: Hint) -> None:
        """Another process has committed something."""
        match hint:
            case Hint(HintKind.WAITS, (session_id,)):
                self._here.look_again(session_id)
            case Hint(HintKind.CHANGED, (platform, workspace_id, channel_id)):
                self._here.changed(ConversationRef(platform, workspace_id, channel_id))
            case Hint(HintKind.CLAIM):
                self._here.claimable()
            case Hint(HintKind.OUTBOX):
                self._outbox.wake_here()
            case Hint(HintKind.AWAITED, (session_id,)):
                self._awaited(session_id)
            case Hint(HintKind.WRITTEN, (session_id,)):
                self._written.wake_here(session_id)
            case _:
                pass

    def _awaited(self, session_id: str) -> None:
        self._written.asked(session_id)
        if self._here.lease_of(session_id):
            self._hints.send(Hint.written(session_id))  # what is waited for may be older than the question

    def _ask(self, session_id: str) -> None:
        if not self._here.lease_of(session_id):
            self._hints.send(Hint.awaited(session_id))
