"""The words that a channel blocks: kept by its admins, read by nobody else."""

from bot.speech.blocked_words import LONGEST_ENTRY, MOST_ENTRIES
from bot.testing.chat import CHANNEL
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import Stack, on_stack


async def words(stack: Stack, **options: str) -> str:
    reply = await ask(stack, "defaults words", CHANNEL, ROOT, **options)
    assert reply.private
    return reply.text


@on_stack()
async def test_words_are_added_and_taken_away(stack: Stack) -> None:
    async with stack.serving():
        none = await words(stack)
        two = await words(stack, add="heck, go  away; Heck")
        one = await words(stack, remove="ＨＥＣＫ")
        shown = await ask(stack, "defaults show")
    assert none == "No words are blocked in this channel. Block some with: defaults words add:heck, darn"
    assert two == "2 words and phrases are blocked in this channel: heck, go away"
    assert one == "1 word or phrase is blocked in this channel: go away"
    assert "words: 1 blocked" in shown.text
    assert "go away" not in shown.text


@on_stack()
async def test_only_admins_see_or_change_them(stack: Stack) -> None:
    async with stack.serving():
        refused = await ask(stack, "defaults words")
    assert refused.text == "Only an admin can use “defaults words”."


@on_stack()
async def test_what_makes_no_sense_changes_nothing(stack: Stack) -> None:
    async with stack.serving():
        await words(stack, add="heck")
        replies = [
            await ask(stack, "defaults words", CHANNEL, ROOT, **options)
            for options in ({"add": "fine, !!!"}, {"add": "x" * (LONGEST_ENTRY + 1)}, {"remove": "heck, darn"})
        ]
        kept = await words(stack)
    told, private = [reply.text for reply in replies], [reply.private for reply in replies]
    assert private == [True] * 3
    assert told[0] == "“!!!” has no letters or digits to look for, so nothing is changed."
    assert told[1].endswith(f"is too long: a word or phrase has at most {LONGEST_ENTRY} characters.")
    assert told[2] == "“darn” is not blocked in this channel, so nothing is changed."
    assert kept == "1 word or phrase is blocked in this channel: heck"


@on_stack()
async def test_a_long_list_is_a_file(stack: Stack) -> None:
    parts = [",".join(f"word{n}" for n in range(start, start + 100)) for start in range(0, MOST_ENTRIES, 100)]
    async with stack.serving():
        for part in parts:
            await words(stack, add=part)
        long = await ask(stack, "defaults words", person=ROOT)
        full = await ask(stack, "defaults words", person=ROOT, add="one more")
    assert long.file is not None
    assert long.file.content.count(b"\n") == MOST_ENTRIES - 1
    assert full.text == f"At most {MOST_ENTRIES} words and phrases can be blocked in a channel, not {MOST_ENTRIES + 1}."


@on_stack()
async def test_a_reset_allows_all_words_again(stack: Stack) -> None:
    async with stack.serving():
        await words(stack, add="heck")
        await ask(stack, "defaults reset", person=ROOT, setting="words", confirm="yes")
        none = await words(stack)
    assert none.startswith("No words are blocked")
