"""Messages as they really come: twice, with subtypes, from other workspaces, as commands."""

import pytest

from bot.domain.conversations import (
    A_DIRECT_MESSAGE,
    Accepted,
    Channel,
    Command,
    ConversationRef,
    Membership,
    MessageEdited,
    MessagePosted,
    NoSession,
    Outcome,
    Question,
    Refused,
    Reply,
)
from tests.contract.platform.cards import LIVE
from tests.contract.platform.harness import ANN, BEN
from tests.integration.slack.fake import SlackUser, payloads
from tests.integration.slack.fake.server import Trouble
from tests.integration.slack.fake.workspace import Channel as FakeChannel
from tests.integration.slack.harness import GENERAL, SlackHarness

TS = "1790000000.123456"


async def deliver(harness: SlackHarness, text: str, **more: object) -> None:
    inner = payloads.message("U0ANN", text, "C0GENERAL", TS) | more
    await harness.fake.deliver(payloads.EVENT, payloads.event(inner))


async def test_a_mention_that_comes_as_two_events_is_one(http: SlackHarness) -> None:
    await deliver(http, "<@U0BOT> hello")
    await deliver(http, "<@U0BOT> hello", type="app_mention")

    one, other = http.core.inbounds
    assert one == other


@pytest.mark.parametrize("outcome", [Question(), NoSession("None here."), Refused("Too long.")])
async def test_a_mention_that_comes_as_two_events_is_answered_once(http: SlackHarness, outcome: Outcome) -> None:
    http.core.outcome, http.core.reply = outcome, Reply("All is well.")
    for kind in ("message", "app_mention", "message"):
        await deliver(http, "<@U0BOT> status", type=kind)
        await http._settled()
    assert len(await http.privately(ANN)) == 1


async def test_what_was_refused_is_not_taken_after_all(http: SlackHarness) -> None:
    http.core.outcome = Refused("Ten messages wait already.")
    await deliver(http, "<@U0BOT> hello")
    http.core.outcome = Accepted("row", "session")
    await deliver(http, "<@U0BOT> hello", type="app_mention")
    await http._settled()
    assert await http.privately(ANN) == ["Ten messages wait already."]


async def test_a_redelivered_event_is_answered_after_a_failure(http: SlackHarness) -> None:
    http.core.outcome, http.core.reply = Question(), Reply("All is well.")
    http.core.unavailable = True
    await deliver(http, "<@U0BOT> status")
    http.core.unavailable = False
    await deliver(http, "<@U0BOT> status")
    await http._settled()
    assert len(await http.privately(ANN)) == 1


async def test_what_a_command_changes_is_done_once(socket: SlackHarness) -> None:
    """A question may change something: `defaults set` leaves no row in the inbox that would know it again."""
    socket.core.outcome, socket.core.reply = Question(), Reply("Done.")
    await socket.slash(ANN, "defaults show", GENERAL)
    await socket.redeliver()
    assert len(await socket.privately(ANN)) == 1
    socket.core.answered.clear()  # as after a quarter of an hour
    await socket.redeliver()
    assert len(await socket.privately(ANN)) == 2


async def test_stamps_are_microseconds(http: SlackHarness) -> None:
    await deliver(http, "hello")
    assert http.core.inbounds[0].sequence == 1_790_000_000_123_456


@pytest.mark.parametrize(("text", "mentioned"), [("stop", False), ("<@U0BOT> stop!", True)])
async def test_a_bare_word_is_handed_over_as_said(http: SlackHarness, text: str, *, mentioned: bool) -> None:
    """Which bare words are commands is the core's to know."""
    await deliver(http, text, thread_ts="1780000000.000001")
    inbound = http.core.inbounds[0]
    assert isinstance(inbound.body, MessagePosted)
    assert (inbound.body.text.strip("!"), inbound.body.mentioned, inbound.body.direct) == ("stop", mentioned, False)
    assert inbound.place == GENERAL.in_thread("1780000000.000001")


async def test_a_direct_message_is_known_as_one(http: SlackHarness) -> None:
    await deliver(http, "help", channel="D0ANN")
    body = http.core.inbounds[0].body
    assert isinstance(body, MessagePosted)
    assert body.direct


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("<@U0BOT> start Ann mode:dialogue", Command("start", {"avatar": "Ann", "mode": "dialogue"})),
        ("<@U0BOT|bot> watch", Command("watch")),
        ("<@U0BOT> say hello <@U0BEN>", Command("say", {"text": "hello Ben"})),
        (
            "<@U0BOT> upload <https://x.example/a.mp4> Ann",
            Command("upload", {"url": "https://x.example/a.mp4", "name": "Ann"}),
        ),
    ],
)
async def test_a_mention_with_a_verb_is_a_command(http: SlackHarness, text: str, command: Command) -> None:
    await deliver(http, text)
    assert http.core.inbounds[0].body == command


@pytest.mark.parametrize(
    "more",
    [
        {"subtype": "channel_join"},
        {"subtype": "bot_message", "bot_id": "B9"},
        {"bot_id": "B9"},
        {"user": "USLACK"},
        {"hidden": True},
        {"subtype": "message_replied"},
    ],
)
async def test_what_no_person_said_is_not_heard(http: SlackHarness, more: dict[str, object]) -> None:
    await deliver(http, "hello", **more)
    assert http.core.inbounds == []


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share"])
async def test_a_broadcast_and_words_with_a_file_are_heard(http: SlackHarness, subtype: str) -> None:
    await deliver(http, "hello", subtype=subtype)
    assert len(http.core.inbounds) == 1


async def test_a_preview_that_slack_adds_is_no_edit(http: SlackHarness) -> None:
    text = {"user": "U0ANN", "text": "see <https://x.example>", "ts": TS}
    await deliver(http, "", subtype="message_changed", hidden=True, message=text, previous_message=text)
    assert http.core.inbounds == []


async def test_a_deleted_root_of_a_thread_is_a_deletion(http: SlackHarness) -> None:
    before = {"user": "U0ANN", "text": "hello", "ts": TS}
    tomb = {"user": "USLACKBOT", "text": "This message was deleted.", "subtype": "tombstone", "ts": TS}
    await deliver(http, "", subtype="message_changed", hidden=True, message=tomb, previous_message=before)
    body = http.core.inbounds[0].body
    assert not isinstance(body, MessageEdited)
    assert http.core.inbounds[0].person.id == "U0ANN"


async def test_a_direct_message_is_one_conversation(http: SlackHarness) -> None:
    for thread_ts in (None, "1780000000.000001"):
        inner = payloads.message("U0ANN", "hello", "D0ANN", TS, "im") | ({"thread_ts": thread_ts} if thread_ts else {})
        await http.fake.deliver(payloads.EVENT, payloads.event(inner))
    assert {inbound.place.thread_id for inbound in http.core.inbounds} == {""}


async def test_a_session_in_a_direct_message_has_no_thread(http: SlackHarness) -> None:
    http.fake.workspace.direct("U0ANN")
    place = GENERAL.__class__("slack", GENERAL.workspace_id, "D0ANN")
    opened = await http.platform.post_card(place, LIVE)
    assert opened.thread == place


async def test_somebody_from_another_company_is_an_outsider(http: SlackHarness) -> None:
    http.fake.workspace.users["U0ANN"] = SlackUser("U0ANN", "Ann", team="T9OTHER")
    await deliver(http, "hello")
    assert http.core.inbounds[0].person.standing is Membership.OUTSIDER


async def test_a_stranger_in_a_shared_channel_is_an_outsider(http: SlackHarness) -> None:
    inner = payloads.message("U9FAR", "hello", "C0GENERAL", TS)
    await http.fake.deliver(payloads.EVENT, payloads.event(inner, is_ext_shared_channel=True))
    person = http.core.inbounds[0].person
    assert (person.name, person.standing) == ("someone", Membership.OUTSIDER)


async def test_an_admin_is_known(http: SlackHarness) -> None:
    inner = payloads.message("U0ADA", "hello", "C0GENERAL", TS)
    await http.fake.deliver(payloads.EVENT, payloads.event(inner))
    assert http.core.inbounds[0].person.standing is Membership.ADMIN


async def test_names_are_not_waited_for(http: SlackHarness) -> None:
    http.fake.troubles["users.info"] = Trouble(slow_s=2.5, times=1)
    await deliver(http, "hello")
    person = http.core.inbounds[0].person
    assert (person.id, person.name) == ("U0ANN", "someone")


async def test_names_are_asked_once(http: SlackHarness) -> None:
    for n in range(4):
        await http.write(ANN, f"Number {n} for <@U0BEN>", GENERAL)
    assert len([call for call in http.fake.called("users.info") if call.args["user"] == "U0ANN"]) == 1


async def test_a_channels_name_is_asked_once_and_not_waited_for(http: SlackHarness) -> None:
    http.fake.slow["conversations.info"] = 1.0
    names = [(await http.platform.channel(GENERAL)).name for _ in range(3)]
    assert names == ["C0GENERAL", "#general", "#general"]
    assert len(http.fake.called("conversations.info")) == 1


@pytest.mark.parametrize(
    "trouble", [Trouble(status=500, times=9), Trouble(hangs_up=True, times=9), Trouble(error="ratelimited")]
)
async def test_an_unresolved_channel_shows_its_id(http: SlackHarness, trouble: Trouble) -> None:
    http.fake.troubles["conversations.info"] = trouble
    assert await http.platform.channel(GENERAL) == Channel("C0GENERAL", private=True)


async def test_a_private_channel_that_we_left_has_no_name(http: SlackHarness) -> None:
    http.fake.workspace.channels["C0BOARD"] = FakeChannel("C0BOARD", "board", "group", member=False)
    assert await http.platform.channel(ConversationRef("slack", GENERAL.workspace_id, "C0BOARD")) == Channel(
        "C0BOARD", private=True
    )


async def test_a_direct_message_is_called_that_without_asking(http: SlackHarness) -> None:
    http.fake.workspace.direct("U0ANN")
    assert await http.platform.channel(ConversationRef("slack", GENERAL.workspace_id, "D0ANN")) == A_DIRECT_MESSAGE
    assert http.fake.called("conversations.info") == []


async def test_people_and_groups_are_mentioned_where_access_is_given(http: SlackHarness) -> None:
    await http.slash(ANN, "defaults access <@U0BEN|ben> <!subteam^S1|@ops>", GENERAL)
    assert http.core.inbounds[0].body == Command("defaults access", {"who": "<@U0BEN> <@&S1>"})


async def test_nonsense_after_the_command_is_explained(http: SlackHarness) -> None:
    await http.slash(BEN, "strat", GENERAL)
    assert http.core.inbounds == []
    assert any("start" in told for told in await http.privately(BEN))


async def test_a_bare_verb_is_silent_where_no_avatar_is(http: SlackHarness) -> None:
    http.core.outcome = NoSession("None here.")
    await deliver(http, "stop", thread_ts="1780000000.000001")
    assert await http.privately(ANN) == []


async def test_a_person_is_in_their_groups(http: SlackHarness) -> None:
    await http.write(ANN, "hello", GENERAL)
    await http.write(BEN, "hello", GENERAL)
    assert [inbound.person.groups for inbound in http.core.inbounds] == [frozenset(), frozenset({"S0OPS"})]
    assert len(http.fake.called("usergroups.list")) == 1


async def test_without_the_scope_nobody_is_in_a_group(http: SlackHarness) -> None:
    http.fake.troubles["usergroups.list"] = Trouble(error="missing_scope")
    await http.write(BEN, "hello", GENERAL)
    await http.write(BEN, "again", GENERAL)
    assert http.core.inbounds[0].person.groups == frozenset()
    assert len(http.fake.called("usergroups.list")) == 1


async def test_a_group_is_said_by_its_name(http: SlackHarness) -> None:
    group = {"type": "usergroup", "usergroup_id": "S0OPS"}
    blocks = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [group]}]}]
    await deliver(http, "<!subteam^S0OPS>", blocks=blocks)
    body = http.core.inbounds[0].body
    assert isinstance(body, MessagePosted)
    assert body.text == "ops"


async def test_only_our_name_asks_for_help(http: SlackHarness) -> None:
    await deliver(http, "<@U0BOT>")
    assert http.core.inbounds[0].body == Command("help")


async def test_a_file_without_words_says_nothing(http: SlackHarness) -> None:
    await deliver(http, "", subtype="file_share")
    assert http.core.inbounds == []


def table(kind: str) -> dict[str, object]:
    """As Slack sends a pasted table (vercel/chat #803): an attachment without a link, and no text anywhere."""
    rich = {"type": "rich_text_section", "elements": [{"type": "text", "text": "Ann"}]}
    rows = [
        [{"type": "raw_text", "text": "Name"}, {"type": "raw_text", "text": "Amount"}],
        [{"type": "rich_text", "elements": [rich]}, {"type": "raw_number", "value": 1200, "text": "1,200"}],
    ]
    return {"id": 1, "fallback": "[no preview available]", "blocks": [{"type": kind, "rows": rows}]}


FORWARDED = {
    "is_msg_unfurl": True,
    "is_share": True,
    "author_name": "Ben",
    "author_id": "U0BEN",
    "from_url": "https://team.slack.com/archives/C0OTHER/p1",
    "text": "lunch at <#C0OTHER>?",
    "fallback": "[November 1st] Ben: lunch?",
}
IN_BLOCKS = FORWARDED | {
    "message_blocks": [
        {
            "team": "T0TEAM",
            "channel": "C0OTHER",
            "ts": "1.0",
            "message": {
                "blocks": [
                    {
                        "type": "rich_text",
                        "elements": [
                            {"type": "rich_text_section", "elements": [{"type": "text", "text": "lunch, <here>?"}]}
                        ],
                    }
                ]
            },
        }
    ]
}


@pytest.mark.parametrize(
    ("text", "attachment", "said"),
    [
        ("", table("table"), "Name, Amount.\nAnn, 1,200."),
        ("Look:", table("data_table"), "Look:\nName, Amount.\nAnn, 1,200."),
        ("", FORWARDED, "Ben wrote: lunch at the other channel?"),
        ("See this", IN_BLOCKS, "See this\nBen wrote: lunch, <here>?"),
        (
            "<https://x.example>",
            {"from_url": "https://x.example", "title": "X", "text": "a page"},
            "a link to x.example",
        ),
        ("hello", {"blocks": "none", "message_blocks": [1, {"message": 2}], "is_share": True}, "hello"),
    ],
)
async def test_what_people_attach_is_heard(
    http: SlackHarness, text: str, attachment: dict[str, object], said: str
) -> None:
    await deliver(http, text, attachments=[attachment])
    body = http.core.inbounds[0].body
    assert isinstance(body, MessagePosted)
    assert body.text == said


async def test_whom_a_forwarded_message_mentions_is_not_addressed(http: SlackHarness) -> None:
    await deliver(http, "funny", attachments=[FORWARDED | {"text": "<@U0BOT> stop"}])
    body = http.core.inbounds[0].body
    assert isinstance(body, MessagePosted)
    assert not body.mentioned


async def test_an_added_table_is_an_edit_an_unfurl_none(http: SlackHarness) -> None:
    before = {"user": "U0ANN", "text": "see", "ts": TS}
    for attachment in ({"from_url": "https://x.example", "text": "a page"}, table("table")):
        after = before | {"attachments": [attachment]}
        await deliver(http, "", subtype="message_changed", hidden=True, message=after, previous_message=before)
    (inbound,) = http.core.inbounds
    assert isinstance(inbound.body, MessageEdited)


async def test_what_somebody_does_is_heard(http: SlackHarness) -> None:
    await deliver(http, "waves", subtype="me_message")
    body = http.core.inbounds[0].body
    assert isinstance(body, MessagePosted)
    assert body.text == "waves"
