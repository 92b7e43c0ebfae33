"""The settings of a channel."""

from bot.commands.policy import AllowList
from bot.domain.conversations import Command, Refused
from bot.domain.sessions import Mode
from bot.queries.channel_settings import allow_list
from bot.testing.chat import CHANNEL
from tests.integration.queries.asking import ROOT, ask
from tests.world_fixture import Stack, on_stack


@on_stack()
async def test_avatars_start_as_the_channel_has_set(stack: Stack) -> None:
    async with stack.serving():
        kept = await ask(stack, "defaults set", avatar="kofi", mode="retelling", minutes="3")
        await stack.room.command("start")
        await stack.live()
    assert "avatar: Kofi" in kept.text
    assert stack.room.card.avatar_name == "Kofi"
    assert stack.room.card.mode is Mode.RETELLING


@on_stack()
async def test_what_does_not_exist_is_not_kept(stack: Stack) -> None:
    async with stack.serving():
        refused = await ask(stack, "defaults set", avatar="Almo")
        shown = await ask(stack, "defaults show")
    assert "Did you mean Alma?" in refused.text
    assert refused.items[0].command == Command("defaults set", {"avatar": "Alma"})
    assert "avatar: default" in shown.text


@on_stack()
async def test_sound_is_set_a_bit_at_a_time_and_reset(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults voice", speed="1.1", threshold="0.4")
        both = await ask(stack, "defaults voice", silence_ms="700")
        await ask(stack, "defaults reset", person=ROOT, setting="speed", confirm="yes")
        await ask(stack, "defaults reset", person=ROOT, setting="threshold", confirm="yes")
        one = await ask(stack, "defaults show")
        await ask(stack, "defaults reset", person=ROOT, confirm="yes")
        none = await ask(stack, "defaults show")
        wrong = await ask(stack, "defaults voice", speed="2")
    assert "speed 1.1; turn_detection server_vad; threshold 0.4; silence_ms 700" in both.text
    assert "sound: turn_detection server_vad; silence_ms 700" in one.text
    assert "sound: default" in none.text
    assert "0.8 to 1.2" in wrong.text


@on_stack()
async def test_a_key_is_never_shown(stack: Stack) -> None:
    async with stack.serving():
        refused = await ask(stack, "defaults elevenlabs", api_key="sk-very-secret")
        kept = await ask(stack, "defaults elevenlabs", person=ROOT, api_key="sk-very-secret")
        await stack.room.command("start", voice="a-voice-of-ours")
        await stack.live()
    assert "Only an admin" in refused.text
    assert "ElevenLabs your own account" in kept.text
    assert "very-secret" not in kept.text
    assert b"very-secret" not in stack.stolen()


@on_stack()
async def test_only_those_on_the_list_start(stack: Stack) -> None:
    async with stack.serving():
        await ask(stack, "defaults access", person=ROOT, who="<@somebody>")
        said = await ask(stack, "defaults access", person=ROOT, who="<@ann>, the opps")
        refused = await stack.room.command("start")
        everybody = await ask(stack, "defaults access", person=ROOT, who="everybody")
        await stack.room.command("start")
        await stack.live()
    assert said.text == "I do not know “the opps”, so nothing is changed. Mention people and groups with @."
    assert isinstance(refused, Refused)
    assert everybody.text == "Now everybody may start avatars here."


def test_people_and_groups_by_their_mentions() -> None:
    named = allow_list(["<@U1>", "<@&G1>", "U1"])
    assert named == AllowList(frozenset({"U1"}), frozenset({"G1"}), ("U1",))


@on_stack()
async def test_a_reset_names_what_goes_before_it_does(stack: Stack) -> None:
    async with stack.serving():
        nothing = await ask(stack, "defaults reset", person=ROOT)
        await ask(stack, "defaults set", language="French", minutes="5")
        await ask(stack, "defaults voice", speed="1.1")
        await ask(stack, "defaults access", person=ROOT, who="<@somebody>")
        asked = await ask(stack, "defaults reset", person=ROOT)
        one = await ask(stack, "defaults reset", person=ROOT, setting="who")
        kept = await ask(stack, "defaults show")
        command = asked.items[0].command
        assert command is not None
        done = await ask(stack, command.verb, CHANNEL, ROOT, **command.options)
        gone = await ask(stack, "defaults show")
    assert nothing.text == "Nothing is set in this channel: all is at the defaults already."
    everything = "language, minutes, the voice's own settings and who may start avatars"
    assert asked.text == f"Reset everything that is set here ({everything}) to the default?"
    assert one.text == "Reset who may start avatars, so that everybody may, to the default?"
    assert "language: French" in kept.text
    assert done.text == "All settings of this channel are the defaults again."
    assert "language: default" in gone.text
    assert "who: everybody" in gone.text
