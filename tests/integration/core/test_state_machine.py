"""Whatever people do, and whatever becomes of two processes and their clocks, the promises hold after every step."""

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from adapters.simulator.simulator import Simulator
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    Outcome,
    Person,
)
from bot.domain.errors import StoreUnavailable
from bot.ports.room import LossReason
from bot.testing.chat import ANN
from bot.testing.virtual_time import LoopClock, virtual_runner
from tests.database import migrated
from tests.integration.core.audit import Audit, ServerAudit
from tests.integration.core.host import Host
from tests.server import fresh_database
from tests.world_fixture import ENGINES, QUICK, Stack, run_story

BOB = Person("bob", "Bob", Membership.MEMBER)
BOSS = Person("boss", "Boss", Membership.ADMIN)
PLACES = (ConversationRef("fake", "W1", "C1"), ConversationRef("fake", "W1", "C2"))
SOON_ASLEEP = Policy(Limits(provider_minutes=2, person_minutes=1_440, sleep_after=timedelta(seconds=45)))
"""So that a few minutes hold renewals and naps."""

places = st.sampled_from(PLACES)
people = st.sampled_from((ANN, BOB))
numbers = st.integers(0, 1)


class TwoProcesses(RuleBasedStateMachine):
    """The model is what was accepted, and nothing more: the promises are about that."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, str] = {}  # text -> row id
        self.accepted: set[str] = set()
        self.last: Inbound | None = None
        self.events = 0
        self.hosts: list[Host] = []
        self.begun = 0
        self.sound = False  # the last step went well
        self.world = ExitStack()
        self.loop = self.world.enter_context(virtual_runner(self._busy))
        self.folder = Path(tempfile.mkdtemp())
        self.do(self._set_up())

    async def _set_up(self) -> None:
        clock = LoopClock()
        self.simulator = await Simulator(clock, QUICK).__aenter__()
        self.stack, self.audit = self._world(clock)
        await self._begin()

    def _world(self, clock: LoopClock) -> tuple[Stack, Audit]:
        path = self.folder / "avatarbot.db"
        path.write_bytes(migrated())
        return Stack(self.folder, self.simulator, clock, policy=SOON_ASLEEP, delay=0.02), Audit(path)

    def do(self, what: Coroutine[Any, Any, object]) -> None:
        self.sound = False
        self.loop.run(what)
        self.sound = True

    # ------------------------------------------------ what people do

    def _somebody_listens(self) -> bool:
        return any(not host.stopped for host in self.hosts)

    @precondition(_somebody_listens)
    @rule(place=places, person=people, number=numbers)
    def start(self, place: ConversationRef, person: Person, number: int) -> None:
        self.do(self._accept(self._inbound(place, person, Command("start")), number))

    @precondition(_somebody_listens)
    @rule(place=places)
    def start_twice(self, place: ConversationRef) -> None:
        async def both() -> None:
            inbounds = [self._inbound(place, person, Command("start")) for person in (ANN, BOB)]
            outcomes = await asyncio.gather(*(self._accept(each, number) for number, each in enumerate(inbounds)))
            assert sum(isinstance(outcome, Accepted) for outcome in outcomes) <= 1

        self.do(both())

    @precondition(_somebody_listens)
    @rule(place=places, person=people, number=numbers)
    def say(self, place: ConversationRef, person: Person, number: int) -> None:
        words = f"Message number {self.events}"
        inbound = self._inbound(
            place, person, MessagePosted(words, MessageRef(place, f"m{self.events}"), mentioned=True)
        )

        async def say() -> None:
            outcome = await self._accept(inbound, number)
            if isinstance(outcome, Accepted):
                self.said[words], self.last = outcome.row_id, inbound

        self.do(say())

    @precondition(_somebody_listens)
    @rule(number=numbers)
    def deliver_again(self, number: int) -> None:
        async def again() -> None:
            if self.last:
                outcome = await self._accept(self.last, number)
                assert not isinstance(outcome, Accepted), "a redelivery was taken for something new"

        self.do(again())

    @precondition(_somebody_listens)
    @rule(place=places, verb=st.sampled_from(("stop", "stop", "interrupt", "keep-going")), number=numbers)
    def command(self, place: ConversationRef, verb: str, number: int) -> None:
        self.do(self._accept(self._inbound(place, BOSS, Command(verb)), number))

    @precondition(_somebody_listens)
    @rule(place=places, number=numbers)
    def stop_and_say(self, place: ConversationRef, number: int) -> None:
        self.command(place, "stop", number)
        self.say(place, ANN, number)

    # ------------------------------------------------ what happens to the world

    @rule(seconds=st.sampled_from((0.05, 0.05, 0.3, 0.3, 2.0, 7.0, 25.0, 60.0)))
    def time_passes(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule(reason=st.sampled_from((LossReason.THROWN_OUT, LossReason.LOST, LossReason.EXPIRED)))
    def seat_is_lost(self, reason: LossReason) -> None:
        for client in [session.client for session in self.stack.hosted[:1]]:
            for connection in self.simulator.rooms.connections(client.channel):
                if connection.uid == client.uid:
                    connection.lose(reason)

    @rule()
    def akool_ends_one(self) -> None:
        for session in self.stack.hosted[:1]:
            self.simulator.sessions.close(session.id)

    # ------------------------------------------------ what becomes of our processes

    @precondition(lambda self: len(self.hosts) < 2)
    @rule()
    def another_begins(self) -> None:
        self.do(self._begin())

    @precondition(lambda self: self.hosts)
    @rule(number=numbers)
    def one_is_killed(self, number: int) -> None:
        self.do(self.hosts.pop(number % len(self.hosts)).kill())

    @precondition(lambda self: self.hosts)
    @rule(number=numbers)
    def one_ends(self, number: int) -> None:
        self.do(self.hosts.pop(number % len(self.hosts)).end())

    @precondition(lambda self: len(self.hosts) == 2 and not any(host.stopped for host in self.hosts))
    @rule(number=numbers, seconds=st.sampled_from((0.0, 2.0, 8.0, 20.0)))
    def one_is_paused(self, number: int, seconds: float) -> None:
        self.do(self.hosts[number].stop())
        self.time_passes(seconds)

    @precondition(lambda self: any(host.stopped for host in self.hosts))
    @rule()
    def it_revives(self) -> None:
        for host in self.hosts:
            if host.stopped:
                host.go_on()
        self.time_passes(1.0)

    @precondition(lambda self: self.hosts)
    @rule(number=numbers, seconds=st.sampled_from((-3_600, -4, 4, 3_600)))
    def a_clock_jumps(self, number: int, seconds: int) -> None:
        self.hosts[number % len(self.hosts)].clock.wrong_by += timedelta(seconds=seconds)

    # ------------------------------------------------ what holds after every step

    @invariant()
    def every_accepted_thing_has_or_awaits_its_outcome(self) -> None:
        known = {row for (row,) in self.audit.rows("SELECT id FROM inbox")}
        assert self.accepted <= known, "something accepted is gone"
        without = self.audit.rows(
            "SELECT inbox.id, verb, state, status FROM inbox JOIN sessions ON sessions.id = session_id "
            "WHERE (status IN ('ended', 'sleeping') AND state <> 'done') OR (state = 'done' AND outcome = '')"
        )
        assert not without, f"without an outcome: {without}"

    @invariant()
    def a_place_has_one_session(self) -> None:
        crowded = self.audit.rows(
            "SELECT channel_id, count(*) FROM sessions WHERE status <> 'ended' GROUP BY channel_id HAVING count(*) > 1"
        )
        assert not crowded, f"more than one session: {crowded}"

    @invariant()
    def no_stale_run_writes(self) -> None:
        assert not self.audit.stale_writes()

    @invariant()
    def nobody_closes_what_is_anothers(self) -> None:
        assert not self.audit.closes

    @invariant()
    def nothing_is_spoken_twice(self) -> None:
        spoken = Counter(given.partition(": ")[2] for given in self.stack.spoken)
        assert all(times == 1 for times in spoken.values()), f"spoken twice: {spoken}"

    # ------------------------------------------------ the end

    def teardown(self) -> None:
        sound = self.sound  # after a step that failed there is nothing more to find out
        with self.world:
            try:
                self.do(self._wind_up(sound=sound))
            finally:
                shutil.rmtree(self.folder)

    async def _wind_up(self, *, sound: bool) -> None:
        for host in self.hosts:
            host.clock.wrong_by = timedelta(0)
            await (host.end() if sound else host.kill())
        if sound:
            await self._settle()
            self._check()
        await self.simulator.__aexit__(None, None, None)

    async def _settle(self) -> None:
        """A last process, alone, stops everything and ends in order; what nobody knows of at AKOOL ends by itself."""
        async with self.stack.serving():
            await asyncio.sleep(70)
            for place in PLACES:
                await self.stack.room.command("stop", place, BOSS)
            await self.stack.until(lambda: not self.audit.rows("SELECT id FROM sessions WHERE status <> 'ended'"))
            await asyncio.sleep(125)

    def _check(self) -> None:
        query = "SELECT id, outcome, sentence, reply_due FROM inbox"
        outcomes = {row: rest for row, *rest in self.audit.rows(query)}
        spoken = Counter(given.partition(": ")[2] for given in self.stack.spoken)
        assert not [row for row, (_, _, due) in outcomes.items() if due], "somebody was not told"
        for words, row_id in self.said.items():
            outcome, sentence, _ = outcomes[row_id]
            assert outcome, f"{words} has no outcome"
            assert spoken[words] == 1 or sentence, f"{words} ({outcome}) was not spoken, and its author not told"
        assert self.stack.hosted == [], "a session is left that costs money"
        assert not self.audit.rows("SELECT id FROM provider_sessions WHERE state IN ('intent', 'open', 'closing')")
        assert not self.audit.rows("SELECT id FROM utterances WHERE NOT shown"), "a transcript is not complete"
        keys = Counter(post.key for post in self.stack.room.posts)
        assert all(number == 1 for number in keys.values()), "a line was posted twice"

    # ------------------------------------------------ inside

    def _busy(self) -> bool:
        return self.stack.busy()

    async def _begin(self) -> None:
        self.begun += 1
        self.hosts.append(await Host(self.stack, self.audit, f"process {self.begun}").begun())

    def _inbound(self, place: ConversationRef, person: Person, body: Command | MessagePosted) -> Inbound:
        self.events += 1
        return Inbound(f"event {self.events}", self.events, place, person, body)

    async def _accept(self, inbound: Inbound, number: int) -> Outcome | None:
        """By one of the processes that are awake."""
        awake = [host for host in self.hosts if not host.stopped]
        with suppress(StoreUnavailable):
            outcome = await awake[number % len(awake)].core.accept(inbound)
            if isinstance(outcome, Accepted):
                self.accepted.add(outcome.row_id)
            return outcome
        return None


class TwoProcessesOnServer(TwoProcesses):
    """The same on PostgreSQL, where two transactions are under way at once."""

    def _world(self, clock: LoopClock) -> tuple[Stack, Audit]:
        url, engine = self.world.enter_context(fresh_database()), ENGINES["postgresql"]
        stack = Stack(self.folder, self.simulator, clock, policy=SOON_ASLEEP, delay=0.02, engine=engine, given_url=url)
        return stack, ServerAudit(url)


@pytest.mark.parametrize(("machine", "examples"), [(TwoProcesses, 10), (TwoProcessesOnServer, 3)])
def test_every_promise_holds_after_every_step(machine: type[TwoProcesses], examples: int) -> None:
    soak = "SOAK" in os.environ
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=20 * examples if soak else examples, stateful_step_count=40 if soak else 25),
    )


def test_a_frozen_worker_that_wakes_up_changes_nothing(tmp_path: Path) -> None:
    async def play(stack: Stack) -> None:
        async with stack.serving(alone=False) as first:
            frozen = stack.wire
            await stack.room.command("start")
            await stack.live()
            async with stack.serving(alone=False) as second:
                assert (first.worker.hosted, second.worker.hosted) == (1, 0)
                frozen.cut = True
                await stack.until(lambda: second.worker.hosted == 1)
                await stack.room.say("Who hosts you?", stack.room.thread)
                await stack.until(lambda: len(stack.room.finals) == 1)
                frozen.cut = False
                await asyncio.sleep(10)
                assert (first.worker.hosted, second.worker.hosted) == (0, 1)
                assert first.worker.lease.held, "it starts anew, under another name"
                await stack.room.say("And now?", stack.room.thread)
                await stack.until(lambda: len(stack.room.finals) == 2)
                assert len(stack.hosted) == 1
                assert len(list(stack.simulator.sessions)) == 1, "its successor joined the same room"
        assert len(stack.spoken) == 2

    run_story(play, tmp_path, QUICK)
