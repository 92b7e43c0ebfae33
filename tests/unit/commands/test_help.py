import pytest

from bot.commands.catalogue import CATALOGUE
from bot.commands.help import help_text
from bot.commands.verb import Verb


def test_all_verbs_fit_on_one_screen() -> None:
    lines = help_text("/avatar").splitlines()
    assert len(lines) <= 25
    assert all(len(line) <= 100 for line in lines)
    assert lines[0] == "/avatar start: Start a live avatar here"
    assert "/avatar knowledge: What avatars know (list, show, create, update, delete, use)" in lines


def test_a_smaller_catalogue_needs_less_help() -> None:
    text = help_text("@Avatar", catalogue=CATALOGUE.only("start", "stop", "help"))
    assert text.splitlines() == [
        "@Avatar start: Start a live avatar here",
        "@Avatar stop: Stop the avatar and end the session",
        "@Avatar help: Show what you can do",
        "More about one of them: @Avatar help start",
    ]


@pytest.mark.parametrize("verb", CATALOGUE.verbs, ids=lambda verb: verb.name)
def test_every_verb_is_explained(verb: Verb) -> None:
    text = help_text("/avatar", verb.name)
    assert text.startswith(f"/avatar {verb.name}: {verb.summary}")
    assert text.endswith(f"Example: /avatar {verb.example}")
    assert all(f"\n  {option.name}: {option.summary}" in text for option in verb.options)


def test_one_verb_in_detail() -> None:
    assert help_text("/avatar", "Act") == (
        "/avatar act: Make a gesture or a face (ultra avatars only)\n"
        "  action: A gesture; hand_wave, cheer, thumbs_up, pump_fists, nod, shake, waft_left or waft_right\n"
        "  expression: A face; angry, disgust, fear, happiness, sadness, surprise or contempt\n"
        "Example: /avatar act hand_wave happiness"
    )
    assert "  text: What to say; needed" in help_text("/avatar", "say")
    assert "For admins." in help_text("/avatar", "knowledge  delete")
    assert "For whoever started the session, and admins." in help_text("/avatar", "stop")


def test_a_group_shows_its_actions() -> None:
    lines = help_text("/avatar", "knowledge").splitlines()
    assert lines[0] == "/avatar knowledge: What avatars know"
    assert lines[1:3] == ["/avatar knowledge list: Show the knowledge bases", "/avatar knowledge show: Show one"]


def test_an_unknown_verb_names_the_nearest_and_shows_all() -> None:
    lines = help_text("/avatar", "strat").splitlines()
    assert lines[0] == "I do not know “strat”. Did you mean “start”?"
    assert len(lines) <= 25
