"""One person who writes twenty messages a second takes nobody else's turn. Time is simulated; whose turn it is, is not."""

import itertools
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.commands.policy import Policy
from bot.domain.conversations import Role
from bot.ports.storage.records import InboxOutcome, InboxRecord, InboxState
from bot.runtime.turn_order import AUTHORS_REMEMBERED, RoundRobin
from bot.testing.chat import CHANNEL

POLICY = Policy()
FLOODER = "flooder"
OTHERS = [f"person {number}" for number in range(9)]
FLOOD_S = 0.05


@dataclass(frozen=True)
class Said:
    at: float
    author: str
    seconds: float


@dataclass(frozen=True)
class Heard:
    author: str
    said_at: float
    began_at: float


def row(number: int, author: str) -> InboxRecord:
    return InboxRecord(
        id=f"row{number:06}",
        session_id="s1",
        sequence=number,
        verb="say",
        body={"text": "Hello"},
        person_id=author,
        person_name=author,
        role=Role.MEMBER,
        place=CHANNEL,
        message=None,
        reply_to=None,
        state=InboxState.WAITING,
        outcome=InboxOutcome.NONE,
        sentence="",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@cache
def may_say(waiting: int, authors: int, waiting_of_person: int) -> bool:
    """What the policy answers depends on nothing else here, and thousands ask it."""
    return (
        POLICY.may_say(Role.MEMBER, "Hi", waiting=waiting, authors=authors, waiting_of_person=waiting_of_person) is None
    )


def talk(said: Iterable[Said], until: float) -> list[Heard]:
    """What one avatar gets to say of that, admitted by the policy and taken in turns."""
    coming = deque(sorted(said, key=lambda each: each.at))
    waiting: dict[str, tuple[Said, InboxRecord]] = {}
    authors, free_at, heard, numbers = RoundRobin(), 0.0, [], itertools.count(1)
    queued: Counter[str] = Counter()
    while coming or waiting:
        if not waiting or (coming and coming[0].at <= free_at):
            each = coming.popleft()
            free_at = max(free_at, each.at) if not waiting else free_at
            mine = queued[each.author]
            there = sum(map(bool, queued.values()))
            if may_say(len(waiting), there, mine):
                new = row(next(numbers), each.author)
                waiting[new.id] = each, new
                queued[each.author] += 1
            else:
                assert mine, "the first of ten people's messages has a place"
            continue
        if free_at > until:
            break
        taken = authors.next([queued_row for _, queued_row in waiting.values()])
        authors.served(taken.person_id)
        each, _ = waiting.pop(taken.id)
        queued[each.author] -= 1
        heard.append(Heard(each.author, each.at, free_at))
        free_at += each.seconds
    return heard


def jain(shares: Sequence[float]) -> float:
    """1.0 where all have the same, 1/n where one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


seconds = st.floats(0.5, 8)
moments = st.floats(0, 60)


@given(st.lists(st.tuples(moments, seconds), min_size=9, max_size=9), seconds)
def test_a_flood_delays_others_by_one_utterance_each(others: list[tuple[float, float]], long: float) -> None:
    messages = [Said(at, who, lasts) for who, (at, lasts) in zip(OTHERS, others, strict=True)]
    flood = [Said(number * FLOOD_S, FLOODER, long) for number in range(int(60 / FLOOD_S))]
    alone = {heard.author: heard.began_at for heard in talk(messages, 200)}
    among = {heard.author: heard.began_at for heard in talk([*messages, *flood], 200)}
    assert alone.keys() | {FLOODER} == among.keys() | {FLOODER}
    assert all(among[who] - alone[who] <= long + 1e-6 for who in OTHERS)


@settings(max_examples=settings().max_examples // 4)  # each takes long
@given(st.lists(st.floats(0.5, 3), min_size=10, max_size=10), st.floats(FLOOD_S, 2))
def test_who_writes_more_gets_no_more(lasts: list[float], pause: float) -> None:
    """All ten have something waiting all the time; only one of them writes twenty messages a second."""
    until = 6 * sum(lasts)
    flood = [Said(number * FLOOD_S, FLOODER, lasts[0]) for number in range(int(until / FLOOD_S))]
    others = [
        Said(number * pause, who, long)
        for who, long in zip(OTHERS, lasts[1:], strict=True)
        for number in range(int(until / pause))
    ]
    turns = Counter(heard.author for heard in talk([*flood, *others], until))
    assert jain([turns[who] for who in (FLOODER, *OTHERS)]) >= 0.95


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_of_one_author_the_lowest_sequence_goes_first(authors: list[str]) -> None:
    rows, order, taken = [row(number, who) for number, who in enumerate(authors)], RoundRobin(), []
    while rows:
        taken.append(following := order.next(rows))
        order.served(following.person_id)
        rows.remove(following)
    for who in "abc":
        sequences = [each.sequence for each in taken if each.person_id == who]
        assert sequences == sorted(sequences)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40))
def test_nobody_who_waits_sees_another_twice(authors: list[str]) -> None:
    rows, order, taken = [row(number, who) for number, who in enumerate(authors)], RoundRobin(), list[str]()
    while rows:
        following = order.next(rows)
        order.served(following.person_id)
        rows.remove(following)
        taken.append(following.person_id)
        for who in {each.person_id for each in rows}:
            since = taken[len(taken) - taken[::-1].index(who) :] if who in taken else taken
            assert len(set(since)) == len(since)


def test_only_so_many_authors_are_remembered() -> None:
    order = RoundRobin()
    for number in range(3 * AUTHORS_REMEMBERED):
        order.served(str(number))
    assert list(order._served) == [str(number) for number in range(2 * AUTHORS_REMEMBERED, 3 * AUTHORS_REMEMBERED)]
