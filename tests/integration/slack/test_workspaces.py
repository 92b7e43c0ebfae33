"""Many workspaces: installing, tokens that rotate, leaving."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route, Router

from adapters.slack.client import WebApi
from adapters.slack.installations import CACHED_FOR, ManyWorkspaces, Record, SignedStates
from adapters.slack.platform import SlackPlatform
from bot.domain.conversations import Channel, ConversationRef
from bot.domain.errors import PlaceGone, PlatformError, SettingsError
from bot.testing.vault import FakeSecretVault
from bot.web.app import mounted
from tests.contract.platform.cards import final
from tests.contract.platform.harness import RecordingCore
from tests.integration.slack.fake import FakeSlack, Grant, payloads
from tests.integration.slack.fake.server import Trouble
from tests.integration.slack.harness import MovableClock, over, slack_settings

# slack_sdk's own exchange of a code uses what aiohttp has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")

HOURS_12 = 43_200


class Company:
    """A service that many workspaces may install, and one Slack."""

    def __init__(self, fake: FakeSlack) -> None:
        self.fake = fake
        self.vault = FakeSecretVault()
        self.clock = MovableClock()
        self.core = RecordingCore()
        settings = slack_settings(fake, SLACK_BOT_TOKEN="", SLACK_CLIENT_ID="1.2", SLACK_CLIENT_SECRET="shh")
        self.platform = SlackPlatform(settings, self.core, self.vault, self.clock)
        fake.deliver_http = over(self.platform)

    async def install(self, code: str) -> httpx.Response:
        """Through the pages, as an admin's browser does."""
        transport = httpx.ASGITransport(Starlette(routes=mounted(self.platform.mounts())))
        async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as browser:
            sent_on = await browser.get("/slack/install")
            assert sent_on.status_code == 302
            state = parse_qs(urlsplit(sent_on.headers["location"]).query)["state"][0]
            return await browser.get("/slack/oauth_redirect", params={"code": code, "state": state})

    def grants(self, code: str, token: str, team: str | None, **more: Any) -> None:
        """What Slack will answer when `code` is exchanged."""
        self.fake.grants[token] = Grant(team=team or "", enterprise=more.get("enterprise"), org_wide=team is None)
        enterprise = more.get("enterprise")
        self.fake.codes[code] = {
            "access_token": token,
            "token_type": "bot",
            "scope": "commands,chat:write",
            "bot_user_id": "U0BOT",
            "app_id": "A0APP",
            "team": {"id": team, "name": "Team"} if team else None,
            "enterprise": {"id": enterprise, "name": "Big"} if enterprise else None,
            "authed_user": {"id": "U0ANN"},
            "is_enterprise_install": team is None,
            **more.get("tokens", {}),
        }

    async def event(self, inner: dict[str, Any], **more: Any) -> int:
        status, _ = await self.fake.deliver(payloads.EVENT, payloads.event(inner, **more))
        return status

    async def message(self, **more: Any) -> int:
        return await self.event(payloads.message("U0ANN", "hello", "C0GENERAL", self.fake.workspace.next_ts()), **more)


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    async with FakeSlack().running() as fake:
        company = Company(fake)
        yield company
        await company.platform.aclose()


async def test_a_workspace_installs_itself(company: Company) -> None:
    company.grants("code", "xoxb-1", "T0TEAM")
    page = await company.install("code")
    assert page.status_code == 200
    assert not company.platform.is_home("T0TEAM")

    await company.message()
    assert company.core.inbounds[0].place.workspace_id == "T0TEAM"
    await company.platform.post(ConversationRef("slack", "T0TEAM", "C0GENERAL"), final("Hello"), "k1")
    assert company.fake.called("chat.postMessage")[0].token == "xoxb-1"


async def test_a_workspace_is_told_its_own_channels_names(company: Company) -> None:
    for team in ("T0TEAM", "T0NEXT"):
        company.grants(f"code {team}", f"xoxb-{team}", team)
        await company.install(f"code {team}")
    ours, theirs = ConversationRef("slack", "T0TEAM", "C0GENERAL"), ConversationRef("slack", "T0NEXT", "C0GENERAL")
    assert await company.platform.channel(ours) == Channel("#general")
    company.fake.troubles["conversations.info"] = Trouble(error="channel_not_found")

    assert await company.platform.channel(theirs) == Channel("C0GENERAL", private=True)
    assert [call.token for call in company.fake.called("conversations.info")] == ["xoxb-T0TEAM", "xoxb-T0NEXT"]
    assert await company.platform.channel(ConversationRef("slack", "T0NOBODY", "C0GENERAL")) == Channel(
        "C0GENERAL", private=True
    )


async def test_a_state_is_good_for_ten_minutes() -> None:
    clock = MovableClock()
    states = SignedStates("shh", clock)
    state = await states.async_issue()
    assert await states.async_consume(state)
    assert not await SignedStates("other", clock).async_consume(state)
    assert not await states.async_consume(f"9{state}")
    assert not await states.async_consume("é.ü")
    clock.ahead += timedelta(minutes=11)
    assert not await states.async_consume(state)


async def test_whoever_begins_to_install_leaves_nothing_behind(company: Company) -> None:
    transport = httpx.ASGITransport(Starlette(routes=mounted(company.platform.mounts())))
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as browser:
        for _ in range(100):
            assert (await browser.get("/slack/install")).status_code == 302
    assert not company.vault._kept


async def test_the_page_to_install_at_is_that_of_the_api(company: Company) -> None:
    transport = httpx.ASGITransport(Starlette(routes=mounted(company.platform.mounts())))
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as browser:
        sent_on = await browser.get("/slack/install")
    assert sent_on.headers["location"].startswith(f"{company.fake.url}/oauth/v2/authorize?")


@pytest.mark.parametrize(
    "query", ["", "?error=access_denied", "?state=%ff&code=x", "?code=x", "?state=a.b.c&code=%00", "?error=<script>"]
)
async def test_no_outsider_writes_a_traceback(company: Company, query: str, caplog: pytest.LogCaptureFixture) -> None:
    transport = httpx.ASGITransport(Starlette(routes=mounted(company.platform.mounts())))
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as browser:
        answer = await browser.get(f"/slack/oauth_redirect{query}")
    assert answer.status_code < 500
    assert "<script>" not in answer.text
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("trouble", [Trouble(503), Trouble(hangs_up=True), Trouble(error="invalid_code")])
async def test_an_installation_that_slack_does_not_finish_is_said_so(company: Company, trouble: Trouble) -> None:
    company.fake.troubles["oauth.v2.access"] = trouble
    answer = await company.install("code")
    assert answer.status_code in (401, 503)


async def test_a_state_is_good_in_one_browser(company: Company) -> None:
    transport = httpx.ASGITransport(Starlette(routes=mounted(company.platform.mounts())))
    company.grants("code", "xoxb-1", "T0TEAM")
    async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as browser:
        answer = await browser.get("/slack/oauth_redirect", params={"code": "code", "state": "made up"})
    assert answer.status_code == 400
    assert company.fake.called("oauth.v2.access") == []


async def test_a_whole_organisation_is_one_installation(company: Company) -> None:
    company.grants("code", "xoxb-e", None, enterprise="E0BIG")
    await company.install("code")

    await company.message(enterprise="E0BIG", org_wide=True)
    assert company.core.inbounds[0].place.workspace_id == "E0BIG"


async def test_an_organisations_groups_are_those_of_the_writers_team(company: Company) -> None:
    company.grants("code", "xoxb-e", None, enterprise="E0BIG")
    await company.install("code")
    company.fake.workspace.groups.append({"id": "S0ART", "handle": "art", "users": ["U0ANN"], "team_id": "T0ART"})

    for team in ("T0TEAM", "T0ART", "T0ART"):
        await company.message(enterprise="E0BIG", org_wide=True, team=team)

    groups = [inbound.person.groups for inbound in company.core.inbounds]
    assert groups == [frozenset(), frozenset({"S0ART"}), frozenset({"S0ART"})]
    asked = [call.args["team_id"] for call in company.fake.called("usergroups.list")]
    assert asked == ["T0TEAM", "T0ART"]


async def test_a_guest_team_does_not_choose_the_groups(company: Company) -> None:
    company.grants("code", "xoxb-e", None, enterprise="E0BIG")
    await company.install("code")
    await company.message(enterprise="E0BIG", org_wide=True, team="T0ELSEWHERE", context_team_id="T0TEAM")
    assert company.fake.called("usergroups.list")[0].args["team_id"] == "T0TEAM"


async def test_a_command_in_an_organisation_says_its_team(company: Company) -> None:
    company.grants("code", "xoxb-e", None, enterprise="E0BIG")
    await company.install("code")
    command = payloads.command("U0BEN", "say hello", "C0GENERAL", "")
    org = {"enterprise_id": "E0BIG", "is_enterprise_install": "true"}
    assert await company.fake.deliver(payloads.COMMAND, command | org) == (200, b"")
    assert company.core.inbounds[0].person.groups == frozenset({"S0OPS"})


async def test_where_it_is_not_installed_nothing_is_taken(company: Company) -> None:
    assert await company.message() == 200
    assert company.core.inbounds == []
    with pytest.raises(PlaceGone, match="not installed"):
        await company.platform.post(ConversationRef("slack", "T9", "C9"), final("Hello"), "k1")


async def test_no_delivery_costs_a_call(company: Company) -> None:
    company.grants("code", "xoxb-1", "T0TEAM")
    await company.install("code")
    before = len(company.fake.called("auth.test"))
    for _ in range(5):
        await company.message()
    assert len(company.fake.called("auth.test")) == before


async def test_while_installations_cannot_be_read_slack_delivers_again(
    company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    company.grants("code", "xoxb-1", "T0TEAM")
    await company.install("code")
    company.clock.ahead += CACHED_FOR
    hello = payloads.message("U0ANN", "hello", "C0GENERAL", "1790000000.000001")
    company.vault.away = True
    assert await company.event(hello) == 503
    company.vault.away = False
    assert await company.event(hello) == 200
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"], "oauth": []}}]
)
async def test_leaving_ends_its_sessions_and_deletes_its_secrets(company: Company, event: dict[str, Any]) -> None:
    company.grants("code", "xoxb-1", "T0TEAM")
    await company.install("code")
    for _ in range(2):  # both events come, in any order, and may repeat
        assert await company.event(event) == 200
    assert company.core.gone[0] == ConversationRef("slack", "T0TEAM", "")
    assert await company.vault.get("slack", "T0TEAM", "installation") is None
    with pytest.raises(PlaceGone):
        await company.platform.post(ConversationRef("slack", "T0TEAM", "C0GENERAL"), final("Hello"), "k1")


@pytest.mark.parametrize(
    "event", [{"type": "app_uninstalled"}, {"type": "tokens_revoked", "tokens": {"bot": ["U0BOT"], "oauth": []}}]
)
async def test_an_organisation_that_leaves_names_no_team(company: Company, event: dict[str, Any]) -> None:
    """Its events hold neither a team nor an authorisation (bolt-python's own samples)."""
    company.grants("code", "xoxb-e", None, enterprise="E0BIG")
    await company.install("code")
    body = payloads.event(event, enterprise="E0BIG")
    for name in ("team_id", "authorizations", "context_team_id", "context_enterprise_id", "is_ext_shared_channel"):
        del body[name]
    status, _ = await company.fake.deliver(payloads.EVENT, body | {"enterprise_id": "E0BIG"})
    assert status == 200
    assert company.core.gone == [ConversationRef("slack", "E0BIG", "")]
    assert await company.vault.get("slack", "E0BIG", "installation") is None


async def test_a_person_who_revokes_their_own_token_ends_nothing(company: Company) -> None:
    company.grants("code", "xoxb-1", "T0TEAM")
    await company.install("code")
    await company.event({"type": "tokens_revoked", "tokens": {"bot": [], "oauth": ["U0ANN"]}})
    assert company.core.gone == []


@pytest.mark.parametrize(
    "kind", ["channel_left", "channel_archive", "channel_deleted", "group_left", "group_archive", "group_deleted"]
)
async def test_the_core_hears_of_a_channel_that_is_gone(company: Company, kind: str) -> None:
    company.grants("code", "xoxb-1", "T0TEAM")
    await company.install("code")
    await company.event({"type": kind, "channel": "C0GENERAL", "user": "U0ANN", "event_ts": "1.0"})
    assert company.core.gone == [ConversationRef("slack", "T0TEAM", "C0GENERAL")]


@pytest.mark.parametrize(("who", "gone"), [("U0BOT", True), ("U0BEN", False)])
async def test_our_own_leaving_ends_the_place_and_anothers_their_links(company: Company, who: str, gone: bool) -> None:
    company.grants("code", "xoxb-1", "T0TEAM")
    await company.install("code")
    await company.event({"type": "member_left_channel", "channel": "C0GENERAL", "user": who, "event_ts": "1.0"})
    assert bool(company.core.gone) is gone
    assert bool(company.core.left) is not gone
    if not gone:
        ((place, person),) = company.core.left
        assert (place.platform, place.workspace_id, place.channel_id, person) == ("slack", "T0TEAM", "C0GENERAL", who)


async def test_one_workspace_is_not_installed_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bolt makes a flow on files of its own when it finds these in the environment."""
    monkeypatch.setenv("SLACK_CLIENT_ID", "1.2")
    monkeypatch.setenv("SLACK_CLIENT_SECRET", "shh")
    platform = SlackPlatform(slack_settings(FakeSlack()), RecordingCore(), FakeSecretVault(), MovableClock())
    (mount,) = platform.mounts()
    assert mount.path == "/slack"
    assert isinstance(mount.app, Router)
    assert [route.path for route in mount.app.routes if isinstance(route, Route)] == ["/events"]


# ------------------------------------------------ rotation


@asynccontextmanager
async def rotating(fake: FakeSlack, expires_in: int) -> AsyncIterator[tuple[ManyWorkspaces, FakeSecretVault, WebApi]]:
    clock, vault, web = MovableClock(), FakeSecretVault(), WebApi(fake.api_url)
    many = ManyWorkspaces(vault, web, clock, "1.2", "shh")
    fake.refresh_tokens["xoxe-1-0"] = Grant()
    expires_at = int(clock.now().timestamp()) + expires_in
    await many.save("T0TEAM", Record("xoxe.xoxb-0", "B0BOT", "U0BOT", refresh_token="xoxe-1-0", expires_at=expires_at))
    yield many, vault, web
    await web.aclose()


@pytest.fixture
async def fake() -> AsyncIterator[FakeSlack]:
    async with FakeSlack().running() as running:
        yield running


async def test_a_token_is_rotated_by_one_flight(fake: FakeSlack) -> None:
    async with rotating(fake, expires_in=3600) as (many, _, _):
        found = await asyncio.gather(*(many.find("T0TEAM") for _ in range(10)))
    assert len(fake.called("oauth.v2.access")) == 1
    assert {installed.token for installed in found} == {"xoxe.xoxb-1"}


async def test_a_fresh_token_is_left_alone(fake: FakeSlack) -> None:
    async with rotating(fake, expires_in=HOURS_12) as (many, _, _):
        assert (await many.find("T0TEAM")).token == "xoxe.xoxb-0"
    assert fake.calls == []


async def test_another_process_finds_what_was_rotated(fake: FakeSlack) -> None:
    async with rotating(fake, expires_in=3600) as (many, vault, web):
        await many.find("T0TEAM")
        other = ManyWorkspaces(vault, web, MovableClock(), "1.2", "shh")
        assert (await other.find("T0TEAM")).token == "xoxe.xoxb-1"
    assert len(fake.called("oauth.v2.access")) == 1


@pytest.mark.parametrize(("expires_in", "tokens"), [(3600, {"xoxe.xoxb-0", "xoxe.xoxb-1"}), (-1, {"xoxe.xoxb-1"})])
async def test_a_token_is_rotated_by_one_process(fake: FakeSlack, expires_in: int, tokens: set[str]) -> None:
    async with rotating(fake, expires_in=expires_in) as (many, vault, web):
        other = ManyWorkspaces(vault, web, MovableClock(), "1.2", "shh")
        found = await asyncio.gather(many.find("T0TEAM"), other.find("T0TEAM"))
        assert len(fake.called("oauth.v2.access")) == 1
        assert {installed.token for installed in found} == tokens


async def test_a_rotation_that_fails_leaves_the_token_that_still_works(fake: FakeSlack) -> None:
    fake.troubles["oauth.v2.access"] = Trouble(status=503)
    async with rotating(fake, expires_in=3600) as (many, _, _):
        assert (await many.find("T0TEAM")).token == "xoxe.xoxb-0"
        assert (await many.find("T0TEAM")).token == "xoxe.xoxb-1"


async def test_an_expired_token_that_cannot_be_rotated_is_not_used(fake: FakeSlack) -> None:
    fake.troubles["oauth.v2.access"] = Trouble(status=503)
    async with rotating(fake, expires_in=-1) as (many, _, _):
        with pytest.raises(PlatformError):
            await many.find("T0TEAM")


async def test_no_token_is_shown(fake: FakeSlack) -> None:
    async with rotating(fake, expires_in=HOURS_12) as (many, _, _):
        assert "xoxe" not in repr(await many.find("T0TEAM"))


@pytest.mark.parametrize(
    ("given", "told"), [({"SLACK_BOT_TOKEN": ""}, "SLACK_BOT_TOKEN"), ({"SLACK_SIGNING_SECRET": ""}, "SLACK_APP_TOKEN")]
)
def test_half_a_set_up_is_for_the_operator(given: dict[str, str], told: str) -> None:
    settings = slack_settings(FakeSlack(), **given)
    with pytest.raises(SettingsError, match=told):
        SlackPlatform(settings, RecordingCore(), FakeSecretVault(), MovableClock())
