"""The one way in: admitted and committed together, or not at all."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from bot.clock import new_id
from bot.commands.parser import bare_word
from bot.commands.policy import Policy
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, ConversationRef, Inbound, MessagePosted, Outcome
from bot.domain.errors import StoreUnavailable
from bot.ingress.admission import Admission
from bot.ports.storage import Storage
from bot.ports.storage.records import InboxRecord
from bot.ports.storage.transactions import AdmissionQuery, Admitted, Situation
from bot.runtime.funding import Funding
from bot.runtime.no_session import JUST_ENDED
from bot.tasks import rest

log = structlog.get_logger(__name__)

COMMIT_WITHIN = 2.0
"""Seconds after which an accept is given up: what is not taken by then certainly never is."""

BATCH = 256

NOT_TAKEN = "We could not take that just now. Please try again."

SPENDING = frozenset({"start", "extend"})


@dataclass(slots=True)
class _Waiting:
    inbound: Inbound
    outcome: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def answer(self, outcome: Outcome) -> None:
        if not self.outcome.done():  # else its caller is gone
            self.outcome.set_result(outcome)

    def fail(self, error: StoreUnavailable) -> None:
        if not self.outcome.done():
            self.outcome.set_exception(error)


class Runs(Protocol):
    """The runs of sessions, told of what was committed. No call waits."""

    def hand_over(self, row: InboxRecord) -> None:
        """It waits for its session."""
        ...

    def look_again(self, session_id: str) -> None:
        """Something that nobody handed over may wait for this session."""
        ...

    def claimable(self) -> None:
        """A session needs a run."""
        ...

    def hosts(self, channel: ConversationRef) -> bool:
        """Whether a session of this channel runs here."""
        ...

    def changed(self, channel: ConversationRef) -> None:
        """What waits for sessions of this channel was edited or withdrawn."""
        ...


class Inbox:
    """Takes what comes in: it waits here, and nowhere else, until the commit that takes it begins. `run` must be running.

    After the commit `runs` are told, and `ended` is called with each sleeping session that it ended.
    """

    def __init__(
        self,
        storage: Storage,
        policy: Policy,
        funding: Funding,
        runs: Runs,
        *,
        ended: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._storage = storage
        self._policy = policy
        self._funding = funding
        self.runs = runs
        self._ended = ended
        self._queue: list[_Waiting] = []
        self._filled = asyncio.Event()
        self._unanswered = 0
        self._all_answered = asyncio.Event()
        self._all_answered.set()

    async def accept(self, inbound: Inbound) -> Outcome:
        """What came of it, once that is committed. Raises `StoreUnavailable` when it was not taken, `WriteInDoubt` when that is not known."""
        waiting = _Waiting(inbound)
        self._queue.append(waiting)
        self._filled.set()
        self._unanswered += 1
        self._all_answered.clear()
        deadline = asyncio.get_running_loop().call_later(COMMIT_WITHIN, self._give_up, waiting)
        try:
            return await waiting.outcome
        finally:
            deadline.cancel()
            self._unanswered -= 1
            if not self._unanswered:
                self._all_answered.set()

    async def drain(self, within: float) -> None:
        """Until everybody who handed something in has an answer, for so many seconds at most."""
        await rest(self._all_answered, within)

    def _give_up(self, waiting: _Waiting) -> None:
        if waiting in self._queue:  # else it is under way, and the database's own time-out bounds it
            self._queue.remove(waiting)
            waiting.fail(StoreUnavailable(NOT_TAKEN, "inbox: no commit within 2 s"))

    async def run(self) -> None:
        """Commit what waits, batch by batch, until cancelled. Whatever goes wrong, its callers hear of it and this goes on."""
        while True:
            await self._filled.wait()
            batch: list[_Waiting] = []
            await self._take(batch, partial(self._fill, batch))

    def _fill(self, batch: list[_Waiting]) -> AdmissionQuery:
        """The commit begins, for whoever waits now."""
        taken, self._queue = self._queue[:BATCH], self._queue[BATCH:]
        if not self._queue:
            self._filled.clear()
        batch += [waiting for waiting in taken if not waiting.outcome.cancelled()]
        return query([waiting.inbound for waiting in batch])

    async def _take(self, batch: Sequence[_Waiting], ask: Callable[[], AdmissionQuery]) -> None:
        try:
            admitted = await self._storage.admit(ask, partial(self._decide, batch))
        except StoreUnavailable as error:
            self._refuse(batch, error)
            return
        except Exception as error:
            if len(batch) > 1:  # one of them spoils it for the others: each alone
                for waiting in batch:
                    await self._take([waiting], partial(query, [waiting.inbound]))
                return
            log.exception("could not admit")
            self._refuse(batch, StoreUnavailable(NOT_TAKEN, f"inbox: {type(error).__name__}"))
            return
        for waiting, outcome in zip(batch, admitted.outcomes, strict=True):
            waiting.answer(outcome)
        self._hand_over(admitted)

    def _hand_over(self, admitted: Admitted) -> None:
        assert admitted.since is not None  # `Admission` says when
        for row in admitted.rows:
            self.runs.hand_over(row.waiting(admitted.since))
        for message in (*(edited.message for edited in admitted.edits), *admitted.withdrawals):
            self.runs.changed(message.place.channel)
        if admitted.starts or admitted.wakes:
            self.runs.claimable()
        for session_id in admitted.ends:
            self._ended(session_id)

    def _refuse(self, batch: Sequence[_Waiting], error: StoreUnavailable) -> None:
        """What came in while the database did not answer would wait as long again: it is given up too, and certainly not taken."""
        behind, self._queue = self._queue, []
        self._filled.clear()
        for waiting in batch:
            waiting.fail(error)
        for waiting in behind:
            waiting.fail(StoreUnavailable(NOT_TAKEN, error.detail))

    def _decide(self, batch: Sequence[_Waiting], situation: Situation) -> Admitted:
        admission = Admission(situation, self._policy, self._funding.judged, new_id)
        for waiting in batch:
            admission.admit(waiting.inbound)
        return admission.admitted


def query(inbounds: Sequence[Inbound]) -> AdmissionQuery:
    """What has to be known to decide on these."""
    asking = [inbound for inbound in inbounds if isinstance(inbound.body, MessagePosted | Command)]
    return AdmissionQuery(
        events=frozenset((i.place.platform, i.place.workspace_id, i.event_id) for i in inbounds),
        places=frozenset(i.place for i in inbounds),
        workspaces=frozenset((i.place.platform, i.place.workspace_id) for i in asking),
        named=_options(asking, "session"),
        earlier=_options(asking, "again"),
        payers=frozenset((i.place, i.person.id) for i in asking if _verb(i) in SPENDING),
        payers_if_asleep=frozenset((i.place, i.person.id) for i in asking),
        spoken_in=frozenset(i.place for i in asking if isinstance(i.body, MessagePosted)),
        just_ended=JUST_ENDED,
    )


def _options(inbounds: Iterable[Inbound], name: str) -> frozenset[str]:
    """What commands name so."""
    return frozenset(i.body.options.get(name, "") for i in inbounds if isinstance(i.body, Command)) - {""}


def _verb(inbound: Inbound) -> str:
    """The command that it is, or might be."""
    match inbound.body:
        case Command(verb):
            return CATALOGUE.named(verb)
        case MessagePosted() as said:
            return bare_word(said)
        case _:
            return ""
