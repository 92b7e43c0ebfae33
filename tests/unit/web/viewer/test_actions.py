"""What somebody with a link may hand in, and what their page offers."""

from datetime import UTC, datetime

import pytest

from bot.commands.policy import Policy
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import (
    Accepted,
    Command,
    ConversationRef,
    MessagePosted,
    NoSession,
    Outcome,
    Person,
    Refused,
    Role,
)
from bot.ports.grants import Grant, Scope
from bot.testing.virtual_time import ManualClock
from bot.web.viewer.actions import NOT_FROM_HERE, ONLY_WATCHING, VERBS, act, offered, values
from bot.web.viewer.wire import Do, Say, ValuesOffered, ValuesWanted
from bot.web.viewer.wire import Outcome as Told
from tests.contract.platform.harness import RecordingCore

ANN = Person("a1", "Ann")
NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
THREAD = ConversationRef("slack", "T1", "C1", "1.2")


def grant(scope: Scope = Scope.SPEAK, role: Role = Role.MEMBER, person: Person | None = ANN) -> Grant:
    return Grant("id", "session", scope, THREAD, person, role, NOW)


@pytest.mark.parametrize("verb", sorted({*CATALOGUE.names, "keep-going", "", "x"} - set(VERBS)))
async def test_no_other_command_is_handed_in(verb: str) -> None:
    core = RecordingCore()
    assert await act(Do("1", verb), grant(), core, ManualClock(NOW)) == Told("1", NOT_FROM_HERE)
    assert core.inbounds == []


@pytest.mark.parametrize(
    "done", [Do("1", "set", {"mode": "dialogue"}), Do("1", "interrupt", {"language": "fr"}), Do("1", "set", {"x": ""})]
)
async def test_a_page_sets_language_and_voice_and_nothing_else(done: Do) -> None:
    core = RecordingCore()
    assert await act(done, grant(), core, ManualClock(NOW)) == Told("1", NOT_FROM_HERE)
    assert core.inbounds == []


@pytest.mark.parametrize("role", [Role.OUTSIDER, Role.UNKNOWN])
async def test_who_may_set_nothing_is_offered_nothing(role: Role) -> None:
    assert await values(ValuesWanted("language"), grant(role=role), RecordingCore(), Policy()) == ValuesOffered(
        "language", ""
    )


@pytest.mark.parametrize("done", [Say("1", "Hello"), Do("1", "interrupt"), Do("1", "extend")])
async def test_it_is_handed_in_as_its_person_in_the_thread(done: Say | Do) -> None:
    core = RecordingCore()
    assert await act(done, grant(), core, ManualClock(NOW)) == Told("1", id="row")
    (inbound,) = core.inbounds
    assert (inbound.person, inbound.place, inbound.event_id) == (ANN, THREAD, "viewer:a1:1")
    assert inbound.body == (MessagePosted("Hello", via="the viewer") if isinstance(done, Say) else Command(done.verb))


@pytest.mark.parametrize("done", [Say("1", "Hello"), Do("1", "interrupt")])
@pytest.mark.parametrize("held", [grant(Scope.WATCH), grant(Scope.WATCH, person=None), grant(person=None)])
async def test_a_link_for_watching_hands_in_nothing(done: Say | Do, held: Grant) -> None:
    core = RecordingCore()
    assert await act(done, held, core, ManualClock(NOW)) == Told("1", ONLY_WATCHING)
    assert core.inbounds == []


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Refused("Too long."), Told("1", "Too long.")),
        (NoSession("It has ended."), Told("1", "It has ended.")),
        (Accepted("row-7", "session"), Told("1", id="row-7")),
    ],
)
async def test_whoever_speaks_hears_what_came_of_it(outcome: Outcome, told: Told) -> None:
    core = RecordingCore()
    core.outcome = outcome
    assert await act(Say("1", "Hello"), grant(), core, ManualClock(NOW)) == told
    core.unavailable = True
    assert (
        await act(Say("2", "Hello"), grant(), core, ManualClock(NOW))
    ).sentence == "That was not taken. Please try again."


@pytest.mark.parametrize(
    ("held", "may"),
    [
        (grant(role=Role.ADMIN), ("say", "interrupt", "extend", "set")),
        (grant(role=Role.STARTER), ("say", "interrupt", "extend", "set")),
        (grant(role=Role.MEMBER), ("say", "interrupt", "extend", "set")),
        (grant(role=Role.OUTSIDER), ("say",)),
        (grant(Scope.WATCH, Role.ADMIN), ()),
        (grant(person=None), ()),
    ],
)
def test_a_page_offers_what_a_role_may_do(held: Grant, may: tuple[str, ...]) -> None:
    assert offered(held, Policy()) == may
