"""The one way in: admitted and committed together, or not at all."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import StoreUnavailable
from bot.identity import new_id
from bot.model import Accepted, Command, Inbound, Outcome, Place, Said
from bot.policy import Policy
from bot.ports.clock import Clock
from bot.session.admission import Admission, Situation
from bot.session.channel import ChannelSettings
from bot.store import channels, inbox, sessions
from bot.store.engine import Store
from bot.store.records import SessionRecord

log = structlog.get_logger(__name__)

COMMIT_WITHIN = 2.0
"""Seconds after which an accept is given up: what is not taken by then certainly never is."""

BATCH = 256
NOT_TAKEN = "We could not take that just now. Please try again."

SPENDING = frozenset({"start", "keep-going"})


@dataclass(slots=True)
class _Waiting:
    inbound: Inbound
    outcome: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Inbox:
    """Takes what comes in. `run` must be running; `ring` is called with each session that got something, after the commit."""

    def __init__(self, store: Store, policy: Policy, clock: Clock, ring: Callable[[str], None]) -> None:
        self._store = store
        self._policy = policy
        self._clock = clock
        self.ring = ring
        self._queue: list[_Waiting] = []
        self._filled = asyncio.Event()

    async def accept(self, inbound: Inbound) -> Outcome:
        """What came of it, once that is committed. Raises `StoreUnavailable` when it was certainly not taken."""
        waiting = _Waiting(inbound)
        self._queue.append(waiting)
        self._filled.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COMMIT_WITHIN):
                return await asyncio.shield(waiting.outcome)
        if waiting not in self._queue:  # under way: the database's own time-out bounds it
            return await asyncio.shield(waiting.outcome)
        self._queue.remove(waiting)
        raise StoreUnavailable(NOT_TAKEN, "inbox: no commit within 2 s")

    async def run(self) -> None:
        """Commit what waits, batch by batch, until cancelled. Whatever goes wrong, its callers hear of it and this goes on."""
        while True:
            await self._filled.wait()
            batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
            if not self._queue:
                self._filled.clear()
            await self._take([waiting for waiting in batch if not waiting.outcome.cancelled()])

    async def _take(self, batch: Sequence[_Waiting]) -> None:
        inbounds = [waiting.inbound for waiting in batch]
        try:
            outcomes = await self._store.write(lambda connection: self._admit(connection, inbounds))
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
        for waiting, outcome in zip(batch, outcomes, strict=True):
            waiting.outcome.set_result(outcome)
        for session_id in {o.session_id for o in outcomes if isinstance(o, Accepted)}:
            self.ring(session_id)

    def _refuse(self, batch: Sequence[_Waiting], error: StoreUnavailable) -> None:
        """What came in while the database did not answer would wait as long again: it is given up too."""
        behind, self._queue = self._queue, []
        self._filled.clear()
        for waiting in (*batch, *behind):
            waiting.outcome.set_exception(error)
            waiting.outcome.exception()  # its caller may be gone

    async def _admit(self, connection: AsyncConnection, inbounds: Sequence[Inbound]) -> list[Outcome]:
        now = self._clock.now()
        situation = await self._look(connection, inbounds)
        admission = Admission(situation, self._policy, now, new_id)
        outcomes = [admission.admit(inbound) for inbound in inbounds]
        await self._write(connection, admission)
        return outcomes

    async def _look(self, connection: AsyncConnection, inbounds: Sequence[Inbound]) -> Situation:
        cipher = self._store.cipher
        places = {inbound.place for inbound in inbounds}
        there = await sessions.in_channels(connection, cipher, places)
        there += await self._named(connection, inbounds)
        spending = _spending(inbounds, there)
        return Situation(
            known=frozenset(await inbox.known_events(connection, inbounds)),
            sessions=tuple(there),
            settings={
                place: ChannelSettings.decode(stored)
                for place, stored in (await channels.settings_of(connection, cipher, places)).items()
            },
            waiting=tuple(await inbox.waiting_turns(connection, [s.id for s in there])) if there else (),
            running=await sessions.count_running(connection) if spending else 0,
            spent_s=await self._spent(connection, spending),
            unfunded=frozenset(
                [
                    key
                    for key in {(p.platform, p.workspace_id) for p, _ in spending}
                    if await channels.funded(connection, *key) is False
                ]
            ),
        )

    async def _named(self, connection: AsyncConnection, inbounds: Sequence[Inbound]) -> list[SessionRecord]:
        """Sessions that commands name by their id, of the same workspace only."""
        named = []
        for inbound in inbounds:
            if isinstance(inbound.body, Command) and (wanted := inbound.body.options.get("session")):
                session = await sessions.get(connection, self._store.cipher, wanted)
                if session and session.place.workspace_id == inbound.place.workspace_id:
                    named.append(session)
        return named

    async def _spent(
        self, connection: AsyncConnection, spending: set[tuple[Place, str]]
    ) -> dict[tuple[str, str, str], int]:
        since = sessions.day_of(self._clock.now())
        return {
            (place.platform, place.workspace_id, person): await sessions.seconds_since(connection, place, person, since)
            for place, person in spending
        }

    async def _write(self, connection: AsyncConnection, admission: Admission) -> None:
        now, cipher, admitted = self._clock.now(), self._store.cipher, admission.admitted
        for session_id, reason in admitted.ends.items():
            await sessions.put_to_rest(connection, session_id, reason, now)
        for new in admitted.starts:
            await sessions.add(
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
            await sessions.wake(connection, session_id, payer_id, seconds, now)
        if admitted.rows:
            await inbox.add(connection, cipher, admitted.rows, now)
            await sessions.touch(connection, admitted.touched, now)
        for_ended = [row.id for row in admitted.rows if row.session_id in admitted.ends]
        await inbox.conclude(connection, for_ended, "done", "The sleeping session has ended.", now)
        for edited in admitted.edits:
            await inbox.edit_waiting(connection, edited.message, edited.text)
        for message in admitted.withdrawals:
            await inbox.withdraw_waiting(connection, message, now)


def _spending(inbounds: Sequence[Inbound], there: Sequence[SessionRecord]) -> set[tuple[Place, str]]:
    """Who might be about to spend: a start, another stretch, or anything said where a session sleeps."""
    sleeping = {session.place.channel for session in there if session.slept_at}
    return {
        (inbound.place, inbound.person.id)
        for inbound in inbounds
        if (isinstance(inbound.body, Command) and inbound.body.verb in SPENDING)
        or (isinstance(inbound.body, Said | Command) and inbound.place.channel in sleeping)
    }
