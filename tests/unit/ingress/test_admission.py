"""Who and what gets into the inbox. One batch is one transaction: what it admits counts at once for what comes after it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.commands.options import ChannelSettings
from bot.commands.policy import AllowList
from bot.domain.conversations import (
    Accepted,
    Duplicate,
    Inbound,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    MessageRef,
    NoSession,
    Outcome,
    Question,
    Refused,
)
from bot.domain.sessions import EndReason, SessionStatus
from bot.ports.storage.records import WITHDRAW
from bot.ports.storage.transactions import Situation
from bot.runtime.no_session import HOW_TO_START
from tests.unit.ingress.admitting import (
    ASLEEP,
    BEN,
    BOSS,
    GUEST,
    KEY,
    LEAVING,
    LIVE,
    LOBBY,
    NOTHING,
    NOW,
    THREAD,
    YARD,
    admitted,
    command,
    inbound,
    provider_sessions,
    said,
    session,
)


@pytest.mark.parametrize(
    ("what", "situation", "incoming", "outcome"),
    [
        ("a start", NOTHING, command("start"), Accepted),
        ("a second start", LIVE, command("start"), "Alma is already here, started by Ann. Stop it first"),
        ("a start while one leaves", LEAVING, command("start"), "Alma is just leaving. Try again in a moment."),
        ("a start over a sleeping one", ASLEEP, command("start"), Accepted),
        ("a start by a guest", NOTHING, command("start", person=GUEST), "As a guest you can write"),
        ("a start with nonsense", NOTHING, command("start", minutes="many"), "minutes"),
        ("words in the thread", LIVE, said(), Accepted),
        ("a guest's words", LIVE, said(person=GUEST), Accepted),
        ("words in the channel", LIVE, said(place=LOBBY), NoSession),
        ("words in the channel, with a mention", LIVE, said(place=LOBBY, mentioned=True), Accepted),
        ("words to nobody", NOTHING, said(), NoSession),
        ("words elsewhere", LIVE, said(place=YARD, mentioned=True), NoSession),
        ("words while it leaves", LEAVING, said(), "Alma is just leaving"),
        ("words too long", LIVE, said("x" * 1_501), "too long for the avatar"),
        ("a key", LIVE, said(KEY), "That looks like a key"),
        ("a key to nobody", NOTHING, said(KEY, mentioned=True), "That looks like a key"),
        ("a key that is not for us", NOTHING, said(KEY), NoSession),
        ("a key to be said", LIVE, command("say", text=KEY), "That looks like a key"),
        ("words to a sleeping one", ASLEEP, said(), Accepted),
        ("a guest's words to a sleeping one", ASLEEP, said(person=GUEST), "As a guest"),
        ("stop as a word in the thread", LIVE, said("Stop."), Accepted),
        ("stop as a word in the thread, by somebody else", LIVE, said("stop", person=BEN), "Only whoever started"),
        ("interrupt as a word in the thread", LIVE, said("interrupt", person=BEN), Accepted),
        ("interrupt as a word in a sleeping one's thread", ASLEEP, said("interrupt"), "The avatar is asleep."),
        ("stop as a word in the channel", LIVE, said("stop", LOBBY), NoSession),
        ("stop as a word, with a mention", LIVE, said("stop!", LOBBY, BEN, mentioned=True), "Only whoever started"),
        ("stop as a word where nobody is", NOTHING, said("stop"), NoSession),
        ("start as a word, directly", NOTHING, said("Start", LOBBY, direct=True), Accepted),
        ("start as a word, directly, by a guest", NOTHING, said("start", LOBBY, GUEST, direct=True), "As a guest"),
        ("start as a word, with a mention", NOTHING, said("start", LOBBY, mentioned=True), Accepted),
        ("start as a word to others", NOTHING, said("start", LOBBY), NoSession),
        ("help as a word, directly", LIVE, said("help", LOBBY, direct=True), Question),
        ("help as a word to others", LIVE, said("help", LOBBY), NoSession),
        ("say", LIVE, command("say", text="Hello"), Accepted),
        ("say to nobody", NOTHING, command("say", text="Hello"), NoSession),
        ("stop by its starter", LIVE, command("stop"), Accepted),
        ("stop by an admin", LIVE, command("stop", person=BOSS), Accepted),
        ("stop by somebody else", LIVE, command("stop", person=BEN), "Only whoever started the session"),
        ("stop of a sleeping one", ASLEEP, command("stop"), Accepted),
        ("stop of nothing", NOTHING, command("stop"), NoSession),
        ("stop while it leaves", LEAVING, command("stop"), "Alma is just leaving"),
        ("stop by id, from elsewhere", LIVE, command("stop", YARD, session="s1", confirm="yes"), Accepted),
        ("stop with an id left empty", LIVE, command("stop", session=" "), Accepted),
        ("stop by id, not asked back yet", LIVE, command("stop", YARD, session="s1"), Question),
        ("stop by an unknown id", LIVE, command("stop", session="s2"), NoSession),
        ("stop by the id of one that leaves", LEAVING, command("stop", YARD, session="s1"), NoSession),
        ("interrupt of a sleeping one", ASLEEP, command("interrupt"), "The avatar is asleep. Write to it to wake it."),
        ("keep going", LIVE, command("keep-going"), Accepted),
        ("set", LIVE, command("set", speed="1.1"), Accepted),
        ("set to nonsense", LIVE, command("set", speed="fast"), "speed"),
        ("set of nothing", LIVE, command("set"), Refused),
        ("a question", LIVE, command("status"), Question),
        ("an unknown verb", LIVE, command("dance"), Question),
        ("a correction", LIVE, inbound(MessageEdited(MessageRef(THREAD, "m1"), "Hello!")), Question),
        ("a withdrawal", LIVE, inbound(MessageDeleted(MessageRef(THREAD, "m1"))), Question),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_table(what: str, situation: Situation, incoming: Inbound, outcome: type[Outcome] | str) -> None:
    (came,), written = admitted(situation, incoming)
    if isinstance(outcome, str):
        assert isinstance(came, Refused), what
        assert outcome in came.sentence
    else:
        assert isinstance(came, outcome), what
    taken = [row.inbound for row in written.rows if row.verb != WITHDRAW]
    assert taken == ([incoming] if isinstance(came, Accepted) else [])


def test_where_the_conversation_has_ended_its_authors_are_told() -> None:
    over = replace(session(SessionStatus.ENDED), thread=LOBBY, ended_at=NOW - timedelta(days=3))
    there = replace(NOTHING, ended={LOBBY: over})
    outcomes, _ = admitted(there, said("Hello?", LOBBY, direct=True), said("Lunch?", LOBBY))
    assert outcomes == [Question("s1"), NoSession(HOW_TO_START)]
    (unposted,), _ = admitted(there, inbound(MessagePosted("Hello?", direct=True, via="the viewer"), LOBBY))
    assert unposted == NoSession("Alma's session has ended.")
    (started,), _ = admitted(there, said("start", LOBBY, direct=True))
    assert isinstance(started, Accepted)


@pytest.mark.parametrize("text", ["stop", "Interrupt!", " stop. "])
def test_a_bare_word_becomes_its_command_and_is_never_spoken(text: str) -> None:
    _, written = admitted(LIVE, said(text))
    assert [(row.verb, row.body, row.message) for row in written.rows] == [(text.strip(" .!").lower(), {}, None)]


@pytest.mark.parametrize("text", ["Please stop", "stop it", "stop " + "!" * 5_000, "help", "start"])
def test_other_words_in_the_thread_are_spoken(text: str) -> None:
    _, written = admitted(LIVE, said(text[:1_500]))
    assert [row.verb for row in written.rows] == ["say"]


def test_an_event_is_accepted_once_ever() -> None:
    first, known = command("start"), said()
    situation = replace(LIVE, known=frozenset({("fake", "W1", known.event_id)}))
    assert [type(o) for o in admitted(NOTHING, first, first)[0]] == [Accepted, Duplicate]
    assert admitted(situation, known)[0] == [Duplicate()]


def test_a_refused_event_may_be_tried_again() -> None:
    words = said()
    assert [type(o) for o in admitted(NOTHING, words, words)[0]] == [NoSession, NoSession]


def test_the_same_event_id_of_another_workspace_is_another_event() -> None:
    ours = command("start")
    theirs = replace(ours, place=replace(LOBBY, workspace_id="W2"))
    both = {("fake", "W1"): True, ("fake", "W2"): True}
    assert [type(o) for o in admitted(replace(NOTHING, allowed=both), ours, theirs)[0]] == [Accepted, Accepted]


def test_of_two_starts_in_a_batch_the_first_wins() -> None:
    (first, second, words), written = admitted(
        NOTHING, command("start"), command("start", person=BEN), said(place=LOBBY, mentioned=True)
    )
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert isinstance(words, Accepted)
    assert words.session_id == first.session_id == written.starts[0].id
    assert written.used == {first.session_id}


def test_a_thread_is_looked_up_before_a_place() -> None:
    started_there = replace(session(place=THREAD, id_="placed"), thread=LOBBY.in_thread("t2"))
    talks_there = session(id_="talks")
    (came,), _ = admitted(provider_sessions(started_there, talks_there), said(mentioned=True))
    assert isinstance(came, Accepted)
    assert came.session_id == "talks"


@pytest.mark.parametrize(("listening", "heard"), [("thread", False), ("channel", True), ("mention", False)])
def test_a_channel_says_whether_it_listens_outside_the_thread(listening: str, heard: bool) -> None:
    situation = replace(LIVE, settings={LOBBY: ChannelSettings(listening=listening)})
    (came,), _ = admitted(situation, said(place=LOBBY))
    assert isinstance(came, Accepted) is heard


def test_where_only_mentions_count_the_thread_is_not_listened_to() -> None:
    situation = replace(LIVE, settings={LOBBY: ChannelSettings(listening="mention")})
    assert admitted(situation, said())[0] == [NoSession(HOW_TO_START)]


def test_a_channels_list_says_who_may_start() -> None:
    situation = replace(NOTHING, settings={LOBBY: ChannelSettings(allow=AllowList(frozenset({"ben"})))})
    (anns, bens), _ = admitted(situation, command("start"), command("start", person=BEN))
    assert isinstance(anns, Refused)
    assert isinstance(bens, Accepted)


def test_a_session_of_another_workspace_cannot_be_named() -> None:
    elsewhere = replace(LOBBY, workspace_id="W2")
    (came,), _ = admitted(LIVE, command("stop", elsewhere, BOSS, session="s1"))
    assert came == NoSession("No session “s1” is live in this workspace.")


def test_a_sleeping_session_yields_to_a_new_start() -> None:
    (came,), written = admitted(ASLEEP, command("start"))
    assert isinstance(came, Accepted)
    assert written.ends == {"s1": EndReason.REPLACED}
    assert [new.place for new in written.starts] == [LOBBY]


def test_a_sleeping_session_that_is_stopped_hears_nothing_more() -> None:
    (stopped, words), written = admitted(ASLEEP, command("stop"), said())
    assert isinstance(stopped, Accepted)
    assert isinstance(words, NoSession)
    assert written.ends == {"s1": EndReason.STOPPED}
    assert not written.wakes


def test_a_bad_correction_changes_nothing() -> None:
    ref = MessageRef(THREAD, "m1")
    _, written = admitted(
        LIVE,
        *(
            inbound(body)
            for body in (
                MessageEdited(ref, "x" * 1_501),
                MessageEdited(ref, KEY),
                MessageEdited(ref, "Hi"),
                MessageDeleted(ref),
            )
        ),
    )
    assert [edit.text for edit in written.edits] == ["Hi"]
    assert written.withdrawals == [ref]


def test_a_sleeping_avatar_has_nothing_to_be_withdrawn() -> None:
    _, written = admitted(ASLEEP, inbound(MessageDeleted(MessageRef(THREAD, "m1"))))
    assert written.withdrawals
    assert not written.rows


def test_the_run_hears_of_deletions_in_its_channel() -> None:
    _, written = admitted(LIVE, inbound(MessageDeleted(MessageRef(THREAD, "m1"))))
    assert [(row.session_id, row.verb, row.body) for row in written.rows] == [("s1", WITHDRAW, {"message": "m1"})]
    assert written.used == set()
