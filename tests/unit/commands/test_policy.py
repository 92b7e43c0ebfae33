from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.catalogue import Verb
from bot.commands.policy import SECRET, AllowList, Limits, Policy, Spent, Workspace, at_least, role_of, shows_secret
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Membership, Person, PlatformFeature, Refused, Role

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
POLICY = Policy()
OURS = Workspace("slack", "T1", funded=True)
THEIRS = Workspace("discord", "123", funded=False)

GUEST = Person("U0", "Guest", Membership.OUTSIDER)
MEMBER = Person("U1", "Ann", Membership.MEMBER, groups=frozenset({"G1"}))
ADMIN = Person("U2", "Admin", Membership.ADMIN)

verbs = st.sampled_from(CATALOGUE.names)
roles = st.sampled_from(Role)
counts = st.integers(0, 20)


def sentence(decision: Refused | None) -> str:
    assert decision is not None
    return decision.sentence


@pytest.mark.parametrize(
    ("person", "role"),
    [(GUEST, Role.OUTSIDER), (MEMBER, Role.MEMBER), (ADMIN, Role.ADMIN)],
    ids=str,
)
def test_a_role_is_the_standing(person: Person, role: Role) -> None:
    assert role_of(person) == role_of(person, "somebody else") == role


def test_unknown_people_are_outsiders_and_may_retry() -> None:
    unknown = Person("u", "someone", Membership.UNKNOWN)
    assert role_of(unknown, unknown.id) is Role.UNKNOWN
    assert "try again" in sentence(POLICY.may_start(unknown, OURS))
    for verb in POLICY.catalogue.verbs:
        as_unknown, as_outsider = POLICY.may(verb.name, Role.UNKNOWN, OURS), POLICY.may(verb.name, Role.OUTSIDER, OURS)
        assert (as_unknown is None) == (as_outsider is None)


def test_a_member_is_its_starter_a_guest_never() -> None:
    assert role_of(MEMBER, MEMBER.id) is Role.STARTER
    assert role_of(ADMIN, ADMIN.id) is Role.ADMIN
    assert role_of(GUEST, GUEST.id) is Role.OUTSIDER


OF_ACCOUNTS = {"account show", "account key", "account remove"}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.OUTSIDER, {"say", "watch", "status", "forget me", "help"}),
        (
            Role.MEMBER,
            set(CATALOGUE.names)
            - OF_ACCOUNTS
            - {
                "stop",
                "forget session",
                "knowledge delete",
                "defaults elevenlabs",
                "defaults access",
                "defaults words",
                "defaults reset",
            },
        ),
        (
            Role.STARTER,
            set(CATALOGUE.names)
            - OF_ACCOUNTS
            - {"knowledge delete", "defaults elevenlabs", "defaults access", "defaults words", "defaults reset"},
        ),
        (Role.ADMIN, set(CATALOGUE.names)),
    ],
)
def test_the_table(role: Role, allowed: set[str]) -> None:
    assert {verb for verb in CATALOGUE.names if POLICY.may(verb, role, OURS) is None} == allowed


@given(verbs, roles, roles)
def test_who_ranks_higher_never_may_less(verb: str, lower: Role, higher: Role) -> None:
    if at_least(higher, lower) and POLICY.may(verb, lower, OURS) is None:
        assert POLICY.may(verb, higher, OURS) is None


def test_a_refusal_says_who_may() -> None:
    assert "guest" in sentence(POLICY.may("start", Role.OUTSIDER, OURS))
    assert "whoever started" in sentence(POLICY.may("stop", Role.MEMBER, OURS))
    assert "Only an admin" in sentence(POLICY.may("defaults access", Role.STARTER, OURS))
    assert "not available" in sentence(POLICY.may("dance", Role.ADMIN, OURS))


def test_what_is_not_in_the_catalogue_nobody_may() -> None:
    small = Policy(catalogue=CATALOGUE.only("start"))
    assert small.may("start", Role.MEMBER, OURS) is None
    assert small.may("stop", Role.ADMIN, OURS) is not None


def test_only_what_somebody_may_is_offered_to_them() -> None:
    guests, admins = POLICY.offered(Role.OUTSIDER, OURS).names, POLICY.offered(Role.ADMIN, OURS).names
    assert "say" in guests
    assert "start" not in guests
    assert set(guests) < set(admins) == set(CATALOGUE.names)


def test_a_member_may_start_and_a_guest_may_not() -> None:
    assert POLICY.may_start(MEMBER, OURS) is None
    assert POLICY.may_start(GUEST, OURS) is not None


@pytest.mark.parametrize(
    ("spent", "words"),
    [
        (Spent(person_minutes=60), "You have used your 60 minutes for today"),
        (Spent(person_minutes=59.5), "You have used your 60 minutes for today"),
        (Spent(person_minutes=60, held_minutes=10), "used or set aside for sessions that run"),
        (Spent(sessions=5), "5 avatars are live in this workspace already, which is the limit. Try again when"),
        (Spent(account_sessions=20), "All places for live avatars are taken"),
        (Spent(sessions_in_all=500), "All places for live avatars are taken"),
    ],
)
def test_limits_are_told(spent: Spent, words: str) -> None:
    assert words in sentence(POLICY.may_start(MEMBER, OURS, spent=spent))


def test_just_below_the_limits_is_fine() -> None:
    assert POLICY.may_start(MEMBER, OURS, spent=Spent(person_minutes=59, sessions=4)) is None


def test_where_nobody_allowed_it_the_sentence_says_what_does() -> None:
    refused = sentence(POLICY.may_start(ADMIN, THEIRS))
    assert refused.endswith("avatarbot workspaces allow discord 123")
    assert POLICY.may_extend(ADMIN, THEIRS) is not None


@pytest.mark.parametrize("verb", CATALOGUE.verbs, ids=lambda verb: verb.name)
def test_what_costs_is_for_workspaces_that_are_allowed(verb: Verb) -> None:
    assert (POLICY.may(verb.name, Role.ADMIN, THEIRS) is not None) == verb.costs
    assert POLICY.may(verb.name, Role.ADMIN, OURS) is None


def test_what_costs_is_known() -> None:
    """What uses money, creates at the account, or shows what belongs to it."""
    free = {
        "stop",
        "say",
        "interrupt",
        "act",
        "join",
        "leave",
        "watch",
        "status",
        "sessions",
        "transcript",
        "usage",
        "help",
    }
    free |= OF_ACCOUNTS | {
        "forget me",
        "forget session",
        "defaults show",
        "defaults voice",
        "defaults elevenlabs",
        "defaults access",
        "defaults words",
        "defaults reset",
    }
    assert {verb.name for verb in CATALOGUE.verbs if not verb.costs} == free


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [
        (AllowList(), True),
        (AllowList(people=frozenset({"U1"})), True),
        (AllowList(groups=frozenset({"G1", "G9"})), True),
        (AllowList(people=frozenset({"U9"})), False),
        (AllowList(groups=frozenset({"G9"})), False),
        (AllowList(unresolved=("opps",)), False),
        (AllowList(people=frozenset({"U1"}), unresolved=("opps",)), True),
    ],
)
def test_an_allow_list_names_who_may_start(allow: AllowList, allowed: bool) -> None:
    assert (POLICY.may_start(MEMBER, OURS, allow=allow) is None) == allowed
    assert POLICY.may_start(ADMIN, OURS, allow=allow) is None


def test_a_name_that_does_not_resolve_is_told() -> None:
    assert "“opps”" in sentence(POLICY.may_start(MEMBER, OURS, allow=AllowList(unresolved=("opps",))))


def test_minutes_are_what_was_asked_for_while_the_day_lasts() -> None:
    assert POLICY.minutes(None) == 10
    assert POLICY.minutes(30) == 30
    assert POLICY.minutes(30, Spent(person_minutes=45.5)) == 14
    assert POLICY.minutes(30, Spent(person_minutes=90)) == 0


def test_a_message_may_be_as_long_as_the_limit() -> None:
    assert POLICY.may_say(Role.OUTSIDER, "x" * 1_500) is None
    assert "1,501 characters, and at most 1,500" in sentence(POLICY.may_say(Role.ADMIN, "x" * 1_501))


def test_only_so_many_messages_wait() -> None:
    assert POLICY.may_say(Role.MEMBER, "Hi", waiting=9, waiting_of_person=2) is None
    assert "3 of your messages" in sentence(POLICY.may_say(Role.MEMBER, "Hi", waiting=3, waiting_of_person=3))
    assert "10 messages wait" in sentence(POLICY.may_say(Role.MEMBER, "Hi", waiting=10, waiting_of_person=1))


def test_a_first_message_is_kept_out_by_people_only() -> None:
    assert POLICY.may_say(Role.MEMBER, "Hi", waiting=17, authors=9) is None
    assert "18 messages wait" in sentence(POLICY.may_say(Role.MEMBER, "Hi", waiting=18, authors=10))


def test_nobody_may_say_anything_where_say_is_not_offered() -> None:
    assert Policy(catalogue=CATALOGUE.only("start")).may_say(Role.ADMIN, "Hi") is not None


def test_a_message_that_waited_too_long_is_handed_back() -> None:
    assert POLICY.too_old(NOW - timedelta(seconds=60), NOW) is None
    assert "60 seconds" in sentence(POLICY.too_old(NOW - timedelta(seconds=61), NOW))


people = st.builds(
    Person,
    id=st.sampled_from(["U1", "U2", "U3"]),
    name=st.just("x"),
    standing=st.sampled_from(Membership),
    groups=st.frozensets(st.sampled_from(["G1", "G2"])),
)
allow_lists = st.builds(
    AllowList,
    people=st.frozensets(st.sampled_from(["U1", "U2"])),
    groups=st.frozensets(st.sampled_from(["G1", "G2"])),
    unresolved=st.lists(st.just("opps"), max_size=1),
)
spendings = st.builds(Spent, person_minutes=st.integers(0, 90), sessions=st.integers(0, 9))


@given(people, allow_lists, spendings, st.sampled_from((OURS, THEIRS)))
def test_nobody_starts_beyond_a_limit(person: Person, allow: AllowList, spent: Spent, workspace: Workspace) -> None:
    if POLICY.may_start(person, workspace, allow=allow, spent=spent) is None:
        assert workspace.funded
        assert person.standing is not Membership.OUTSIDER
        assert spent.sessions < 5
        assert 1 <= POLICY.minutes(60, spent) <= 60 - spent.person_minutes
        assert person.standing is Membership.ADMIN or allow.everybody or allow.has(person)


@given(people, allow_lists, spendings, spendings)
def test_who_spent_less_never_may_less(person: Person, allow: AllowList, one: Spent, other: Spent) -> None:
    less = Spent(min(one.person_minutes, other.person_minutes), sessions=min(one.sessions, other.sessions))
    if POLICY.may_start(person, OURS, allow=allow, spent=one) is None:
        assert POLICY.may_start(person, OURS, allow=allow, spent=less) is None


@given(roles, st.text(max_size=30), counts, counts, st.integers(0, 20))
def test_raising_a_limit_never_refuses_more(role: Role, text: str, waiting: int, own: int, more: int) -> None:
    tight, wide = Policy(Limits(waiting=5, characters=10)), Policy(Limits(waiting=5 + more, characters=10 + more))
    if tight.may_say(role, text, waiting=waiting, waiting_of_person=own) is None:
        assert wide.may_say(role, text, waiting=waiting, waiting_of_person=own) is None


def test_what_is_too_long_is_not_searched_for_secrets() -> None:
    policy = Policy(limits=Limits(characters=100))
    key = "sk-" + "a" * 20
    assert policy.may_write(key) == SECRET
    assert policy.may_write("a " * 50 + key) is None
    assert "too long" in str(policy.may_say(Role.MEMBER, "a " * 50 + key))


@pytest.mark.parametrize(
    "text",
    [
        "defaults elevenlabs api_key:0123456789abcdef",
        "defaults elevenlabs 0123456789abcdef",
        "Defaults-ElevenLabs model:eleven_flash_v2_5 apikey=0123 nonsense:1",
        "/avatar defaults elevenlabs 0123456789abcdef",
        "here it is: API-Key: 0123456789abcdef",
        "defaults elevenlbas --api-key 0123456789abcdef",
        "my key is sk_0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjY0In0.c2lnbmF0dXJl",
    ],
)
def test_a_secret_is_noticed(text: str) -> None:
    assert shows_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "Good morning",
        "defaults elevenlabs",
        "help defaults elevenlabs",
        "What does defaults elevenlabs do?",
        "Where do I find my api_key?",
        "The key: be on time. A basic idea, and sk-8 is a road.",
        "defaults voice speed:1.1",
    ],
)
def test_ordinary_words_are_none(text: str) -> None:
    assert not shows_secret(text)


def test_a_platform_without_voice_channels_offers_none() -> None:
    assert "join" in POLICY.on_platform(frozenset(PlatformFeature)).catalogue.entries
    assert "join" not in POLICY.on_platform(frozenset()).catalogue.entries
