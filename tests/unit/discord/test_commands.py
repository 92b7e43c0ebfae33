"""The catalogue as native commands: whole, and within Discord's limits before Discord says so."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from adapters.discord.commands import COMMAND_LENGTH, SAY_THIS, commands
from adapters.discord.forms import FORMS, INPUTS_LIMIT, filled, form, wanted
from bot.commands.catalogue import Catalogue, Option, OptionType, Verb
from bot.commands.verbs import CATALOGUE, VERBS
from bot.domain.conversations import Command

Json = dict[str, Any]


def leaves(command: Json) -> Iterator[tuple[str, Json]]:
    for entry in command["options"]:
        if entry["type"] == 2:
            yield from ((f"{entry['name']} {action['name']}", action) for action in entry["options"])
        else:
            yield entry["name"], entry


def option(verb: str, name: str) -> Json:
    found: Json = next(o for o in dict(leaves(commands()[0]))[verb]["options"] if o["name"] == name)
    return found


def test_every_verb_can_be_used_with_every_option() -> None:
    native = {name: {option["name"] for option in leaf.get("options", ())} for name, leaf in leaves(commands()[0])}

    # what is private is asked for in a form: whoever types it into a command shows it to others
    assert native == {verb.name: {o.name for o in verb.options if not o.private} for verb in CATALOGUE.verbs}


def test_options_are_typed() -> None:
    assert option("start", "minutes") == {
        "type": 4,
        "name": "minutes",
        "description": "Minutes paid at a time, 1 to 60",
        "min_value": 1,
        "max_value": 60,
    }
    assert option("set", "speed")["type"] == 10
    assert [choice["value"] for choice in option("start", "mode")["choices"]] == ["dialogue", "retelling"]
    assert option("start", "avatar")["autocomplete"] is True
    assert option("knowledge show", "knowledge")["required"] is True


def test_an_argument_of_a_form_is_optional_in_commands() -> None:
    assert "required" not in option("say", "text")


def test_messages_have_a_menu_command() -> None:
    slash, menu = commands()
    assert (menu["type"], menu["name"]) == (3, SAY_THIS)
    assert slash["contexts"] == menu["contexts"] == [0]
    assert commands(direct_messages=True)[0]["contexts"] == [0, 1]


def odd(**changes: Any) -> Verb:
    return replace(Verb("odd", "Something odd", "odd", label="Odd"), **changes)


@pytest.mark.parametrize(
    ("verbs", "limit"),
    [
        ([odd(summary="x" * 101)], "at most 100 characters"),
        ([odd(summary="")], "at most 100 characters"),
        ([odd(name="Odd!")], "is no name"),
        ([odd(name="o" * 33)], "is no name"),
        ([odd(options=tuple(Option(f"o{n}", "x") for n in range(26)))], "26 options"),
        ([odd(options=(Option("a", "x"), Option("a", "y")))], "two options of one name"),
        (
            [odd(options=(Option("a", "x", OptionType.CHOICE, choices=tuple(map(str, range(26)))),))],
            "26 choices",
        ),
        ([odd(options=(Option("a", "x", OptionType.CHOICE, choices=("y" * 101,)),))], "more than 100"),
        ([odd(name=f"odd{n}") for n in range(26)], "26 options"),
        ([odd(name=f"odd{n}", options=tuple(Option(f"o{o}", "x" * 99) for o in range(5))) for n in range(17)], "8000"),
    ],
)
def test_what_discord_would_refuse_is_refused_here(verbs: list[Verb], limit: str) -> None:
    with pytest.raises(ValueError, match=limit):
        commands(catalogue=Catalogue(verbs))


def test_the_catalogue_leaves_room_for_more() -> None:
    def size(node: Json) -> int:
        own = len(node["name"]) + len(node.get("description", ""))
        choices = sum(len(c["name"]) + len(c["value"]) for c in node.get("choices", ()))
        return own + choices + sum(map(size, node.get("options", ())))

    assert size(commands()[0]) < COMMAND_LENGTH * 0.75


# ---------------------------------------------------------------- forms


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_form_asks_for_all_options_of_its_verb(name: str) -> None:
    verb = CATALOGUE.verb(name)
    assert verb is not None
    shown = form(verb, {"text": "Hello"})

    fields = [label["component"] for label in shown["components"]]
    assert [field["custom_id"] for field in fields] == [option.name for option in verb.options]
    assert [field["required"] for field in fields] == [option.required for option in verb.options]
    assert len(fields) <= INPUTS_LIMIT
    assert all(1 <= len(label["label"]) <= 45 and len(label["description"]) <= 100 for label in shown["components"])
    assert all(field["max_length"] <= 4_000 for field in fields if "max_length" in field)  # a select has none


def test_a_form_opens_for_what_is_missing_only() -> None:
    assert wanted(Command("say")) is CATALOGUE.verb("say")
    assert wanted(Command("say", {"text": "Hello"})) is None
    assert wanted(Command("start")) is None


def test_a_form_comes_back_as_its_command() -> None:
    verb = next(verb for verb in VERBS if verb.name == "knowledge create")
    shown = form(verb, {"name": "FAQ"})
    for label in shown["components"]:
        label["component"]["value"] = {"name": " FAQ ", "prompt": "Be kind.\nBe brief."}.get(
            label["component"]["custom_id"], ""
        )

    assert filled(shown) == Command("knowledge create", {"name": "FAQ", "prompt": "Be kind.\nBe brief."})


def test_a_strange_form_is_nobodys() -> None:
    assert filled({"custom_id": "somebody:else", "components": []}) is None
