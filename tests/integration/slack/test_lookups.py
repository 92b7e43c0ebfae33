"""Who people are, asked of a Slack that is slow, that throttles, and that people try to keep busy."""

import asyncio

import pytest

from adapters.slack.directory import NAMES_LIMIT
from adapters.slack.platform import SlackPlatform
from bot.domain.conversations import Membership, MessagePosted
from bot.domain.errors import PlatformError
from tests.contract.platform.harness import ANN, BEN, GUEST
from tests.integration.slack.fake import SlackUser, payloads
from tests.integration.slack.fake.server import Trouble
from tests.integration.slack.harness import GENERAL, SlackHarness
from tests.patience import until


def asked(http: SlackHarness, user: str = "") -> int:
    return len([call for call in http.fake.called("users.info") if user in ("", call.args["user"])])


async def test_a_slow_look_up_is_asked_once_and_learned(http: SlackHarness) -> None:
    http.fake.slow["users.info"] = 1.5
    await asyncio.gather(*(http.write(ANN, f"Number {n}", GENERAL) for n in range(5)))
    assert {inbound.person.standing for inbound in http.core.inbounds} == {Membership.UNKNOWN}
    await until(lambda: asked(http) == 1)

    http.core.inbounds.clear()
    await http.write(ANN, "And now?", GENERAL)
    person = http.core.inbounds[0].person
    assert (person.name, person.standing) == ("Ann", Membership.MEMBER)
    assert asked(http) == 1


async def test_a_delivery_waits_for_look_ups_in_bounds(http: SlackHarness) -> None:
    for method in ("users.info", "conversations.info", "usergroups.list"):
        http.fake.slow[method] = 30.0
    await http.write(ANN, "<@U0BEN> in <#C0OTHER>", GENERAL)
    assert len(http.core.inbounds) == 1


async def test_mentions_do_not_hide_who_is_a_guest(http: SlackHarness) -> None:
    """A thousand names of a message are no reason to take a guest for a member."""
    http.fake.throttle.stricter["users.info"] = (5, 60.0)
    blocks = [{"type": "user", "user_id": f"U{n:06d}"} for n in range(1_000)]
    rich = [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": blocks}]}]
    inner = payloads.message("U0GUEST", "hello", "C0GENERAL", "1790000000.123456") | {"blocks": rich}
    await http.fake.deliver(payloads.EVENT, payloads.event(inner))
    assert http.core.inbounds[0].person.standing is Membership.OUTSIDER
    assert http.fake.called("users.info")[0].args["user"] == "U0GUEST"
    assert asked(http) <= 1 + NAMES_LIMIT


async def test_who_is_throttled_is_unknown_and_not_asked_for_again(http: SlackHarness) -> None:
    http.fake.throttle.stricter["users.info"] = (1, 300.0)
    await http.write(BEN, "hello", GENERAL)
    for n in range(5):
        await http.write(GUEST, f"Number {n}", GENERAL)
    assert {inbound.person.standing for inbound in http.core.inbounds[1:]} == {Membership.UNKNOWN}
    assert asked(http, "U0GUEST") == 1


async def test_user_groups_are_asked_for_once(http: SlackHarness) -> None:
    http.fake.slow["usergroups.list"] = 0.3
    people = [SlackUser(f"U0P{n}", f"Person {n}") for n in range(32)]
    http.fake.workspace.users |= {person.id: person for person in people}
    inners = [payloads.message(p.id, "hello", "C0GENERAL", f"1790000000.{n:06d}") for n, p in enumerate(people)]
    await asyncio.gather(*(http.fake.deliver(payloads.EVENT, payloads.event(inner)) for inner in inners))
    assert len(http.core.inbounds) == 32
    await until(lambda: http.fake.called("usergroups.list"))
    await http.write(ANN, "hello", GENERAL)
    assert len(http.fake.called("usergroups.list")) == 1


@pytest.mark.parametrize("more", [{}, {"thread_ts": "1780000000.000001"}])
async def test_where_no_avatar_is_nothing_is_asked(http: SlackHarness, more: dict[str, str]) -> None:
    http.core.hosted = False
    inner = payloads.message("U0ANN", "lunch, <@U0BEN>?", "C0GENERAL", "1790000000.000001") | more
    await http.fake.deliver(payloads.EVENT, payloads.event(inner))
    edited = {"user": "U0ANN", "text": "dinner, <@U0BEN>?", "ts": "1790000000.000001"}
    change = {
        "subtype": "message_changed",
        "hidden": True,
        "message": edited,
        "previous_message": edited | {"text": "x"},
    }
    await http.fake.deliver(payloads.EVENT, payloads.event(inner | change))
    assert http.core.inbounds == []
    assert {call.method for call in http.fake.calls} <= {"auth.test", "apps.connections.open"}


async def test_who_addresses_us_is_looked_up_wherever_they_are(http: SlackHarness) -> None:
    http.core.hosted = False
    await http.write(ANN, "start", GENERAL, mention=True)
    assert http.core.inbounds[0].person.standing is Membership.MEMBER


async def test_an_edit_asks_only_for_names(http: SlackHarness) -> None:
    ref = await http.write(ANN, "hello", GENERAL)
    before = asked(http)
    await http.rewrite(ref, "hello again")
    assert asked(http) == before


@pytest.mark.parametrize(
    ("user", "standing"),
    [
        (SlackUser("U0ANN", "Ann", deleted=True), Membership.OUTSIDER),
        (SlackUser("U0ANN", "Ann", team="T9HOME", enterprise="E0", teams=("T9HOME", "T0TEAM")), Membership.MEMBER),
        (SlackUser("U0ANN", "Ann", team="T9HOME", enterprise="E0", teams=("T9HOME",)), Membership.OUTSIDER),
        (SlackUser("U0ANN", "Ann", team="T9HOME", enterprise="E0", teams=("T0TEAM",), guest=True), Membership.OUTSIDER),
    ],
)
async def test_in_a_grid_the_list_of_workspaces_decides(
    http: SlackHarness, user: SlackUser, standing: Membership
) -> None:
    http.fake.workspace.users["U0ANN"] = user
    await http.write(ANN, "hello", GENERAL)
    assert http.core.inbounds[0].person.standing is standing


async def test_whoever_was_deactivated_is_no_member_as_slack_says_now(http: SlackHarness) -> None:
    slack = http.platform
    assert isinstance(slack, SlackPlatform)
    await http.write(ANN, "hello", GENERAL)
    assert await slack.is_member(GENERAL, "U0ANN")
    http.fake.workspace.users["U0ANN"] = SlackUser("U0ANN", "Ann", deleted=True)
    assert not await slack.is_member(GENERAL, "U0ANN")
    assert not await slack.is_member(GENERAL, "U0NOBODY")
    http.fake.troubles["users.info"] = Trouble(status=500)
    with pytest.raises(PlatformError):
        await slack.is_member(GENERAL, "U0BEN")


async def test_a_running_lookup_ends_with_the_platform(http: SlackHarness) -> None:
    http.fake.slow["users.info"] = 60.0
    await http.write(ANN, "hello", GENERAL)
    await http.restart()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "slack-lookup"]


async def test_an_unresolved_mention_is_spoken_without_a_name(http: SlackHarness) -> None:
    await http.write(ANN, "hello", GENERAL)
    http.fake.slow["users.info"] = 5.0
    inner = payloads.message("U0ANN", "hello <@U0BEN>", "C0GENERAL", "1790000000.000009")
    await http.fake.deliver(payloads.EVENT, payloads.event(inner))
    body = http.core.inbounds[-1].body
    assert isinstance(body, MessagePosted)
    assert body.text == "hello someone"
