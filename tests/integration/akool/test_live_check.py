"""`avatarbot doctor --live` on a simulated account: what it sees, what it makes of other shapes, and that nothing stays open."""

import asyncio

import pytest

from adapters.akool.client import AkoolApi, ApiCalls
from adapters.akool.live_check import LiveCheck
from adapters.akool.provider import AkoolProvider
from adapters.simulator import ChatShape, Control, Ending, FaultScript, Numbering
from bot.domain.errors import RoomError
from bot.domain.sessions import SessionSpec
from bot.ports.plugin import Observation
from bot.ports.provider import ProviderSession
from bot.ports.room import ConnectRoom, no_room
from bot.tasks import cancel_and_wait
from bot.testing.virtual_time import virtual
from tests.unit.simulator.customer import Customer, customer


async def seen(somebody: Customer, connect: ConnectRoom | None = None) -> dict[str, Observation]:
    found: list[Observation] = []
    api = AkoolApi(ApiCalls(somebody.http))
    provider = AkoolProvider(api, somebody.simulator.connect)
    await LiveCheck(api, provider, connect or somebody.simulator.connect, found.append).run()
    return {each.what: each for each in found}


@virtual
async def test_a_session_as_documented_fits_everywhere() -> None:
    async with customer() as somebody:
        found = await seen(somebody)

    assert {each.what: each.seen for each in found.values() if not each.fits} == {}
    assert found["words in retelling"].seen == "ours"
    assert found["our token under another uid"].seen == "refused"
    assert "state after close" in found


@virtual
async def test_other_shapes_of_answers_are_shown() -> None:
    async with customer() as somebody:
        Control(somebody.simulator).script(
            FaultScript(shape=ChatShape(numbering=Numbering.ALWAYS_0, ending=Ending.EVERY))
        )
        found = await seen(somebody)

    assert not found["idx"].fits
    assert not found["fin"].fits
    assert found["fin"].seen.startswith("1 1")
    assert found["words in retelling"].fits


@virtual
async def test_its_session_is_closed_and_the_rest_given_back() -> None:
    async with customer() as somebody:
        before = await somebody.credit()
        found = await seen(somebody)
        (bill,) = [each for each in found.values() if each.what.startswith("bill")]

        assert before - await somebody.credit() == pytest.approx(float(bill.seen.partition(" ")[0]))
        assert sessions(somebody) == []


@virtual
async def test_a_closed_room_is_paid_for_no_longer() -> None:
    async with customer() as somebody:
        with pytest.raises(RoomError):
            await seen(somebody, no_room)
        assert sessions(somebody) == []


@virtual
async def test_an_avatar_that_never_comes_is_told() -> None:
    async with customer() as somebody:
        Control(somebody.simulator).script(FaultScript(join_delay=None))
        found = await seen(somebody)
    assert (found["avatar in the room"].seen, found["avatar in the room"].fits) == ("never", False)
    assert "picture" not in found


class AnswersLate(AkoolProvider):
    """A session is there, and paid for, before it is known."""

    async def create(self, spec: SessionSpec, duration_s: int, tag: str) -> ProviderSession:
        session = await super().create(spec, duration_s, tag)
        await asyncio.sleep(5)
        return session


@virtual
async def test_interrupted_while_it_is_created_it_is_closed() -> None:
    async with customer() as somebody:
        api, connect = AkoolApi(ApiCalls(somebody.http)), somebody.simulator.connect
        check = LiveCheck(api, AnswersLate(api, connect), connect, lambda _: None)
        running = asyncio.create_task(check.run())
        await asyncio.sleep(3)
        assert len(sessions(somebody)) == 1
        await cancel_and_wait(running)
        assert running.cancelled()
        assert sessions(somebody) == []


@virtual
async def test_a_reader_that_leaves_costs_no_minute() -> None:
    def tell(seen: Observation) -> None:
        if seen.what == "create":
            raise BrokenPipeError

    async with customer() as somebody:
        api, connect = AkoolApi(ApiCalls(somebody.http)), somebody.simulator.connect
        with pytest.raises(BrokenPipeError):
            await LiveCheck(api, AkoolProvider(api, connect), connect, tell).run()
        assert sessions(somebody) == []


def sessions(somebody: Customer) -> list[str]:
    """What runs, and is paid for."""
    return [session.id for session in Control(somebody.simulator).state().sessions if session.open]
