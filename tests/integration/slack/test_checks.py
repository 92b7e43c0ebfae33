"""What `avatarbot doctor` says about Slack."""

from collections.abc import AsyncIterator

import pytest

from adapters.slack.checks import check
from adapters.slack.settings import SlackSettings
from bot.ports.plugin import Level
from tests.integration.slack.fake import FakeSlack, Grant
from tests.integration.slack.fake.server import APP_TOKEN
from tests.integration.slack.fake.workspace import ALL_SCOPES, BOT_TOKEN
from tests.integration.slack.harness import slack_settings


@pytest.fixture
async def fake() -> AsyncIterator[FakeSlack]:
    async with FakeSlack().running() as running:
        yield running


async def problems(settings: SlackSettings) -> str:
    return "\n".join(f.what for f in await check(settings) if f.level is not Level.OK)


async def test_all_is_well(fake: FakeSlack) -> None:
    assert await problems(slack_settings(fake, SLACK_APP_TOKEN=APP_TOKEN)) == ""


async def test_what_is_not_set_up_is_no_problem() -> None:
    assert await problems(SlackSettings.model_validate({})) == ""


async def test_a_missing_scope_is_named_with_what_to_do(fake: FakeSlack) -> None:
    fake.grants[BOT_TOKEN] = Grant(scopes=ALL_SCOPES - {"channels:history", "files:write"})
    findings = await check(slack_settings(fake))
    missing = {f.level: f for f in findings}
    assert "channels:history" in missing[Level.PROBLEM].what
    assert "files:write" in missing[Level.WARNING].what
    assert missing[Level.PROBLEM].remedy


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, "SLACK_BOT_TOKEN (auth.test: invalid_auth)"),
        ({"SLACK_APP_TOKEN": "xapp-wrong"}, "SLACK_APP_TOKEN (apps.connections.open: invalid_auth)"),
        ({"SLACK_APP_TOKEN": "xoxb-test"}, "does not begin with xapp-"),
        ({"SLACK_SIGNING_SECRET": ""}, "no way to reach"),
        ({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN is not set"),
    ],
)
async def test_each_mistake_is_named(fake: FakeSlack, given: dict[str, str], told: str) -> None:
    said = await problems(slack_settings(fake, **given))
    assert told in said
    assert "wrong" not in said


async def test_a_slack_that_cannot_be_reached_is_a_warning() -> None:
    unreachable = SlackSettings.model_validate(
        {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s", "SLACK_API_URL": "http://127.0.0.1:9/api"}
    )
    assert "could not be asked" in await problems(unreachable)
