"""Forms, shortcuts, buttons and the home tab."""

import json
from typing import Any

import pytest

from bot.commands.verbs import CATALOGUE
from bot.domain.conversations import Choice, Command, Item, NoSession, Question, Refused, Reply
from tests.contract.platform.harness import ANN
from tests.integration.slack.fake import payloads
from tests.integration.slack.fake.server import Trouble
from tests.integration.slack.harness import GENERAL, SlackHarness

START = {"avatar": {"avatar": {"type": "external_select", "selected_option": {"value": "mia-1"}}}}
MINUTES = {"minutes": {"minutes": {"type": "number_input", "value": "5"}}, "mode": {"mode": {"type": "static_select"}}}


async def submit(harness: SlackHarness, values: dict[str, Any], **more: Any) -> str:
    view = harness.fake.workspace.views[-1]
    status, body = await harness.fake.deliver(payloads.INTERACTIVE, payloads.submission("U0ANN", view, values, **more))
    await harness._settled()
    assert status == 200
    return body.decode()


async def shortcut(harness: SlackHarness, callback_id: str) -> None:
    await harness.fake.deliver(payloads.INTERACTIVE, payloads.shortcut("U0ANN", callback_id))


async def say_this(harness: SlackHarness, message: dict[str, Any]) -> None:
    url = harness._hook(ANN, GENERAL)
    body = payloads.message_shortcut("U0ANN", "say_with_avatar", message, "C0GENERAL", url)
    await harness.fake.deliver(payloads.INTERACTIVE, body)


# ------------------------------------------------ forms


@pytest.mark.parametrize("verb", [verb.name for verb in CATALOGUE.verbs if verb.options])
async def test_every_verb_has_a_form_that_slack_takes(http: SlackHarness, verb: str) -> None:
    await http.slash(ANN, f"{verb} ?", GENERAL)
    assert http.fake.workspace.views[-1]["type"] == "modal"
    assert http.core.inbounds == []


@pytest.mark.parametrize("text", ["set", "defaults set", "act", "knowledge create", "say"])
async def test_a_bare_verb_that_would_change_nothing_opens_its_form(http: SlackHarness, text: str) -> None:
    await http.slash(ANN, text, GENERAL)
    assert len(http.fake.workspace.views) == 1


@pytest.mark.parametrize("text", ["start", "stop", "status", "defaults show", "say really?"])
async def test_a_verb_that_needs_nothing_runs_at_once(http: SlackHarness, text: str) -> None:
    await http.slash(ANN, text, GENERAL)
    assert http.fake.workspace.views == []
    assert len(http.core.inbounds) == 1


async def test_a_filled_form_is_the_command(http: SlackHarness) -> None:
    await http.slash(ANN, "start ?", GENERAL)
    assert await submit(http, START | MINUTES) == ""

    inbound = http.core.inbounds[0]
    assert inbound.place == GENERAL
    assert inbound.body == Command("start", {"avatar": "mia-1", "minutes": "5"})


async def test_a_refused_form_stays_open_and_says_why(http: SlackHarness) -> None:
    http.core.outcome = Refused("At most 60 minutes.")
    await http.slash(ANN, "start ?", GENERAL)
    answer = json.loads(await submit(http, START))
    assert answer == {"response_action": "errors", "errors": {"avatar": "At most 60 minutes."}}


async def test_a_form_that_asks_is_answered(http: SlackHarness) -> None:
    http.core.outcome, http.core.reply = Question(), Reply("It knows our products.")
    await http.slash(ANN, "knowledge show", GENERAL)
    await submit(http, {"knowledge": {"knowledge": {"selected_option": {"value": "k1"}}}})
    assert any("It knows our products." in told for told in await http.privately(ANN))


async def test_a_form_not_ours_is_a_bad_request(http: SlackHarness) -> None:
    view = {"id": "V1", "callback_id": "other", "private_metadata": "somebody else's"}
    status, _ = await http.fake.deliver(payloads.INTERACTIVE, payloads.submission("U0ANN", view, {}))
    assert status == 400


async def test_a_form_that_comes_too_late_is_said_so(http: SlackHarness) -> None:
    http.fake.troubles["views.open"] = Trouble(error="expired_trigger_id")
    await http.slash(ANN, "set", GENERAL)
    assert any("try again" in told for told in await http.privately(ANN))


async def test_what_is_offered_fits_into_slack(http: SlackHarness) -> None:
    http.core.choices = [
        Choice("x" * 151, "too long"),
        *(Choice(f"v{n}", "&" * 200, "d" * 200) for n in range(120)),
    ]
    offered = await http.type_ahead(ANN, "start", "avatar", "v", GENERAL)
    assert len(offered) <= 100
    assert max(map(len, offered)) <= 75
    assert "too long" not in offered


# ------------------------------------------------ shortcuts


async def test_the_global_shortcut_asks_where(http: SlackHarness) -> None:
    await shortcut(http, "start_avatar")
    chosen = {"channel": {"channel": {"type": "conversations_select", "selected_conversation": "C0GENERAL"}}}
    urls = [{"channel_id": "C0GENERAL", "response_url": http._hook(ANN, GENERAL), "block_id": "channel"}]
    await submit(http, chosen | START, response_urls=urls)

    inbound = http.core.inbounds[0]
    assert inbound.place == GENERAL
    assert inbound.body == Command("start", {"avatar": "mia-1"})
    assert inbound.reply_to
    assert inbound.reply_to.handle


async def test_a_message_in_a_thread_can_be_said(http: SlackHarness) -> None:
    message = {
        "type": "message",
        "user": "U0BEN",
        "text": "*hello* <@U0ANN>",
        "ts": "2.000001",
        "thread_ts": "1.000001",
    }
    await say_this(http, message)
    inbound = http.core.inbounds[0]
    assert inbound.body == Command("say", {"text": "hello Ann"})
    assert inbound.place == GENERAL.in_thread("1.000001")
    assert inbound.person.id == "U0ANN"


async def test_a_message_without_words_cannot_be_said(http: SlackHarness) -> None:
    await say_this(http, {"type": "message", "user": "U0BEN", "text": "", "ts": "2.000001"})
    assert http.core.inbounds == []
    assert any("nothing" in told for told in await http.privately(ANN))


# ------------------------------------------------ buttons


async def test_an_item_is_chosen_by_its_button(http: SlackHarness) -> None:
    http.core.outcome = Question()
    picked = Command("start", {"avatar": 'mia "1"'})
    http.core.reply = Reply(
        "One.", items=(Item("Mia", "friendly", "https://x.example/m.png", "https://x.example/m.mp4", picked),)
    )
    await http.slash(ANN, "avatars", GENERAL)
    shown = http.fake.workspace.ephemerals[-1]
    pressed = next(block["accessory"] for block in shown.blocks if "accessory" in block)

    message = {"type": "message", "ts": "3.000001", "text": ""}
    body = payloads.press("U0ANN", pressed, message, "C0GENERAL", http._hook(ANN, GENERAL))
    await http.fake.deliver(payloads.INTERACTIVE, body)

    assert http.core.inbounds[-1].body == picked
    assert http.core.inbounds[-1].place == GENERAL


@pytest.mark.parametrize(("channel", "text"), [("C0GENERAL", "<@U0BOT> start ?"), ("D0ANN", "start ?")])
async def test_a_form_is_offered_where_a_message_asks_for_it(http: SlackHarness, channel: str, text: str) -> None:
    """Slack opens a form only for a command or a press: the answer has the button."""
    http.fake.workspace.direct("U0ANN")
    for kind in ("message", "app_mention"):
        inner = payloads.message("U0ANN", text, channel, "1790000000.000001") | {"type": kind}
        await http.fake.deliver(payloads.EVENT, payloads.event(inner))
    assert http.core.inbounds == []
    (shown,) = http.fake.workspace.ephemerals
    pressed = next(e for b in shown.blocks if b["type"] == "actions" for e in b["elements"])
    body = payloads.press(
        "U0ANN", pressed, {"type": "message", "ts": "3.0", "text": ""}, channel, http._hook(ANN, GENERAL)
    )
    await http.fake.deliver(payloads.INTERACTIVE, body)
    assert http.fake.workspace.views[-1]["title"]["text"] == "Start"


async def test_a_link_needs_no_answer(http: SlackHarness) -> None:
    action = {"type": "button", "action_id": "link:0", "value": ""}
    body = payloads.press("U0ANN", action, {"ts": "3.000001"}, "C0GENERAL", http._hook(ANN, GENERAL))
    assert await http.fake.deliver(payloads.INTERACTIVE, body) == (200, b"")
    assert http.core.inbounds == []


async def test_a_press_where_nothing_is_live_is_explained_privately(http: SlackHarness) -> None:
    http.core.outcome = NoSession("None is live here.")
    action = {"type": "button", "action_id": "run:stop:0"}
    body = payloads.press("U0ANN", action, {"ts": "3.000001"}, "C0GENERAL", http._hook(ANN, GENERAL))
    await http.fake.deliver(payloads.INTERACTIVE, body)
    assert any("None is live here." in told for told in await http.privately(ANN))


# ------------------------------------------------ the home tab


async def test_the_home_tab_shows_sessions_and_how_to_begin(http: SlackHarness) -> None:
    http.core.reply = Reply("Two sessions.", items=(Item("Mia", "in general"), Item("Max", "in other")))
    event = {"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "home", "event_ts": "1.000001"}
    await http.fake.deliver(payloads.EVENT, payloads.event(event))
    shown = json.dumps(http.fake.workspace.homes["U0ANN"], ensure_ascii=False)
    assert all(words in shown for words in ("Two sessions.", "Mia", "in other", "/avatar start"))


async def test_the_messages_tab_is_no_home(http: SlackHarness) -> None:
    event = {"type": "app_home_opened", "user": "U0ANN", "channel": "D0ANN", "tab": "messages", "event_ts": "1.000001"}
    await http.fake.deliver(payloads.EVENT, payloads.event(event))
    assert http.fake.workspace.homes == {}


async def test_a_session_starts_from_the_home_tab(http: SlackHarness) -> None:
    body = payloads.press_in_view("U0ANN", {"type": "button", "action_id": "form:start"}, {"id": "V0", "type": "home"})
    await http.fake.deliver(payloads.INTERACTIVE, body)
    assert "channel" in [block.get("block_id") for block in http.fake.workspace.views[-1]["blocks"]]


async def test_what_is_pressed_in_the_home_tab_is_answered_directly(http: SlackHarness) -> None:
    http.core.outcome = Refused("Not yours.")
    action = {"type": "button", "action_id": "run:stop:0", "value": '{"session":"s1"}'}
    await http.fake.deliver(payloads.INTERACTIVE, payloads.press_in_view("U0ANN", action, {"id": "V0", "type": "home"}))
    assert http.core.inbounds[0].body == Command("stop", {"session": "s1"})
    assert any("Not yours." in told for told in await http.privately(ANN))
