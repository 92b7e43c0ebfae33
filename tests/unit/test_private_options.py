"""A key of a workspace's own is given in a form: it is no option of a slash command, and no line that holds it is taken."""

import json

import pytest

from adapters.discord import forms as discord_forms
from adapters.discord.commands import commands
from adapters.playground.inbound import shown_verbs
from adapters.slack import forms as slack_forms
from adapters.slack.inbound import wanted
from bot.commands.parser import ParseError, parse
from bot.commands.policy import Policy
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, ConversationRef, Membership

BARE = Command("account key")
KEY = "their-own-key-4711"


@pytest.mark.parametrize(
    "line", [f"account key {KEY}", f"account key account_key:{KEY}", f"account key --account-key {KEY}"]
)
def test_a_typed_key_is_refused_and_not_repeated(line: str) -> None:
    refused = parse(line)
    assert isinstance(refused, ParseError)
    assert "is taken in a form only" in refused.sentence
    assert KEY not in refused.sentence


@pytest.mark.parametrize("said", [f"/avatar account key {KEY}", f"account_key: {KEY}"])
def test_a_key_among_messages_is_not_kept(said: str) -> None:
    assert Policy().may_write(said) is not None


def test_discord_asks_for_it_in_a_form_only() -> None:
    assert "account_key" not in json.dumps(commands())
    verb = discord_forms.wanted(BARE)
    assert verb is not None
    assert "account_key" in json.dumps(discord_forms.form(verb, {}))


def test_slack_asks_for_it_in_a_form_only() -> None:
    verb = wanted("account key", BARE)
    assert verb is not None
    assert "account_key" in json.dumps(slack_forms.form(verb, ConversationRef("slack", "T1", "C1")))


def test_the_playground_offers_no_field_for_it() -> None:
    (shown,) = [verb for verb in shown_verbs(Membership.ADMIN, CATALOGUE) if verb.name == "account key"]
    assert shown.options == ()
