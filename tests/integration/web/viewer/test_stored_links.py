"""Links as they are kept: who has one, until when, and what ends it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from bot.app import operations
from bot.domain.conversations import ConversationRef, Membership, Person, Role
from bot.domain.errors import PlatformError
from bot.jobs import retention
from bot.ports.chat import Features
from bot.ports.grants import Grant, Scope
from bot.queries.watch_links import AFTERWARDS, LIFE
from bot.storage.tables import grants
from bot.testing.chat import ANN, CHANNEL
from bot.testing.chat_platform import FakeChatPlatform
from tests.integration.queries.asking import ask
from tests.world_fixture import Stack, on_stack

BEN = Person("ben", "Ben", Membership.MEMBER)
ELSEWHERE = ConversationRef("fake", "W1", "C2")


async def watch(stack: Stack, person: Person = ANN) -> str:
    """Press Watch; the secret of the link."""
    reply = await ask(stack, "watch", stack.room.thread, person)
    assert reply.link is not None
    address, _, secret = reply.link.url.partition("/v/#")
    assert address == "http://avatarbot.test"
    return secret


async def found(stack: Stack, secret: str) -> Grant | None:
    assert stack.service is not None
    return await stack.service._links.grants.find(secret)


async def live(stack: Stack) -> None:
    await stack.room.command("start")
    await stack.live()


@on_stack()
async def test_a_link_is_for_its_person(stack: Stack) -> None:
    def kept(connection: Connection) -> str:
        return str(connection.execute(select(grants)).all())

    async with stack.serving():
        await live(stack)
        ann, ben = await watch(stack), await watch(stack, BEN)
        mine, theirs = await found(stack, ann), await found(stack, ben)
        assert mine is not None
        assert theirs is not None
        # A link may be passed on: whoever holds it may be a program.
        assert (mine.person, mine.role, mine.scope) == (replace(ANN, human=False), Role.STARTER, Scope.SPEAK)
        assert (theirs.person, theirs.role) == (replace(BEN, human=False), Role.MEMBER)
        assert mine.expires_at - stack.clock.now() <= LIFE
        assert await found(stack, "") is None
        stored = await stack.stores[-1].read(kept)
    assert ann not in stored
    assert ben not in stored


@on_stack()
async def test_watch_again_revokes_ones_own_older_link_and_nobody_elses(stack: Stack) -> None:
    async with stack.serving():
        await live(stack)
        first, ben = await watch(stack), await watch(stack, BEN)
        second = await watch(stack)
        assert await found(stack, first) is None
        assert await found(stack, second)
        assert await found(stack, ben)


@on_stack()
async def test_a_link_dies_with_its_session_and_one_hour(stack: Stack) -> None:
    async with stack.serving():
        await live(stack)
        secret = await watch(stack)
        await stack.room.command("stop", place=stack.room.thread)
        await stack.ended()
        grant = await found(stack, secret)
        assert grant is not None
        assert not grant.expired_at(stack.clock.now())
    await asyncio.sleep((AFTERWARDS + timedelta(seconds=1)).total_seconds())  # with a service an hour takes seconds
    async with stack.serving():
        grant = await found(stack, secret)
        assert grant is None or grant.expired_at(stack.clock.now())
        await asyncio.sleep(1_200)
        assert await found(stack, secret) is None  # swept


@pytest.mark.parametrize("place", [CHANNEL, ConversationRef("fake", "W1", "")])
def test_a_link_dies_with_its_owners_removal(place: ConversationRef, tmp_path: object) -> None:
    @on_stack()
    async def story(stack: Stack) -> None:
        async with stack.serving() as service:
            await live(stack)
            ann, ben = await watch(stack), await watch(stack, BEN)
            await service.core.person_gone(ELSEWHERE, BEN.id)
            await service.core.person_gone(ConversationRef("fake", "W2", ""), BEN.id)
            assert await found(stack, ben)
            await service.core.person_gone(place, BEN.id)
            assert await found(stack, ben) is None
            assert await found(stack, ann)

    story(tmp_path, "sqlite")  # type: ignore[arg-type]


class TellsMembers(FakeChatPlatform):
    """A platform that is asked who is still there; of some it cannot know."""

    left: frozenset[str] = frozenset()
    unknown = False

    @property
    def features(self) -> Features:
        return replace(super().features, members=self)

    async def is_member(self, place: ConversationRef, person_id: str) -> bool:
        assert (place.workspace_id, place.channel_id) == (CHANNEL.workspace_id, "")
        if self.unknown:
            raise PlatformError("Not now.")
        return person_id not in self.left


@on_stack()
async def test_where_nobodys_leaving_is_told_it_is_asked_for(stack: Stack) -> None:
    async with stack.serving() as service:
        platform = TellsMembers(stack.room, service.core)
        service._platforms["fake"] = platform
        await live(stack)
        ann, ben = await watch(stack), await watch(stack, BEN)
        platform.left, platform.unknown = frozenset({BEN.id}), True
        await asyncio.sleep(retention.LOOK_EVERY + 1)
        assert await found(stack, ben)  # not knowing revokes nothing
        platform.unknown = False
        await asyncio.sleep(retention.LOOK_EVERY + 1)
        assert await found(stack, ben) is None
        assert await found(stack, ann)


@on_stack()
async def test_the_operator_ends_all_of_them(stack: Stack) -> None:
    async with stack.serving() as service:
        await live(stack)
        ann, ben = await watch(stack), await watch(stack, BEN)
        assert await operations.revoke_links(service.services.storage) == "Revoked 2 links."
        assert await found(stack, ann) is None
        assert await found(stack, ben) is None
