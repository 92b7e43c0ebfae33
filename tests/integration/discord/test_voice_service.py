"""The whole way: `/avatar join` in Discord, the core, the simulated avatar's voice, and the ear of somebody in the channel."""

from tests.integration.discord.fake import ANN, FakeDiscord
from tests.integration.discord.test_service import Team, team
from tests.integration.discord.test_voice import HALL, LOUNGE, STAGE, VAULT, known_to, needs_libopus, server
from tests.integration.discord.wire import settings
from tests.patience import until

__all__ = ["team"]

DISCLOSED = "Alma is heard here. This avatar is an AI. Its picture and voice are artificially generated."


def with_voice(discord: FakeDiscord) -> None:
    needs_libopus()
    discord.guilds = [server()]
    for channel in (LOUNGE, HALL, VAULT, STAGE):
        discord.channels[channel] = {"id": channel, "type": 2, "guild_id": discord.guilds[0]["id"]}


def card_of(team: Team) -> str:
    """All that the card shows."""
    return str(team.card["embeds"])


async def test_the_avatar_is_heard_in_a_voice_channel(team: Team) -> None:
    discord = team.discord
    with_voice(discord)
    async with team.served() as platform:
        await team.start(avatar="Alma")
        ann = await discord.voice.person_joins(ANN, LOUNGE)
        await until(lambda: int(ANN) in known_to(platform, LOUNGE).voice_states)

        joined = await team.command("join")
        answer = await team.hears(joined)
        assert answer["content"] == "Alma is heard in Lounge now."
        assert discord.texts(LOUNGE) == [DISCLOSED]
        assert discord.voice.plain == []
        await discord.until(lambda: "heard in Lounge" in card_of(team))

        await team.write("Tell us a story, and a long one if you please. " * 5)
        await discord.until(lambda: ann.frames >= 5)
        assert ann.unreadable == 0

        left = await team.command("leave")
        answer = await team.hears(left)
        assert answer["content"] == "Alma has left Lounge."
        assert discord.voice.where is None
        await discord.until(lambda: "heard in" not in card_of(team))
        assert len(team.spoken) == 1  # and the session goes on


async def test_stopping_the_session_leaves_the_channel(team: Team) -> None:
    discord = team.discord
    with_voice(discord)
    async with team.served() as platform:
        await team.start(avatar="Alma")
        await discord.voice.person_joins(ANN, HALL)
        await until(lambda: int(ANN) in known_to(platform, HALL).voice_states)
        await team.hears(await team.command("join", channel=HALL))
        assert discord.voice.where == HALL
        await team.command("stop")
        await team.closed()
        await discord.until(lambda: discord.voice.where is None)


async def test_a_broken_call_is_begun_anew_by_itself(team: Team) -> None:
    discord = team.discord
    with_voice(discord)
    async with team.served(settings(home_guilds=(int(server()["id"]),))) as platform:
        await team.start(avatar="Alma")
        await discord.voice.person_joins(ANN, LOUNGE)
        await until(lambda: int(ANN) in known_to(platform, LOUNGE).voice_states)
        await team.hears(await team.command("join", channel=LOUNGE))
        await discord.voice.break_off(4015)
        await discord.until(lambda: len(discord.voice.described) == 2)
        await discord.until(lambda: discord.texts(LOUNGE) == [DISCLOSED] * 2)
        assert discord.voice.where == LOUNGE
