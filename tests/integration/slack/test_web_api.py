"""The Web API when it is slow, angry, down, or tired of us."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.slack.client import WebApi
from bot.domain.errors import MessageGone, PlaceGone, PlatformError, Throttled
from tests.contract.platform.cards import CARD, final
from tests.contract.platform.harness import able
from tests.integration.slack.fake import FakeSlack, Grant, Message
from tests.integration.slack.fake.reference import available
from tests.integration.slack.fake.server import Trouble
from tests.integration.slack.fake.workspace import ALL_SCOPES, BOT_TOKEN
from tests.integration.slack.harness import GENERAL, SlackHarness


@pytest.fixture
async def fake() -> AsyncIterator[FakeSlack]:
    async with FakeSlack().running() as running:
        yield running


@pytest.fixture
async def web(fake: FakeSlack) -> AsyncIterator[WebApi]:
    opened = WebApi(fake.api_url)
    yield opened
    await opened.aclose()


async def test_it_is_throttled_for_as_long_as_slack_says(fake: FakeSlack, web: WebApi) -> None:
    fake.troubles["auth.test"] = Trouble(429, "ratelimited", headers=(("Retry-After", "12"),))
    with pytest.raises(Throttled) as throttled:
        await web.call(BOT_TOKEN, "auth.test")
    assert throttled.value.retry_after == 12


@pytest.mark.parametrize("trouble", [Trouble(503), Trouble(500, "fatal_error"), Trouble(200)])
async def test_a_failing_slack_may_be_tried_again(fake: FakeSlack, web: WebApi, trouble: Trouble) -> None:
    fake.troubles["auth.test"] = trouble
    with pytest.raises(PlatformError) as failed:
        await web.call(BOT_TOKEN, "auth.test")
    assert type(failed.value) is PlatformError
    assert len(fake.calls) == 1


async def test_a_slack_that_cannot_be_reached_may_be_tried_again() -> None:
    web = WebApi("http://127.0.0.1:9/api/")
    with pytest.raises(PlatformError):
        await web.call(BOT_TOKEN, "auth.test")
    await web.aclose()


async def test_a_post_whose_answer_was_lost_is_not_repeated(http: SlackHarness) -> None:
    """Slack knows no idempotency key: the core looks for the line by its key before it posts again."""
    http.fake.troubles["chat.postMessage"] = Trouble(after=True, hangs_up=True)
    with pytest.raises(PlatformError):
        await http.platform.post(GENERAL, final("Once"), "k1")
    assert len(http.fake.workspace.messages) == 1
    assert await able(http.platform.features.search).find(GENERAL, "k1", datetime.now(UTC))


async def test_many_calls_share_a_connection(fake: FakeSlack, web: WebApi) -> None:
    for _ in range(20):
        await web.call(BOT_TOKEN, "auth.test")
    connector = web.session.connector
    assert connector
    assert sum(map(len, connector._conns.values())) == 1


async def test_it_can_be_used_after_it_was_closed(web: WebApi) -> None:
    await web.call(BOT_TOKEN, "auth.test")
    await web.aclose()
    assert (await web.call(BOT_TOKEN, "auth.test"))["user_id"] == "U0BOT"


@pytest.mark.skipif(not available(), reason="no Slack specifications in SPECS_DIR: the stand-in knows no scopes")
@pytest.mark.parametrize(
    "grant",
    [Grant(revoked=True), Grant(expired=True), Grant(scopes=ALL_SCOPES - {"chat:write"})],
)
async def test_a_place_that_cannot_be_written_to_is_gone(http: SlackHarness, grant: Grant) -> None:
    await http.platform.post(GENERAL, final("Hello"), "k1")
    http.fake.grants[BOT_TOKEN] = grant
    with pytest.raises(PlaceGone):
        await http.platform.post(GENERAL, final("Hello"), "k2")


async def test_an_archived_channel_is_gone(http: SlackHarness) -> None:
    http.fake.workspace.channels["C0GENERAL"].archived = True
    with pytest.raises(PlaceGone, match="archived"):
        await http.platform.post_card(GENERAL, CARD)


async def test_starting_where_we_are_absent_asks_for_an_invitation(http: SlackHarness) -> None:
    with pytest.raises(PlaceGone, match="/invite"):
        await http.platform.post_card(GENERAL.__class__("slack", "T0TEAM", "C0OTHER"), CARD)


@pytest.mark.skipif(not available(), reason="no Slack specifications in SPECS_DIR: the stand-in knows no limits")
async def test_too_many_edits_a_minute_are_refused(http: SlackHarness) -> None:
    ref = await http.platform.post(GENERAL, final("0"), "k1")
    for n in range(50):
        await able(http.platform.features.edits).edit(ref, final(str(n)))
    with pytest.raises(Throttled) as throttled:
        await able(http.platform.features.edits).edit(ref, final("one too many"))
    assert 0 < throttled.value.retry_after <= 60


@pytest.mark.skipif(not available(), reason="no Slack specifications in SPECS_DIR: the stand-in knows no scopes")
async def test_what_may_not_be_done_is_left_out(http: SlackHarness) -> None:
    http.fake.grants[BOT_TOKEN] = Grant(
        scopes=ALL_SCOPES - {"reactions:write", "channels:history", "groups:history", "im:history", "mpim:history"}
    )
    opened = await http.platform.post_card(GENERAL, CARD)
    ref = await http.platform.post(opened.thread, final("Hello"), "k1")
    await able(http.platform.features.marks).mark_spoken(ref)
    assert await able(http.platform.features.search).find(opened.thread, "k1", datetime.now(UTC)) is None


async def test_a_line_is_found_in_any_long_thread(http: SlackHarness) -> None:
    hour_ago = int(time.time()) - 3600
    root, *replies = (f"{hour_ago + n}.000001" for n in range(1_500))
    http.fake.workspace.add(Message("C0GENERAL", root, "U0ANN", "Good morning"))
    for ts in replies:
        http.fake.workspace.add(Message("C0GENERAL", ts, "U0ANN", "And another thing", thread_ts=root))
    began = datetime.now(UTC)
    ref = await http.platform.post(GENERAL.in_thread(root), final("Hello"), "k1")

    assert await able(http.platform.features.search).find(GENERAL.in_thread(root), "k1", began) == ref
    assert len(http.fake.called("conversations.replies")) == 1


async def test_a_clock_that_differs_by_minutes_hides_no_line(http: SlackHarness) -> None:
    ref = await http.platform.post(GENERAL, final("Hello"), "k1")
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    assert await able(http.platform.features.search).find(GENERAL, "k1", ahead) == ref


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(Trouble(error="missing_scope"), id="may not look"),
        pytest.param(Trouble(429, "ratelimited", headers=(("Retry-After", "1"),)), id="looked a moment ago"),
    ],
)
async def test_a_card_that_cannot_be_looked_up_is_posted_again(http: SlackHarness, trouble: Trouble) -> None:
    lost = await http.platform.post_card(GENERAL, CARD)
    http.fake.troubles["conversations.history"] = replace(trouble)
    opened = await http.platform.post_card(GENERAL, CARD, since=datetime.now(UTC))
    assert opened.card != lost.card
    await asyncio.sleep(1.05)
    assert await http.platform.post_card(GENERAL, CARD, since=datetime.now(UTC)) == opened


@pytest.mark.parametrize(("error", "asked"), [("unknown_method", 1), ("invalid_thread_ts", 2), ("internal_error", 2)])
async def test_an_unknown_status_method_is_retried_hourly(http: SlackHarness, error: str, asked: int) -> None:
    http.fake.troubles["assistant.threads.setStatus"] = Trouble(error=error, times=2)
    opened = await http.platform.post_card(GENERAL, CARD)
    for _ in range(2):
        await able(http.platform.features.typing).start_typing(opened.thread)
    assert len(http.fake.called("assistant.threads.setStatus")) == asked
    http.later(3_700)
    await able(http.platform.features.typing).start_typing(opened.thread)
    assert len(http.fake.called("assistant.threads.setStatus")) == asked + 1


async def test_a_rate_limit_stops_only_its_method(fake: FakeSlack, web: WebApi) -> None:
    busy = Trouble(429, "ratelimited", headers=(("Retry-After", "30"),))
    fake.troubles["users.info"] = busy
    for _ in range(3):
        with pytest.raises(Throttled):
            await web.call(BOT_TOKEN, "users.info", user="U0ANN")
    assert len(fake.called("users.info")) == 1
    assert (await web.call(BOT_TOKEN, "auth.test"))["user_id"] == "U0BOT"


async def test_a_rate_limit_of_posts_is_that_of_a_channel(fake: FakeSlack, web: WebApi) -> None:
    fake.troubles["chat.postMessage"] = Trouble(429, "ratelimited", headers=(("Retry-After", "30"),))
    fake.workspace.direct("U0ANN")
    with pytest.raises(Throttled):
        await web.call(BOT_TOKEN, "chat.postMessage", channel="C0GENERAL", text="Hello")
    await web.call(BOT_TOKEN, "chat.postMessage", channel="D0ANN", text="Hello")


async def test_a_lost_edit_of_an_old_message_says_so(http: SlackHarness) -> None:
    http.fake.troubles["chat.update"] = Trouble(error="edit_window_closed")
    ref = await http.platform.post(GENERAL, final("Hello"), "k1")
    with pytest.raises(MessageGone):
        await able(http.platform.features.edits).edit(ref, final("Hello again"))
