"""Nobody meets an avatar without being told that it is an AI, before or with its first word or picture, wherever they meet it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from adapters.simulator.simulator import Simulator
from bot.commands.catalogue import FORMATS
from bot.commands.policy import Limits, Policy
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    Inbound,
    Membership,
    MessagePosted,
    MessageRef,
    Person,
)
from bot.domain.sessions import SessionStatus
from bot.testing.virtual_time import LoopClock, virtual_runner
from tests.database import migrated
from tests.integration.core.audit import Audit
from tests.integration.core.encounters import SENTENCES, JudgedChat, SocketPage
from tests.integration.core.host import Host
from tests.world_fixture import QUICK, Stack

CHANNEL, THREAD, DIRECT = (
    ConversationRef("fake", "W1", "C1"),
    ConversationRef("fake", "W1", "C2", "forum-post"),
    ConversationRef("fake", "dm-1", "D1"),
)
"""Where the talk goes on below the card, beside it, and with one person alone."""

CROWDED = Policy(
    Limits(person_minutes=1_440, sleep_after=timedelta(seconds=45), waiting=60, waiting_per_person=5, sessions=50)
)
ANSWERED_S = 20.0
places = st.sampled_from((CHANNEL, THREAD, DIRECT))
STARTS: tuple[dict[str, str], ...] = ({}, {}, {"language": "de"}, {"mode": "retelling"})


class FirstEncounters(RuleBasedStateMachine):
    """New people keep coming, to sessions that start, sleep, wake, crash and end."""

    encounters: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.people = self.events = self.begun = 0
        self.pages: list[SocketPage] = []
        self.files: list[str] = []
        self.world = ExitStack()
        self.loop = self.world.enter_context(virtual_runner(self._busy))
        self.folder = Path(tempfile.mkdtemp())
        self.room = JudgedChat()
        self.do(self._set_up())

    async def _set_up(self) -> None:
        clock = LoopClock()
        self.simulator = await Simulator(clock, QUICK).__aenter__()
        self.stack = Stack(self.folder, self.simulator, clock, room=self.room, policy=CROWDED)
        path = self.folder / "avatarbot.db"
        path.write_bytes(migrated())
        self.audit = Audit(path)
        await self._begin()

    async def _begin(self) -> None:
        self.begun += 1
        self.host = await Host(self.stack, self.audit, f"process {self.begun}", alone=True).begun()
        self.host.listen()

    def do(self, what: Coroutine[Any, Any, object]) -> None:
        self.loop.run(what)

    # ------------------------------------------------ what people do

    @rule(place=places, options=st.sampled_from(STARTS))
    def somebody_starts(self, place: ConversationRef, options: dict[str, str]) -> None:
        async def start() -> None:
            await self._accept(place, self._somebody_new(), Command("start", options))
            await asyncio.sleep(5)

        self.do(start())

    @rule(
        place=places, options=st.sampled_from(STARTS), size=st.integers(1, 30), apart=st.sampled_from((0.0, 0.3, 4.0))
    )
    def people_come_and_write(self, place: ConversationRef, options: dict[str, str], size: int, apart: float) -> None:
        async def come() -> None:
            await self._accept(place, self._somebody_new(), Command("start", options))
            for _ in range(size):
                await self._say(place, self._somebody_new())
                await asyncio.sleep(apart)
            await asyncio.sleep(ANSWERED_S)

        self.do(come())

    @precondition(lambda self: self._live())
    @rule(number=st.integers(0, 9), seconds=st.sampled_from((0.2, 1.5)))
    def people_open_the_viewer(self, number: int, seconds: float) -> None:
        async def look() -> None:
            service, live = self.stack.service, self._live()
            assert service is not None
            session_id = live[number % len(live)]
            page = SocketPage(await service._links.speaking(session_id, self._somebody_new()))
            page.secret = page.secret.rpartition("#")[2]
            self.pages.append(page)
            await page.watch(service, seconds)

        self.do(look())

    @precondition(lambda self: self.room.judge.said)
    @rule(number=st.integers(0, 9), form=st.sampled_from(FORMATS))
    def somebody_takes_a_transcript(self, number: int, form: str) -> None:
        async def take() -> None:
            known = list(self.room.judge.said)
            assert self.stack.service is not None
            file = await self.stack.service._archive.export(known[number % len(known)], form)
            if file:
                self.files.append(file.content.decode())

        self.do(take())

    @rule(place=places)
    def somebody_stops(self, place: ConversationRef) -> None:
        boss = Person("boss", "Boss", Membership.ADMIN)
        self.do(self._accept(place, boss, Command("stop")))

    # ------------------------------------------------ what happens to the world

    @rule(seconds=st.sampled_from((0.3, 10.0, 70.0)))
    def time_passes(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule(crashes=st.booleans())
    def the_process_is_replaced(self, crashes: bool) -> None:
        async def replace() -> None:
            await (self.host.kill() if crashes else self.host.end())
            await self._begin()
            await asyncio.sleep(5)

        self.do(replace())

    # ------------------------------------------------ what holds after every step

    @invariant()
    def everybody_was_told_in_time(self) -> None:
        assert not self.room.judge.faults
        assert all(page.told_first for page in self.pages), [page.came[:3] for page in self.pages]
        for text in self.files:
            (sentence,) = [each for each in SENTENCES if each in text]
            assert "Hello from" not in text.partition(sentence)[0]

    def teardown(self) -> None:
        with self.world:
            try:
                self.do(self._wind_up())
            finally:
                shutil.rmtree(self.folder)
        FirstEncounters.encounters += len(self.room.judge.met) + len(self.pages) + len(self.files)

    async def _wind_up(self) -> None:
        await self.host.end()
        await self.simulator.__aexit__(None, None, None)

    # ------------------------------------------------ inside

    def _busy(self) -> bool:
        return self.stack.busy()

    def _live(self) -> list[str]:
        return [card.session_id for card in self.room.cards.values() if card.status is SessionStatus.LIVE]

    def _somebody_new(self) -> Person:
        self.people += 1
        return Person(f"p{self.people}", f"P{self.people}", Membership.MEMBER)

    async def _say(self, place: ConversationRef, person: Person) -> None:
        said = MessagePosted(f"Hello from {person.name}.", MessageRef(place, f"m{self.events}"), mentioned=True)
        await self._accept(place, person, said)

    async def _accept(self, place: ConversationRef, person: Person, body: Command | MessagePosted) -> None:
        self.events += 1
        inbound = Inbound(f"event {self.events}", self.events, place, person, body)
        outcome = await self.host.core.accept(inbound)
        if isinstance(outcome, Accepted) and isinstance(body, MessagePosted):
            self.room.judge.person(outcome.session_id, person.id)


@pytest.mark.timeout(1_800 if "SOAK" in os.environ else 600)
def test_nobody_meets_an_avatar_without_being_told() -> None:
    wanted = 10_000 if "SOAK" in os.environ else 200
    FirstEncounters.encounters = 0
    while FirstEncounters.encounters < wanted:
        run_state_machine_as_test(
            FirstEncounters, settings=settings(max_examples=5, stateful_step_count=25, deadline=None)
        )
