"""What is asked of a session that has ended, and what counts against the limits of one that runs."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.conversations import Accepted, Command, Refused, Role
from bot.domain.provider import Use
from bot.domain.sessions import SessionStatus
from bot.ports.storage.records import PLACE_GONE, departure
from tests.unit.ingress.admitting import (
    LIVE,
    LOBBY,
    NOTHING,
    NOW,
    THREAD,
    YARD,
    admitted,
    command,
    said,
    session,
)

OVER = replace(session(SessionStatus.ENDED), ended_at=NOW - timedelta(minutes=1))
KEPT = replace(NOTHING, ended={THREAD: OVER}, earlier={"s1": OVER})


def test_the_word_start_restarts_an_ended_session() -> None:
    (started,), written = admitted(KEPT, said("start"))
    assert isinstance(started, Accepted)
    assert [(new.place, new.spec.avatar_id) for new in written.starts] == [(LOBBY, "alma")]


def test_a_session_is_started_again_where_it_was() -> None:
    (started,), written = admitted(KEPT, command("start", THREAD, again="s1"))
    assert isinstance(started, Accepted)
    assert written.starts[0].place == LOBBY


def test_a_deleted_or_foreign_session_is_not_restarted() -> None:
    outcomes, written = admitted(KEPT, command("start", again="s2"), command("start", YARD, again="s1"))
    assert [outcome.sentence.partition(".")[0] for outcome in outcomes if isinstance(outcome, Refused)] == [
        "No session “s2” of this channel is kept",
        "No session “s1” of this channel is kept",
    ]
    assert written.starts == []


def test_who_has_used_up_the_day_cannot_extend() -> None:
    spent = replace(LIVE, used={("fake", "W1", "ann"): Use(used=60 * 60, held=0)})
    (refused,), written = admitted(spent, command("extend"))
    assert isinstance(refused, Refused)
    assert written.rows == []


def test_messages_that_wait_already_count() -> None:
    mine = {("s1", "ann"): 1}
    (heard,), _ = admitted(replace(LIVE, waiting=mine | {("s1", "ben"): 8}), said())
    assert isinstance(heard, Accepted)
    (refused,), _ = admitted(replace(LIVE, waiting=mine | {("s1", "ben"): 9}), said())
    assert isinstance(refused, Refused)


def test_a_channel_that_is_gone_makes_its_session_leave() -> None:
    row = departure(session())
    assert (row.session_id, row.verb, row.role) == ("s1", PLACE_GONE, Role.ADMIN)
    assert (row.inbound.place, row.inbound.body) == (THREAD, Command(PLACE_GONE))
