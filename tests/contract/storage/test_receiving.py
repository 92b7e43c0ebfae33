"""Who receives which shard, and where something may have been missed. `A` and `B` are gateways."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.conversations import ConversationRef, MessagePosted, MessageRef
from bot.domain.posts import Opened
from bot.domain.sessions import EndReason
from bot.ports.storage import Storage
from bot.ports.storage.records import NewRow, ProcessProfile
from bot.process_roles import ProcessRole
from bot.testing.virtual_time import ManualClock
from tests.contract.storage.seeds import OFTEN, accept, hosted, said

WEB = ProcessProfile(roles=frozenset({ProcessRole.WEB}))


async def begin(storage: Storage, *names: str) -> None:
    for name in names:
        await storage.workers.enlist(name, ProcessProfile(), lasts=OFTEN)


async def held(storage: Storage, name: str, count: int = 4) -> list[int]:
    return sorted((await storage.receiving.hold_shards(name, "discord", count)).numbers)


async def test_one_gateway_has_all_shards(storage: Storage) -> None:
    await begin(storage, "A")
    assert await held(storage, "A") == [0, 1, 2, 3]
    assert await held(storage, "A") == [0, 1, 2, 3]


async def test_two_that_begin_together_share(storage: Storage) -> None:
    await begin(storage, "A", "B")
    await storage.workers.enlist("web", WEB, lasts=OFTEN)
    assert [await held(storage, "A"), await held(storage, "B")] == [[0, 1], [2, 3]]


async def test_a_dead_gateways_shards_are_taken(storage: Storage) -> None:
    await begin(storage, "A", "B")
    await held(storage, "A")
    await held(storage, "B")
    await storage.workers.dismiss("A")
    assert await held(storage, "B") == [0, 1, 2, 3]


async def test_who_renews_late_takes_no_shard_of_others(storage: Storage, clock: ManualClock) -> None:
    """One that died long ago counts as nobody all the while."""
    await begin(storage, "dead", "A", "B")
    await storage.workers.renew("dead", lasts=timedelta())
    assert [await held(storage, "A"), await held(storage, "B")] == [[0, 1], [2, 3]]
    clock.advance(OFTEN.total_seconds() + 1)
    assert await storage.workers.renew("B", lasts=OFTEN, spares=timedelta(seconds=4))
    assert [await held(storage, "B"), (await storage.receiving.hold_shards("B", "discord", 1)).count] == [[2, 3], 4]
    clock.advance(4)
    assert await held(storage, "B") == [0, 1, 2, 3]


async def test_who_comes_later_gets_a_share_bit_by_bit(storage: Storage) -> None:
    await begin(storage, "A")
    await held(storage, "A")
    await begin(storage, "B")
    assert await held(storage, "B") == []
    assert [await held(storage, "A"), await held(storage, "B")] == [[0, 1, 3], [2]]
    assert [await held(storage, "A"), await held(storage, "B")] == [[0, 1], [2, 3]]
    assert [await held(storage, "A"), await held(storage, "B")] == [[0, 1], [2, 3]]


async def test_one_shard_stays_where_it_is(storage: Storage) -> None:
    await begin(storage, "A")
    await held(storage, "A", 1)
    await begin(storage, "B")
    assert [await held(storage, "A", 1), await held(storage, "B", 1)] == [[0], []]


async def test_the_count_stays_while_somebody_receives(storage: Storage) -> None:
    await begin(storage, "A", "B")
    await held(storage, "A", 2)
    found = await storage.receiving.hold_shards("B", "discord", 16)
    assert (found.count, sorted(found.numbers)) == (2, [1])


async def test_the_count_is_settled_anew_when_all_are_gone(storage: Storage) -> None:
    await begin(storage, "A")
    await held(storage, "A", 2)
    await storage.workers.dismiss("A")
    await begin(storage, "B")
    assert len(await held(storage, "B", 16)) == 16


async def test_platforms_are_shared_out_apart(storage: Storage) -> None:
    await begin(storage, "A")
    await held(storage, "A", 2)
    other = await storage.receiving.hold_shards("A", "elsewhere", 3)
    assert (other.count, len(other.numbers)) == (3, 3)


@pytest.mark.parametrize(("profile", "others"), [(ProcessProfile(), True), (WEB, False)])
async def test_only_gateways_receive(storage: Storage, profile: ProcessProfile, others: bool) -> None:
    await begin(storage, "A")
    assert not await storage.receiving.others_receive("A")
    await storage.workers.enlist("B", profile, lasts=OFTEN)
    assert await storage.receiving.others_receive("A") is others


async def test_talks_are_known_up_to_their_last_message(storage: Storage) -> None:
    place, later = ConversationRef("room", "W1", "s"), 20
    lease = await hosted(storage)
    assert await storage.receiving.talks("room") == {}
    async with storage.fenced(lease) as run:
        run.open_thread(Opened(MessageRef(place, "card"), place.in_thread("t")))
    talk = place.in_thread("t")
    assert await storage.receiving.talks("room") == {talk: "t"}
    await accept(storage, said_in(talk, 9), said_in(talk, 10), said_in(place, later))
    assert await storage.receiving.talks("room") == {talk: "m10"}
    assert await storage.receiving.talks("elsewhere") == {}


async def test_an_ended_talk_is_none(storage: Storage) -> None:
    place = ConversationRef("room", "W1", "s")
    lease = await hosted(storage)
    async with storage.fenced(lease) as run:
        run.open_thread(Opened(MessageRef(place, "card"), place.in_thread("t")))
        run.end(EndReason.STOPPED)
    assert await storage.receiving.talks("room") == {}


def said_in(place: ConversationRef, number: int) -> NewRow:
    row = said(number)
    ref = MessageRef(place, f"m{number}")
    return replace(row, inbound=replace(row.inbound, place=place, body=MessagePosted("Hello", ref)), message=ref)
