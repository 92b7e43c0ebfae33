"""What a program with a token may do: its commands, with its minutes, and nothing else that its standing would allow."""

from dataclasses import replace

import pytest

from bot.domain.conversations import BY_API, Accepted, Allowance, Membership, Person, Refused
from bot.domain.provider import Use
from tests.unit.ingress.admitting import ASLEEP, LIVE, LOBBY, NOTHING, YARD, admitted, command


def program(*commands: str, minutes: int = 20) -> Person:
    allowance = Allowance(frozenset(commands), minutes)
    return Person(f"{BY_API}bot", "bot, by API", Membership.MEMBER, allowance=allowance)


def test_a_token_for_say_says_and_does_nothing_else() -> None:
    only = program("say")
    said, set_, stopped, started = admitted(
        LIVE,
        command("say", person=only, text="Hello"),
        command("set", person=only, speed="1.1"),
        command("stop", person=only),
        command("start", YARD, only),
    )[0]
    assert isinstance(said, Accepted)
    for refused in (set_, stopped, started):
        assert isinstance(refused, Refused)
        assert refused.sentence.startswith("This token is not for")


def test_only_a_token_for_start_wakes_an_avatar() -> None:
    (refused,), _ = admitted(ASLEEP, command("say", person=program("say"), text="Hello"))
    (woken,), written = admitted(ASLEEP, command("say", person=program("say", "start"), text="Hello"))
    assert isinstance(refused, Refused)
    assert isinstance(woken, Accepted)
    assert written.wakes == {"s1": ("api:bot", 600)}


@pytest.mark.parametrize(("minutes", "starts"), [(0, 0), (20, 2), (10, 1), (999, 6)])
def test_a_program_starts_within_its_minutes_and_everybodys(minutes: int, starts: int) -> None:
    places = [LOBBY.in_thread(f"t{number}") for number in range(10)]
    asked = [command("start", place, program("start", minutes=minutes)) for place in places]
    wide = replace(NOTHING, running={})
    outcomes, written = admitted(wide, *asked)
    assert len(written.starts) == min(starts, 5)  # five sessions at once are a workspace's
    assert {new.spec.minutes for new in written.starts} <= {10}
    assert all(isinstance(each, Accepted | Refused) for each in outcomes)


def test_what_it_used_today_counts() -> None:
    used = {("fake", "W1", "api:bot"): Use(used=15 * 60)}
    outcomes, written = admitted(replace(NOTHING, used=used), command("start", person=program("start")))
    assert isinstance(outcomes[0], Accepted)
    assert [new.spec.minutes for new in written.starts] == [5]
