"""Our native commands, held against Discord's own OpenAPI file."""

from typing import Any

import pytest

from adapters.discord.commands import commands
from tests.integration.discord.openapi import OpenApi, open_api


@pytest.fixture(scope="module")
def api() -> OpenApi:
    return open_api()


@pytest.mark.parametrize("direct_messages", [False, True])
def test_the_commands_are_what_discord_takes(api: OpenApi, direct_messages: bool) -> None:
    built: list[dict[str, Any]] = commands(direct_messages=direct_messages)

    assert api.faults("PUT", "/applications/1/commands", built) == []
    assert api.faults("PUT", "/applications/1/guilds/2/commands", built) == []


def test_the_file_is_looked_at(api: OpenApi) -> None:
    assert api.faults("PUT", "/applications/1/commands", [{"type": 1, "name": "avatar", "description": "x" * 101}])
