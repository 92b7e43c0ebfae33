"""What nobody uses falls asleep, what somebody uses goes on, and what nobody can pay for ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.commands.policy import Limits, Policy
from bot.domain.errors import PlatformError, ProviderError
from bot.domain.sessions import EndReason
from bot.runtime.context import Asleep, SessionContext
from bot.runtime.lifecycle import LifecycleTimer
from bot.runtime.provider_sessions import ProviderSessions
from bot.testing.virtual_time import JumpingClock
from tests.disclosing import TOLD
from tests.session_fixture import SPEC, Staged, active

MINUTE = 60.0
SLEEPS_SOON = Policy(Limits(sleep_after=timedelta(minutes=2)))


@asynccontextmanager
async def kept(staged: Staged) -> AsyncIterator[None]:
    """The avatar in its room, and somebody who looks at the clock."""
    async with asyncio.TaskGroup() as group:
        provider_sessions = ProviderSessions(staged.context, group, ())
        await provider_sessions.begin()
        try:
            async with staged.playing(LifecycleTimer(staged.context, provider_sessions).run()):
                yield
        finally:
            await provider_sessions.leave()


async def at(seconds: float) -> None:
    """Until so long after the session's start."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(seconds - loop.time())


def somebody_writes(context: SessionContext) -> None:
    context.touch()


def bought(staged: Staged) -> list[float]:
    """The minutes paid for, stretch by stretch."""
    return [hosted.duration_s / MINUTE for hosted in staged.provider.hosted]


def open_now(staged: Staged) -> int:
    return sum(hosted.open for hosted in staged.provider.hosted)


# ------------------------------------------------ idle


@active(policy=SLEEPS_SOON)
async def test_a_clock_set_back_keeps_nobody_awake_longer(staged: Staged) -> None:
    clock = JumpingClock()
    staged.context.services = replace(staged.services, clock=clock)
    async with kept(staged):
        await at(MINUTE)
        clock.wrong_by = timedelta(hours=-1)
        await at(2 * MINUTE + 2)
        assert staged.context.ending.result() == Asleep()


@active()
async def test_after_ten_quiet_minutes_it_falls_asleep(staged: Staged) -> None:
    async with kept(staged):
        await at(10 * MINUTE - 5)
        assert not staged.context.ending.done()
        await at(10 * MINUTE + 2)
        assert staged.context.ending.result() == Asleep()
    assert bought(staged) == [10]


@active()
async def test_the_last_half_minute_is_bought_only_for_writers(
    staged: Staged,
) -> None:
    async with kept(staged):
        await at(10 * MINUTE - 8)
        assert bought(staged) == [10]
        somebody_writes(staged.context)
        await at(10 * MINUTE - 6)
        assert bought(staged) == [10, 10]
        await at(11 * MINUTE)
        assert not staged.context.ending.done()


@active()
async def test_a_stretch_is_bought_for_an_avatar_that_still_speaks(staged: Staged) -> None:
    async with kept(staged):
        async with staged.context.turn_lock:
            await at(10 * MINUTE)
        assert bought(staged) == [10, 10]


@active()
async def test_people_are_warned_at_five_minutes_and_one(staged: Staged) -> None:
    async with kept(staged):
        await at(5 * MINUTE - 5)
        assert staged.room.notices == []
        await at(5 * MINUTE + 2)
        view = staged.context.view()
        assert view.ends == "Falls asleep unless somebody writes or watches."
        assert view.ends_at is not None
        assert round((view.ends_at - staged.services.clock.now()).total_seconds() / MINUTE) == 5
        await at(9 * MINUTE - 5)
        assert len(staged.room.notices) == 1
        await at(11 * MINUTE)
    assert staged.room.notices == [
        "Alma falls asleep in 5 minutes: nobody is talking or watching. Write to keep it awake.",
        "Alma falls asleep in a minute: nobody is talking or watching. Write to keep it awake.",
    ]


@active()
async def test_whoever_watches_keeps_it_awake(staged: Staged) -> None:
    async with kept(staged):
        with staged.services.events.watch("s1", TOLD):
            await at(25 * MINUTE)
        assert not staged.context.ending.done()
        assert staged.room.notices == []
        await at(35 * MINUTE + 2)
        assert staged.context.ending.result() == Asleep()


@active()
async def test_a_message_restarts_the_sleep_clock_and_warnings(staged: Staged) -> None:
    async with kept(staged):
        await at(6 * MINUTE)
        somebody_writes(staged.context)
        await at(12 * MINUTE)
        assert len(staged.room.notices) == 2
        await at(16 * MINUTE - 1)
        assert not staged.context.ending.done()
        await at(16 * MINUTE + 2)
        assert staged.context.ending.result() == Asleep()


@active(policy=SLEEPS_SOON)
async def test_what_sleeps_early_is_warned_of_every_time(staged: Staged) -> None:
    async with kept(staged):
        await at(1.5 * MINUTE)
        somebody_writes(staged.context)
        await at(3 * MINUTE)
        somebody_writes(staged.context)
        await at(4.5 * MINUTE)
    assert [told[:29] for told in staged.room.notices] == ["Alma falls asleep in a minute"] * 3


@active(policy=Policy(Limits(sleep_after=timedelta(minutes=1))))
async def test_a_short_sleep_clock_gives_no_early_warning(staged: Staged) -> None:
    async with kept(staged):
        await at(1.5 * MINUTE)
    assert staged.room.notices == []


@active()
async def test_a_run_that_takes_over_says_what_is_left(staged: Staged) -> None:
    await at(7 * MINUTE)
    async with kept(staged):
        await at(7 * MINUTE + 3)
    assert [told[:30] for told in staged.room.notices] == ["Alma falls asleep in 3 minutes"]


@active()
async def test_a_warning_that_cannot_be_told_stops_nothing(staged: Staged) -> None:
    staged.room.faults["notify"] = [PlatformError("Not now."), PlatformError("Not now.")]
    async with kept(staged):
        await at(10 * MINUTE + 2)
    assert staged.room.faults["notify"] == []
    assert staged.context.ending.result() == Asleep()


@active(policy=SLEEPS_SOON)
async def test_it_does_not_fall_asleep_while_it_speaks(staged: Staged) -> None:
    async with kept(staged):
        async with staged.context.turn_lock:
            await at(4 * MINUTE)
            assert not staged.context.ending.done()
        await at(4 * MINUTE + 2)
        assert staged.context.ending.result() == Asleep()


# ------------------------------------------------ renewed


@active()
async def test_it_renews_half_a_minute_before_the_end(staged: Staged) -> None:
    async with kept(staged):
        with staged.services.events.watch("s1", TOLD):
            await at(9.5 * MINUTE - 1)
            first_end = staged.context.ends_at
            assert bought(staged) == [10]
            await at(9.5 * MINUTE + 3)
            assert bought(staged) == [10, 10]
            assert open_now(staged) == 1
            assert first_end is not None
            assert staged.context.ends_at is not None
            assert staged.context.ends_at - first_end > timedelta(minutes=9)
            await at(19 * MINUTE + 3)
    assert bought(staged) == [10, 10, 10]


@active(spec=replace(SPEC, minutes=1))
async def test_a_short_stretch_is_renewed_a_quarter_before_its_end(staged: Staged) -> None:
    async with kept(staged):
        with staged.services.events.watch("s1", TOLD):
            await at(44)
            assert len(bought(staged)) == 1
            await at(48)
            assert len(bought(staged)) == 2


async def _watched_without_credit(staged: Staged) -> None:
    async with kept(staged):
        with staged.services.events.watch("s1", TOLD):
            staged.provider.left = 0
            await at(9.5 * MINUTE + 3)


@active()
async def test_what_cannot_be_renewed_is_raised(staged: Staged) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await _watched_without_credit(staged)
    assert raised.group_contains(ProviderError, match="credit")


# ------------------------------------------------ paid for


TWELVE = Policy(Limits(person_minutes=12))


@active(policy=TWELVE)
async def test_a_used_up_day_ends_with_the_paid_time(staged: Staged) -> None:
    async with kept(staged):
        with staged.services.events.watch("s1", TOLD):
            await at(11 * MINUTE)
            assert bought(staged) == [10, 2]
            assert staged.context.ends_at is not None
            left = (staged.context.ends_at - staged.services.clock.now()).total_seconds()
            await asyncio.sleep(left - 2)
            assert staged.context.outlook.ends == "Ends when the minutes for today are used up."
            assert staged.context.outlook.at == staged.context.ends_at
            assert not staged.context.ending.done()
            await asyncio.sleep(4)
    assert staged.context.ending.result() is EndReason.BUDGET
    assert bought(staged) == [10, 2]


@active(policy=TWELVE)
async def test_whoever_keeps_it_going_pays_for_what_comes(staged: Staged) -> None:
    async with kept(staged):
        with staged.services.events.watch("s1", TOLD):
            await at(11 * MINUTE)
            async with staged.context.fenced() as run:
                run.charge("ben")
            staged.context.session = replace(staged.context.session, payer_id="ben")
            await at(15 * MINUTE)
    assert bought(staged) == [10, 2, 10]
    assert not staged.context.ending.done()
