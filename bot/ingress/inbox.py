"""The one way in: admitted and committed together, or not at all."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from sqlalchemy import Connection

from bot.commands.bare import bare_word
from bot.commands.catalogue import CATALOGUE
from bot.commands.policy import Policy
from bot.domain.conversations import ConversationRef
from bot.domain.errors import StoreUnavailable
from bot.domain.identity import new_id
from bot.domain.messages import Command, Inbound, MessagePosted, Outcome
from bot.ingress.admission import Admission, Admitted, Situation
from bot.ports.clock import Clock
from bot.runtime.aftermath import JUST_ENDED
from bot.runtime.channel_settings import ChannelSettings
from bot.storage import channels, inbox, sessions, usage
from bot.storage.encryption import Cipher
from bot.storage.engine import Store
from bot.storage.funding import Funding
from bot.storage.records import SessionRecord

log = structlog.get_logger(__name__)

COMMIT_WITHIN = 2.0
"""Seconds after which an accept is given up: what is not taken by then certainly never is."""

BATCH = 256

MOST_TOLD = 1_000
"""People of whom is remembered that they heard of a session's end."""

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


class Inbox:
    """Takes what comes in. `run` must be running; `notify` is called with the session and the verb of each row, after the commit, and `ended`
    with each sleeping session that a commit ended.
    """

    def __init__(
        self,
        store: Store,
        policy: Policy,
        funding: Funding,
        clock: Clock,
        notify: Callable[[str, str], None],
        *,
        ended: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._funding = funding
        self._clock = clock
        self.notify = notify
        self._ended = ended
        self._queue: list[_Waiting] = []
        self._filled = asyncio.Event()
        self._told_ended: dict[tuple[str, str], None] = {}

    async def accept(self, inbound: Inbound) -> Outcome:
        """What came of it, once that is committed. Raises `StoreUnavailable` when it was certainly not taken."""
        waiting = _Waiting(inbound)
        self._queue.append(waiting)
        self._filled.set()
        deadline = asyncio.get_running_loop().call_later(COMMIT_WITHIN, self._give_up, waiting)
        try:
            return await waiting.outcome
        finally:
            deadline.cancel()

    def _give_up(self, waiting: _Waiting) -> None:
        if waiting in self._queue:  # else it is under way, and the database's own time-out bounds it
            self._queue.remove(waiting)
            waiting.fail(StoreUnavailable(NOT_TAKEN, "inbox: no commit within 2 s"))

    async def run(self) -> None:
        """Commit what waits, batch by batch, until cancelled. Whatever goes wrong, its callers hear of it and this goes on."""
        while True:
            await self._filled.wait()
            batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
            if not self._queue:
                self._filled.clear()
            await self._take([waiting for waiting in batch if not waiting.outcome.cancelled()])

    async def _take(self, batch: Sequence[_Waiting]) -> None:
        inbounds, now = [waiting.inbound for waiting in batch], self._clock.now()
        try:
            outcomes, admitted = await self._store.write(lambda connection: self._admit(connection, inbounds, now))
        except StoreUnavailable as error:
            self._refuse(batch, error)
            return
        except Exception as error:
            if len(batch) > 1:  # one of them spoils it for the others: each alone
                for waiting in batch:
                    await self._take([waiting])
                return
            log.exception("could not admit")
            self._refuse(batch, StoreUnavailable(NOT_TAKEN, f"inbox: {type(error).__name__}"))
            return
        self._remember_told(admitted.told_ended)
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.answer(outcome)
        for row in admitted.rows:
            self.notify(row.session_id, row.verb)
        for session_id in admitted.ends:
            self._ended(session_id)

    def _remember_told(self, told: Iterable[tuple[str, str]]) -> None:
        self._told_ended |= dict.fromkeys(told)
        for forgotten in list(self._told_ended)[:-MOST_TOLD]:
            del self._told_ended[forgotten]

    def _refuse(self, batch: Sequence[_Waiting], error: StoreUnavailable) -> None:
        """What came in while the database did not answer would wait as long again: it is given up too."""
        behind, self._queue = self._queue, []
        self._filled.clear()
        for waiting in (*batch, *behind):
            waiting.fail(error)

    def _admit(
        self, connection: Connection, inbounds: Sequence[Inbound], now: datetime
    ) -> tuple[list[Outcome], Admitted]:
        situation = self._look(connection, inbounds, now)
        admission = Admission(situation, self._policy, now, new_id)
        outcomes = [admission.admit(inbound) for inbound in inbounds]
        self._write(connection, admission.admitted, now)
        return outcomes, admission.admitted

    def _look(self, connection: Connection, inbounds: Sequence[Inbound], now: datetime) -> Situation:
        cipher = self._store.cipher
        places = {inbound.place for inbound in inbounds}
        there = sessions.in_channels(connection, cipher, places)
        there += self._named(connection, inbounds)
        spending = _spending(inbounds, there)
        ended = _last_ended(connection, cipher, inbounds, there, now)
        return Situation(
            known=frozenset(inbox.known_events(connection, inbounds)),
            sessions=tuple(there),
            settings={
                place: ChannelSettings.decode(stored)
                for place, stored in channels.settings_of(connection, cipher, places).items()
            },
            waiting=inbox.waiting_authors(connection, [s.id for s in there]) if there else {},
            running=sessions.count_running(connection) if spending else {},
            used={
                (place.platform, place.workspace_id, person): usage.of_person(connection, place, person, now)
                for place, person in spending
            },
            workspaces={
                (place.platform, place.workspace_id): self._funding.of(connection, place)
                for place in _workspaces(inbounds)
            },
            earlier=self._earlier(connection, inbounds) | {session.id: session for session in ended.values()},
            ended=ended,
            told_ended=frozenset(self._told_ended),
        )

    def _earlier(self, connection: Connection, inbounds: Sequence[Inbound]) -> dict[str, SessionRecord]:
        """Sessions that are to be started again; whose they are is judged with the rest."""
        wanted = {i.body.options.get("again", "") for i in inbounds if isinstance(i.body, Command)} - {""}
        found = (sessions.get(connection, self._store.cipher, session_id) for session_id in wanted)
        return {session.id: session for session in found if session}

    def _named(self, connection: Connection, inbounds: Sequence[Inbound]) -> list[SessionRecord]:
        """Sessions that commands name by their id, of the same workspace only."""
        named = []
        for inbound in inbounds:
            if isinstance(inbound.body, Command) and (wanted := inbound.body.options.get("session")):
                session = sessions.get(connection, self._store.cipher, wanted)
                if session and session.place.workspace_id == inbound.place.workspace_id:
                    named.append(session)
        return named

    def _write(self, connection: Connection, admitted: Admitted, now: datetime) -> None:
        cipher = self._store.cipher
        for session_id, reason in admitted.ends.items():
            sessions.put_to_rest(connection, session_id, reason, now)
        for new in admitted.starts:
            sessions.add(
                connection,
                cipher,
                session_id=new.id,
                place=new.place,
                starter_id=new.starter_id,
                starter_name=new.starter_name,
                spec=new.spec,
                now=now,
            )
        for session_id, (payer_id, seconds) in admitted.wakes.items():
            sessions.wake(connection, session_id, payer_id, seconds, now)
        if admitted.rows:
            inbox.add(connection, cipher, admitted.rows, now)
            sessions.touch(connection, admitted.used, now)
        if for_ended := [row.id for row in admitted.rows if row.session_id in admitted.ends]:
            inbox.conclude(connection, for_ended, "done", "The sleeping session has ended.", now)
        for edited in admitted.edits:
            inbox.edit_waiting(connection, edited.message, edited.text)
        for message in admitted.withdrawals:
            inbox.withdraw_waiting(connection, message, now)


def _verb(inbound: Inbound) -> str:
    """The command that it is, or might be."""
    match inbound.body:
        case Command(verb):
            return CATALOGUE.named(verb)
        case MessagePosted() as said:
            return bare_word(said)
        case _:
            return ""


def _last_ended(
    connection: Connection, cipher: Cipher, inbounds: Sequence[Inbound], there: Sequence[SessionRecord], now: datetime
) -> dict[ConversationRef, SessionRecord]:
    """The session that has ended last where something was said and none runs."""
    hosted = {place for session in there for place in (session.place, session.talk)}
    said = {inbound.place for inbound in inbounds if isinstance(inbound.body, MessagePosted)} - hosted
    found = {place: sessions.last_ended(connection, cipher, place, now - JUST_ENDED) for place in said}
    return {place: session for place, session in found.items() if session}


def _spending(inbounds: Sequence[Inbound], there: Sequence[SessionRecord]) -> set[tuple[ConversationRef, str]]:
    """Who might be about to spend: a start, an extension, or anything said where a session sleeps."""
    sleeping = {session.place.channel for session in there if session.slept_at}
    return {
        (inbound.place, inbound.person.id)
        for inbound in inbounds
        if _verb(inbound) in SPENDING
        or (isinstance(inbound.body, MessagePosted | Command) and inbound.place.channel in sleeping)
    }


def _workspaces(inbounds: Sequence[Inbound]) -> Iterable[ConversationRef]:
    """One place of each workspace from which a command came, or something that may wake an avatar."""
    asking = (inbound.place for inbound in inbounds if isinstance(inbound.body, MessagePosted | Command))
    return {(place.platform, place.workspace_id): place for place in asking}.values()
