import pytest

from bot.commands.catalogue import Verb
from bot.commands.help import help_on
from bot.commands.verbs import CATALOGUE, TOPICS


def test_all_verbs_fit_on_one_screen() -> None:
    reply = help_on(catalogue=CATALOGUE.on_platform(()))
    lines = [line for section in reply.sections for line in (section.title, *section.lines)]
    assert len(lines) <= 25
    assert all(len(line) <= 100 for line in lines)
    assert lines[:2] == ["Talk", "/avatar start: Start a live avatar here"]
    assert "/avatar knowledge list: What avatars know (also show, create, update, delete, use)" in lines


def test_each_entry_has_one_topic() -> None:
    listed = [entry for entries in TOPICS.values() for entry in entries]
    assert sorted(listed) == sorted(CATALOGUE.entries)


def test_a_smaller_catalogue_needs_less_help() -> None:
    reply = help_on(catalogue=CATALOGUE.only("start", "stop", "help"), command="@Avatar")
    assert reply.whole_text.splitlines() == [
        "More about a command: @Avatar help COMMAND",
        "",
        "Talk",
        "@Avatar start: Start a live avatar here",
        "@Avatar stop: Stop the avatar and end the session",
        "",
        "Account",
        "@Avatar help: Show what you can do",
    ]


@pytest.mark.parametrize("verb", CATALOGUE.verbs, ids=lambda verb: verb.name)
def test_every_verb_is_explained(verb: Verb) -> None:
    text = help_on(verb.name).text
    assert text.startswith(f"/avatar {verb.name}: {verb.summary}")
    assert text.endswith(f"Example: /avatar {verb.example}")
    assert all(f"\n  {option.name}: {option.summary}" in text for option in verb.options)


def test_one_verb_in_detail() -> None:
    assert help_on("Act").text == (
        "/avatar act: Make a gesture or a face (ultra avatars only)\n"
        "  action: A gesture; hand_wave, cheer, thumbs_up, pump_fists, nod, shake, waft_left or waft_right\n"
        "  expression: A face; angry, disgust, fear, happiness, sadness, surprise or contempt\n"
        "Example: /avatar act hand_wave happiness"
    )
    assert "  text: What to say; needed" in help_on("say").text
    assert "For admins." in help_on("knowledge  delete").text
    assert "For whoever started the session, and admins." in help_on("stop").text


def test_a_group_shows_its_actions() -> None:
    (section,) = help_on("knowledge").sections
    assert section.title == "What avatars know"
    assert section.lines[:2] == ("/avatar knowledge list: Show the knowledge bases", "/avatar knowledge show: Show one")


def test_an_unknown_verb_names_the_nearest_and_shows_all() -> None:
    reply = help_on("strat")
    assert reply.text == "I do not know “strat”. Did you mean “start”?"
    assert reply.sections == help_on().sections
