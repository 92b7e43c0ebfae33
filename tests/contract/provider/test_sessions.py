"""What every provider promises about its sessions, whoever it is, in virtual time."""

import asyncio

import pytest

from bot.domain.errors import ProviderError, RoomError, Verdict
from bot.domain.sessions import SessionSpec
from bot.ports.avatar import Avatar, AvatarArrived, AvatarEvent, AvatarGone
from bot.ports.provider import ProviderSession, ProviderState
from bot.ports.room import AudioFrame, LossReason, VideoFrame
from bot.testing.virtual_time import virtual
from tests.contract.provider.conftest import MINUTES, SESSIONS, Kind, ProviderUnderTest

RUNNING = {ProviderState.QUEUEING, ProviderState.LIVE}
MINUTE = 60


async def created(under_test: ProviderUnderTest, minutes: int = 10) -> ProviderSession:
    return await under_test.provider.create(SessionSpec(under_test.avatar_id), minutes * MINUTE, "tag")


async def refused(under_test: ProviderUnderTest, spec: SessionSpec, duration_s: int) -> ProviderError:
    """A refusal that certainly had no effect."""
    before = await under_test.provider.credit()
    with pytest.raises(ProviderError) as caught:
        await under_test.provider.create(spec, duration_s, "tag")
    assert await under_test.provider.credit() == before
    assert caught.value.certain
    assert caught.value.sentence
    return caught.value


async def listed(under_test: ProviderUnderTest) -> set[str]:
    sessions = await under_test.provider.sessions()
    assert {session.state for session in sessions} <= RUNNING
    return {session.id for session in sessions}


async def heard(avatar: Avatar) -> list[AvatarEvent]:
    """All that happens, pictures and sound left out."""
    return [event async for event in avatar.events() if not isinstance(event, VideoFrame | AudioFrame)]


@virtual
async def test_what_was_created_runs_until_it_is_closed(kind: Kind) -> None:
    async with kind() as under_test:
        first, second = await created(under_test), await created(under_test)
        await asyncio.sleep(5)
        assert await listed(under_test) == {first.id, second.id}
        await under_test.provider.close(first.id)
        assert await listed(under_test) == {second.id}
        assert await under_test.provider.state(first.id) is ProviderState.OVER
        assert await under_test.provider.state(second.id) in RUNNING


@virtual
async def test_closing_twice_or_what_never_was_succeeds(kind: Kind) -> None:
    async with kind() as under_test:
        session = await created(under_test)
        for id_ in (session.id, session.id, "no-such-session"):
            await under_test.provider.close(id_)
        assert await listed(under_test) == set()


@virtual
async def test_what_is_not_known_is_over(kind: Kind) -> None:
    async with kind() as under_test:
        assert await under_test.provider.state("no-such-session") is ProviderState.OVER


@virtual
async def test_a_session_ends_with_what_was_paid(kind: Kind) -> None:
    async with kind() as under_test:
        session = await created(under_test, minutes=2)
        await asyncio.sleep(2 * MINUTE - 1)
        assert await under_test.provider.state(session.id) in RUNNING
        await asyncio.sleep(2)
        assert await under_test.provider.state(session.id) is ProviderState.OVER
        assert await listed(under_test) == set()


@virtual
async def test_the_unused_prepayment_is_refunded(kind: Kind) -> None:
    async with kind() as under_test:
        before = await under_test.provider.credit()
        session = await created(under_test, minutes=10)
        paid = before - await under_test.provider.credit()
        assert paid > 0
        await asyncio.sleep(2.5 * MINUTE)
        await under_test.provider.close(session.id)
        assert before - await under_test.provider.credit() == pytest.approx(paid / 4, rel=0.01)


@virtual
async def test_a_full_account_refuses_until_a_session_ends(kind: Kind) -> None:
    async with kind() as under_test:
        sessions = [await created(under_test, minutes=1) for _ in range(SESSIONS)]
        error = await refused(under_test, SessionSpec(under_test.avatar_id), MINUTE)
        assert error.verdict is Verdict.RETRY_LATER
        await under_test.provider.close(sessions[0].id)
        await created(under_test, minutes=1)


@virtual
async def test_without_credit_nothing_is_created(kind: Kind) -> None:
    async with kind() as under_test:
        for _ in range(MINUTES // 50):
            await created(under_test, minutes=50)
        error = await refused(under_test, SessionSpec(under_test.avatar_id), 10 * MINUTE)
        assert error.verdict is Verdict.PAY


@pytest.mark.parametrize("duration_s", [0, 3_601])
@virtual
async def test_a_session_is_as_long_as_the_provider_allows(kind: Kind, duration_s: int) -> None:
    async with kind() as under_test:
        error = await refused(under_test, SessionSpec(under_test.avatar_id), duration_s)
        assert error.verdict is Verdict.FIX_INPUT


@virtual
async def test_what_is_not_there_cannot_be_hosted(kind: Kind) -> None:
    async with kind() as under_test:
        assert (await refused(under_test, SessionSpec("nobody"), MINUTE)).verdict is Verdict.GONE
        with_knowledge = SessionSpec(under_test.avatar_id, knowledge_id="nothing")
        assert (await refused(under_test, with_knowledge, MINUTE)).verdict is Verdict.GONE


# ---------------------------------------------------------------- the avatar of a session


@virtual
async def test_its_avatar_comes_and_is_gone_when_it_is_closed(kind: Kind) -> None:
    async with kind() as under_test, asyncio.TaskGroup() as group:
        session = await created(under_test)
        avatar = under_test.provider.avatar(session)
        await avatar.join()
        events = group.create_task(heard(avatar))
        await asyncio.sleep(5)
        await under_test.provider.close(session.id)
        arrived, *_, gone = await events
        assert arrived == AvatarArrived()
        assert isinstance(gone, AvatarGone)
        assert gone.reason is not LossReason.THROWN_OUT
        await avatar.leave()


@virtual
async def test_who_joins_again_throws_the_first_out(kind: Kind) -> None:
    """As a process does that takes over: it finds the avatar there."""
    async with kind() as under_test, asyncio.TaskGroup() as group:
        session = await created(under_test)
        first, second = under_test.provider.avatar(session), under_test.provider.avatar(session)
        await first.join()
        before = group.create_task(heard(first))
        await asyncio.sleep(5)
        await second.join()
        after = group.create_task(heard(second))
        gone = (await before)[-1]
        assert isinstance(gone, AvatarGone)
        assert gone.reason is LossReason.THROWN_OUT
        await asyncio.sleep(5)
        await second.leave()
        assert AvatarArrived() in await after
        await first.leave()


@virtual
async def test_the_room_of_an_ended_session_is_closed(kind: Kind) -> None:
    async with kind() as under_test:
        session = await created(under_test)
        await under_test.provider.close(session.id)
        avatar = under_test.provider.avatar(session)
        with pytest.raises(RoomError):
            await avatar.join()
        await avatar.leave()


@virtual
async def test_credentials_are_not_shown(kind: Kind) -> None:
    async with kind() as under_test:
        session = await created(under_test)
        assert session.credentials.token
        assert session.credentials.token not in repr(session)
