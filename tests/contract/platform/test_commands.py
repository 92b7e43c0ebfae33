"""Every verb of the catalogue comes in through the platform's own way of typing, whole."""

import pytest

from bot.commands.catalogue import Option, OptionType, Verb
from bot.commands.policy import AllowList
from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Command, File, Item, Link, Reply
from bot.queries.channel_settings import allow_list
from tests.contract.platform.harness import ANN, BEN, PlatformHarness

NUMBER, WORDS = "1", "Alma"


def value(option: Option) -> str:
    """One that everybody understands."""
    if option.choices:
        return option.choices[0]
    match option.type:
        case OptionType.INTEGER | OptionType.NUMBER:
            return NUMBER
        case OptionType.URL:
            return "https://example.com/a.mp4"
        case _:
            return WORDS


def typed(verb: Verb) -> dict[str, str]:
    return {option.name: value(option) for option in verb.options}


OPEN = [
    verb
    for verb in CATALOGUE.verbs
    if not any(option.private or option.type is OptionType.VOICE_CHANNEL for option in verb.options)
]
"""What is private is never typed: a form asks for it. A voice channel is picked, where there are any."""


@pytest.mark.parametrize("verb", OPEN, ids=lambda verb: verb.name)
async def test_a_verb_arrives_with_what_was_typed(harness: PlatformHarness, verb: Verb) -> None:
    await harness.command(ANN, verb.name, typed(verb), harness.place)

    (inbound,) = harness.core.inbounds
    assert inbound.place == harness.place
    assert inbound.reply_to is not None
    assert isinstance(inbound.body, Command)
    assert inbound.body.verb == verb.name
    assert {name: str(words) for name, words in inbound.body.options.items()} == typed(verb)


async def test_whoever_is_mentioned_on_an_allow_list_is_known_again(harness: PlatformHarness) -> None:
    await harness.write(BEN, "Good morning", harness.place)  # so that everybody knows of him
    await harness.command(ANN, "defaults access", {"who": f"{harness.mention(BEN)}, the opps"}, harness.place)
    command = harness.core.inbounds[-1].body
    assert isinstance(command, Command)

    await harness.command(BEN, "help", {}, harness.place)

    ben, names = harness.core.inbounds[-1].person, [name.strip() for name in command.options["who"].split(",")]
    assert allow_list(names) == AllowList(people=frozenset({ben.id}), unresolved=("the opps",))


async def test_an_answer_with_everything_in_it_is_readable(harness: PlatformHarness) -> None:
    reply_to = await harness.asked(ANN)
    start = Command("start", {"avatar": "a1"})
    item = Item("Mia", "official, female", "https://example.com/mia.png", "https://example.com/mia.mp4", start)
    file = File("usage.png", "image/png", b"\x89PNG\r\n\x1a\n", alt="Minutes a day")

    await harness.platform.reply(
        reply_to, Reply("One avatar.", (item,), Link("Watch", "https://bot.example/v/x"), file)
    )

    told = "\n".join(await harness.privately(ANN))
    carried = [file.name] if harness.platform.features.files else []
    for words in ("One avatar.", "Mia", "official, female", "https://bot.example/v/x", *carried):
        assert words in told
