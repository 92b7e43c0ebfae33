"""What a token looks like, what a place is called, and who a program with a token is."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.api_tokens import ApiToken, digest_of, is_well_formed, new_secret
from bot.domain.conversations import Allowance, ConversationRef, Membership, place_named
from bot.redaction import HIDDEN, REDACTOR, holds_key

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
CHANNEL = ConversationRef("slack", "T1", "C1")


def test_no_two_tokens_are_alike_and_all_are_well_formed() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == len({digest_of(secret) for secret in made}) == 100
    assert all(map(is_well_formed, made))


def test_a_token_with_another_letter_is_none() -> None:
    secret = new_secret()
    changed = secret[:10] + ("A" if secret[10] != "A" else "B") + secret[11:]
    assert not any(map(is_well_formed, (changed, secret[:-1], secret + "A", "", secret.upper(), f" {secret}")))


@given(st.text(max_size=80))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert not is_well_formed(text)


def test_a_token_is_hidden_and_never_spoken() -> None:
    secret = new_secret()
    assert REDACTOR.text(f"it was {secret}.") == f"it was {HIDDEN}."
    assert holds_key(secret)


@pytest.mark.parametrize("place", [CHANNEL, CHANNEL.in_thread("17.5"), ConversationRef("discord", "1", "*")])
def test_a_place_is_read_as_it_is_called(place: ConversationRef) -> None:
    assert place_named(str(place)) == place


@pytest.mark.parametrize("name", ["", "slack", "slack/T1", "slack//C1", "a/b/c/d/e", "slack/T1/C 1", "s/T/" + "C" * 65])
def test_what_is_no_place_is_none(name: str) -> None:
    assert place_named(name) is None


def test_a_program_is_somebody_of_its_own() -> None:
    token = ApiToken("release-bot", (CHANNEL,), ("say",), 30, NOON, NOON + timedelta(days=1))
    person = token.person
    assert (person.id, person.name, person.standing) == ("api:release-bot", "release-bot, by API", Membership.MEMBER)
    assert person.allowance == Allowance(frozenset({"say"}), 30)
    assert not token.expired_at(NOON)
    assert token.expired_at(NOON + timedelta(days=1))
