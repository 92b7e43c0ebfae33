import re
from collections.abc import Iterator

import pytest

from bot.commands.catalogue import Catalogue, Option, OptionType, Verb
from bot.commands.verbs import CATALOGUE, GROUPS
from bot.domain.conversations import PlatformFeature
from bot.domain.posts import CardAction

# Discord's limits, https://discord.com/developers/docs/interactions/application-commands
NAME = re.compile(r"[-_a-z0-9]{1,32}")
OPTIONS = CHOICES = ENTRIES = 25
COMMAND_CHARACTERS = 8_000

verbs = pytest.mark.parametrize("verb", CATALOGUE.verbs, ids=lambda verb: verb.name)


def every_option() -> Iterator[tuple[Verb, Option]]:
    return ((verb, option) for verb in CATALOGUE.verbs for option in verb.options)


def test_it_has_the_verbs_of_the_design() -> None:
    assert list(CATALOGUE.entries) == [
        "start",
        "stop",
        "say",
        "interrupt",
        "set",
        "act",
        "watch",
        "join",
        "leave",
        "extend",
        "status",
        "avatars",
        "voices",
        "languages",
        "knowledge",
        "upload",
        "sessions",
        "transcript",
        "forget",
        "defaults",
        "usage",
        "account",
        "help",
    ]


def test_voice_is_offered_where_the_platform_has_it() -> None:
    voice = frozenset({PlatformFeature.VOICE_CHANNELS})
    assert {"join", "leave", "start"} <= set(CATALOGUE.on_platform(voice).names)
    assert CATALOGUE.on_platform(()).names == tuple(name for name in CATALOGUE.names if name not in {"join", "leave"})


@verbs
def test_a_verb_fits_a_native_command(verb: Verb) -> None:
    assert all(NAME.fullmatch(word) for word in verb.name.split(" "))
    assert len(verb.name.split(" ")) <= 2
    assert 1 <= len(verb.summary) <= 100
    assert len(verb.options) <= OPTIONS
    assert len({option.name for option in verb.options}) == len(verb.options)


@verbs
def test_required_options_come_first(verb: Verb) -> None:
    required = [option.required for option in verb.options]
    assert required == sorted(required, reverse=True)


@verbs
def test_the_example_begins_with_the_verb(verb: Verb) -> None:
    assert verb.example.startswith(verb.name)


@pytest.mark.parametrize(("verb", "option"), list(every_option()), ids=lambda named: named.name)
def test_an_option_fits_a_native_command(verb: Verb, option: Option) -> None:
    assert NAME.fullmatch(option.name)
    assert 1 <= len(option.summary) <= 100
    assert len(option.choices) <= CHOICES
    assert all(1 <= len(choice) <= 100 for choice in option.choices)
    assert bool(option.choices) == (option.type is OptionType.CHOICE)
    assert (option.min is not None) == (option.type in (OptionType.NUMBER, OptionType.INTEGER))
    assert (option.max is not None) == (option.min is not None)


def test_the_whole_command_fits() -> None:
    words = sum(len(name) + len(summary) for name, summary in GROUPS.items())
    words += sum(len(verb.action) + len(verb.summary) for verb in CATALOGUE.verbs)
    for _, option in every_option():
        words += len(option.name) + len(option.summary) + sum(2 * len(choice) for choice in option.choices)
    assert words <= COMMAND_CHARACTERS
    assert len(CATALOGUE.entries) <= ENTRIES


def test_every_group_has_its_summary() -> None:
    assert {verb.group for verb in CATALOGUE.verbs if verb.group} == set(GROUPS)
    assert all(1 <= len(summary) <= 100 for summary in GROUPS.values())


def test_every_button_of_a_card_is_a_verb() -> None:
    assert {action.value for action in CardAction} <= set(CATALOGUE.names)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("start", "start"),
        ("START", "start"),
        ("keep_going", "extend"),
        ("extend", "extend"),
        ("knowledge show", "knowledge show"),
        ("knowledge", "knowledge list"),
    ],
)
def test_a_verb_is_found_however_it_is_typed(typed: str, name: str) -> None:
    verb = CATALOGUE.verb(typed)
    assert verb is not None
    assert verb.name == name


def test_an_unknown_verb_is_not_found() -> None:
    assert CATALOGUE.verb("dance") is None


def test_two_words_name_an_action_of_a_group() -> None:
    show, start = CATALOGUE.entries["knowledge"][1], CATALOGUE.entries["start"][0]
    assert (show.group, show.action) == ("knowledge", "show")
    assert (start.group, start.action) == ("", "start")


def test_a_smaller_catalogue_has_only_what_is_named() -> None:
    small = CATALOGUE.only("start", "knowledge")
    assert small.verb("stop") is None
    assert small.names[0] == "start"
    assert len(small.names) == 7
    with pytest.raises(KeyError, match="dance"):
        CATALOGUE.only("dance")


def test_an_option_is_found_however_it_is_typed() -> None:
    verb = Verb("do", "Do", "do", options=(Option("stt_type", "How"),), label="Do")
    assert verb.option("STT-Type") is verb.options[0]
    assert verb.option("other") is None
    assert Catalogue([verb]).verb("do") is verb
