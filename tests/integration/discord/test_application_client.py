"""`avatarbot discord sync` and `avatarbot doctor`, over the wire."""

from typing import Any

import pytest

from adapters.discord.checks import check
from adapters.discord.command_sync import sync_once
from adapters.discord.commands import SAY_THIS, commands
from bot.commands.verbs import CATALOGUE
from bot.domain.errors import PlatformError, SettingsError
from bot.ports.plugin import Level
from tests.integration.discord.fake import GUILD, TOKEN, Answer, FakeDiscord, application, kept_commands
from tests.integration.discord.openapi import open_api
from tests.integration.discord.wire import settings

SETTINGS = settings()
APPLICATION = application() | {"flags": 1 << 19, "bot_public": False}
PUT = r"PUT /applications/\d+/commands"
ENTRY_POINT = {"id": "42", "type": 4, "name": "launch", "description": "", "handler": 2, "version": "1"}


async def test_commands_are_written_where_discord_has_none(discord: FakeDiscord) -> None:
    assert await sync_once(SETTINGS, CATALOGUE, discord.connector) == 1

    written = discord.made(PUT)[0]
    assert written.body == commands()
    assert open_api().faults("PUT", written.path, written.body) == []


async def test_only_what_is_offered_is_written(discord: FakeDiscord) -> None:
    few = CATALOGUE.only("start", "stop")

    await sync_once(SETTINGS, few, discord.connector)

    assert discord.made(PUT)[0].body == commands(catalogue=few)


@pytest.mark.parametrize("homes", [(), (int(GUILD),)])
async def test_commands_that_discord_has_are_not_written_again(discord: FakeDiscord, homes: tuple[int, ...]) -> None:
    wanted = settings(home_guilds=homes)
    assert await sync_once(wanted, CATALOGUE, discord.connector) == 1

    assert await sync_once(wanted, CATALOGUE, discord.connector) == 0
    assert len(discord.made("PUT .*/commands")) == 1


async def test_one_changed_word_is_enough(discord: FakeDiscord) -> None:
    discord.commands = kept_commands(commands())
    discord.commands[0]["options"][0]["description"] = "Something older"

    assert await sync_once(SETTINGS, CATALOGUE, discord.connector) == 1


async def test_somebody_elses_entry_point_is_kept(discord: FakeDiscord) -> None:
    discord.commands = [ENTRY_POINT]

    await sync_once(SETTINGS, CATALOGUE, discord.connector)

    kept = discord.made(PUT)[0].body[-1]
    assert kept == {"id": "42", "type": 4, "name": "launch", "description": "", "handler": 2}


async def test_doctor_knows_what_is_missing(discord: FakeDiscord) -> None:
    servers = [{"id": "800000000000000001", "name": "Team", "permissions": str(1 << 10)}]
    discord.next_answers("GET /users/@me/guilds", Answer(200, servers))

    findings = await check(SETTINGS, discord.connector)

    assert [finding.level for finding in findings] == [
        Level.OK,
        Level.PROBLEM,
        Level.WARNING,
        Level.WARNING,
        Level.OK,
    ]
    assert "Message Content Intent" in findings[1].remedy
    assert "Turn off Public Bot" in findings[2].remedy
    assert "Send Messages" in findings[3].what
    assert "View Channel" not in findings[3].what
    assert "`avatarbot workspaces allow discord ID`: Team (800000000000000001)" in findings[4].what


async def test_doctor_is_content(discord: FakeDiscord) -> None:
    private = application() | {"flags": 1 << 19, "bot_public": False}
    discord.next_answers("GET /oauth2/applications/@me", Answer(200, private))
    discord.next_answers("GET /users/@me/guilds", Answer(200, [{"id": GUILD, "name": "Team", "permissions": "8"}]))

    at_home = settings(home_guilds=(int(GUILD),))
    assert [finding.level for finding in await check(at_home, discord.connector)] == [Level.OK]


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        ({"install_params": {"scopes": ["bot"], "permissions": "0"}}, Level.WARNING, "install link"),
        ({"custom_install_url": "https://example.com/add"}, Level.WARNING, "install link"),
        ({"interactions_endpoint_url": "https://example.com/hook"}, Level.PROBLEM, "another service"),
    ],
)
async def test_doctor_knows_what_lets_strangers_in_or_takes_commands_away(
    discord: FakeDiscord, found: dict[str, Any], level: Level, words: str
) -> None:
    discord.next_answers("GET /oauth2/applications/@me", *[Answer(200, APPLICATION | found)] * 2)
    discord.next_answers("GET /users/@me/guilds", Answer(200, [{"id": "8", "name": "Team", "permissions": "8"}]))

    (_, finding, _) = await check(SETTINGS, discord.connector)

    assert finding.level is level
    assert words in finding.what


async def test_doctor_on_a_refused_token(discord: FakeDiscord) -> None:
    discord.token = "another"

    assert [finding.level for finding in await check(SETTINGS, discord.connector)] == [Level.PROBLEM]


async def test_a_server_without_us_does_not_disturb_the_others(discord: FakeDiscord) -> None:
    homes = settings(home_guilds=(800000000000000002, 800000000000000001))
    discord.next_answers("GET .*/guilds/800000000000000002/commands", Answer(403, {"code": 50001, "message": "no"}))

    with pytest.raises(PlatformError):
        await sync_once(homes, CATALOGUE, discord.connector)

    assert discord.guild_commands["800000000000000001"]


async def test_at_home_commands_are_there_only(discord: FakeDiscord) -> None:
    discord.commands = kept_commands(commands())

    await sync_once(settings(home_guilds=(int(GUILD),)), CATALOGUE, discord.connector)

    assert discord.commands == []
    assert [command["name"] for command in discord.guild_commands[GUILD]] == ["avatar", SAY_THIS]


async def test_a_refused_token_is_one_sentence(discord: FakeDiscord) -> None:
    discord.token = "another"

    with pytest.raises(SettingsError, match="Reset Token") as told:
        await sync_once(SETTINGS, CATALOGUE, discord.connector)

    assert TOKEN not in f"{told.value.sentence} {told.value.detail}"
