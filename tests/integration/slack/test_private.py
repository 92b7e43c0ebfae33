"""What is for one person reaches that person or nobody: no scope, no rate limit and no failure makes it public."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations

import pytest

from bot.domain.conversations import ConversationRef, File, Link, Question, Reply, ReplyTo
from bot.domain.errors import PlatformError, Throttled
from tests.contract.platform.harness import ANN
from tests.integration.slack.fake import Grant
from tests.integration.slack.fake.reference import available
from tests.integration.slack.fake.server import Trouble
from tests.integration.slack.fake.workspace import ALL_SCOPES, BOT_TOKEN
from tests.integration.slack.harness import GENERAL, SlackHarness
from tests.patience import HANG_S

SECRET = "https://bot.example/v/secret"
PRIVATE = Reply("Psst.", link=Link("Watch", SECRET), file=File("usage.png", "image/png", b"PNG"))
WAYS = ("chat.postEphemeral", "conversations.open", "files.getUploadURLExternal", "files.completeUploadExternal")
BROKEN = [
    Trouble(error="missing_scope", times=9),
    Trouble(error="user_not_in_channel", times=9),
    Trouble(error="channel_not_found", times=9),
    Trouble(status=503, times=9),
    Trouble(hangs_up=True, times=9),
]

needs_scopes = pytest.mark.skipif(
    not available(), reason="no Slack specifications in SPECS_DIR: the stand-in knows no scopes"
)


async def answer_to_ann(http: SlackHarness) -> ReplyTo:
    await http.slash(ANN, "status", GENERAL)
    to = http.core.inbounds[-1].reply_to
    assert to
    return to


def subsets() -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(WAYS, n) for n in range(len(WAYS) + 1))


@pytest.mark.parametrize("broken", BROKEN, ids=lambda trouble: trouble.error or str(trouble.status))
@pytest.mark.parametrize("closed", list(subsets()), ids=" ".join)
async def test_whatever_fails_nothing_private_is_public(
    http: SlackHarness, closed: tuple[str, ...], broken: Trouble
) -> None:
    to = replace(await answer_to_ann(http), handle="")
    http.fake.troubles = {method: replace(broken) for method in closed}
    try:
        await http.platform.reply(to, PRIVATE)
    except PlatformError:
        assert closed  # the core tries again, or the log says so
    told = " ".join(await http.privately(ANN))
    for seen in await http.messages(GENERAL):
        assert "Psst" not in seen.text
        assert SECRET not in seen.text + str(seen.buttons)
        assert not seen.files
        assert seen.notified == ("U0ANN",)
    assert closed or ("Psst." in told and SECRET in told and "usage.png" in told)


@needs_scopes
async def test_who_cannot_be_answered_is_told_which_scope_is_missing(http: SlackHarness) -> None:
    to = await answer_to_ann(http)
    http.later(3600)
    http.fake.troubles["chat.postEphemeral"] = Trouble(error="user_not_in_channel")
    http.fake.grants[BOT_TOKEN] = Grant(scopes=ALL_SCOPES - {"im:write"})
    await http.platform.reply(to, Reply("Psst."))
    (seen,) = await http.messages(GENERAL)
    assert seen.notified == ("U0ANN",)
    assert "im:write" in seen.text


@needs_scopes
@pytest.mark.parametrize("scope", ["im:write", "files:write"])
async def test_a_file_that_cannot_be_sent_is_said_so_privately(http: SlackHarness, scope: str) -> None:
    to = await answer_to_ann(http)
    http.fake.grants[BOT_TOKEN] = Grant(scopes=ALL_SCOPES - {scope})
    await http.platform.reply(to, PRIVATE)
    assert await http.messages(GENERAL) == []
    told = (await http.privately(ANN))[-1]
    assert "usage.png" in told
    assert scope in told


@needs_scopes
async def test_in_a_direct_message_no_scope_is_missing(http: SlackHarness) -> None:
    direct = ConversationRef("slack", GENERAL.workspace_id, http.fake.workspace.direct("U0ANN").id)
    to = replace(await answer_to_ann(http), place=direct, handle="")
    http.fake.grants[BOT_TOKEN] = Grant(scopes=ALL_SCOPES - {"im:write"})
    await http.platform.reply(to, PRIVATE)
    assert any("usage.png" in told for told in await http.privately(ANN))


async def test_a_person_is_told_directly_where_nothing_ephemeral_can_be(http: SlackHarness) -> None:
    to = await answer_to_ann(http)
    http.later(3600)
    http.fake.troubles["chat.postEphemeral"] = Trouble(error="user_not_in_channel")
    await http.platform.reply(to, Reply("Psst."))
    assert [m.text for m in http.fake.workspace.messages if m.channel == "D0ANN"] == ["Psst."]


async def test_the_core_hears_of_a_rate_limit_and_tries_again(http: SlackHarness) -> None:
    to = await answer_to_ann(http)
    http.later(3600)
    http.fake.troubles["chat.postEphemeral"] = Trouble(429, "ratelimited", headers=(("Retry-After", "3"),))
    with pytest.raises(Throttled):
        await http.platform.reply(to, Reply("Psst."))
    assert not await http.messages(GENERAL)


@pytest.mark.parametrize("text", ["status", "<@U0BOT> status"])
async def test_an_answer_waits_for_slacks_rate_limit(http: SlackHarness, text: str) -> None:
    """By its handle, and ephemerally where a mention gave none."""
    http.core.outcome, http.core.reply = Question(), PRIVATE
    busy = Trouble(429, "ratelimited", headers=(("Retry-After", "1"),), times=2)
    http.fake.troubles["chat.postEphemeral"] = busy
    http.fake.hooks_busy = replace(busy)
    async with asyncio.timeout(HANG_S):
        if text.startswith("<"):
            await http.write(ANN, "status", GENERAL, mention=True)
        else:
            await http.slash(ANN, text, GENERAL)
    told = await http.privately(ANN)
    assert len([each for each in told if SECRET in each]) == 1
    assert await http.messages(GENERAL) == [] or text.startswith("<")


@pytest.mark.parametrize("alt", ["Bar chart of minutes a day.", "x" * 3_000])
async def test_a_picture_has_a_text_alternative(http: SlackHarness, alt: str) -> None:
    to = await answer_to_ann(http)
    await http.platform.reply(to, Reply("Used.", file=File("chart.png", "image/png", b"PNG", alt)))
    assert http.fake.alts["chart.png"] == alt[:1_000]
