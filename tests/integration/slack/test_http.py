"""Deliveries over HTTP: who is let in, and what is answered when."""

import json
import logging
import time
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.slack.platform import SlackPlatform
from adapters.slack.receiver import BODY_LIMIT, Malformed, is_signed, read_body
from bot.domain.conversations import Command, MessagePosted, NoSession
from bot.testing.vault import FakeSecretVault
from tests.contract.platform.harness import ANN
from tests.integration.slack.fake import payloads
from tests.integration.slack.fake.server import Trouble
from tests.integration.slack.harness import GENERAL, SlackHarness, over, slack_settings

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def post(harness: SlackHarness, body: bytes, headers: dict[str, str]) -> int:
    assert harness.fake.deliver_http
    status, _ = await harness.fake.deliver_http(body, headers)
    return status


async def test_an_address_is_verified_by_its_challenge(http: SlackHarness) -> None:
    status, body = await http.fake.deliver(payloads.EVENT, {"type": "url_verification", "challenge": "abc"})
    assert (status, json.loads(body)) == (200, {"challenge": "abc"})


async def test_a_check_of_the_certificate_is_answered_unsigned(http: SlackHarness) -> None:
    assert await post(http, b"token=x&ssl_check=1", FORM) == 200
    assert http.core.inbounds == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "v0=x"},
        {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=x"},
        {"X-Slack-Request-Timestamp": "-5", "X-Slack-Signature": "v0=x"},
        payloads.signed(b"something else"),
        payloads.signed(b"{}", secret="another secret"),
    ],
)
async def test_what_slack_did_not_sign_just_now_is_turned_away(http: SlackHarness, headers: dict[str, str]) -> None:
    assert await post(http, b"{}", headers | JSON) == 401


@pytest.mark.parametrize(("off", "status"), [(-302, 401), (302, 401), (-290, 200), (290, 200)])
async def test_a_signature_is_good_for_five_minutes(http: SlackHarness, off: int, status: int) -> None:
    body = b'{"type": "app_rate_limited"}'
    assert await post(http, body, payloads.signed(body, at=int(time.time()) + off) | JSON) == status


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xff\xfe", JSON),
        (b"{", JSON),
        (b"[]", JSON),
        (b"null", JSON),
        (b"[" * 50_000, JSON),
        (b'{"type": "event_callback"}', JSON),
        (b'{"type": "event_callback", "event": []}', JSON),
        (b'{"type": "event_callback", "event": {"type": "message"}}', JSON),
        (b'{"type": "block_actions"}', JSON),
        (b'{"authorizations": "x", "event": {}}', JSON),
        (b'{"command": "/avatar"}', JSON),
        (b"payload=%7B", FORM),
        (b"\xff=\xfe", FORM),
        (b"&".join(b"a=1" for _ in range(2_000)), FORM),
    ],
)
async def test_a_signed_but_senseless_body_is_a_bad_request(
    http: SlackHarness, body: bytes, headers: dict[str, str]
) -> None:
    assert await post(http, body, payloads.signed(body) | headers) == 400


@pytest.mark.parametrize("value", ["true", "[]", "1", '{"avatar": 1}', "{"])
async def test_a_button_whose_options_are_none_is_a_bad_request(http: SlackHarness, value: str) -> None:
    message = {"type": "message", "ts": "3.000001", "text": ""}
    action = {"type": "button", "action_id": "run:stop:1", "block_id": "b", "value": value}
    body = payloads.press("U0ANN", action, message, "C0GENERAL", "https://hooks.slack.example/1")
    assert (await http.fake.deliver(payloads.INTERACTIVE, body))[0] == 400


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (rb'{"event": {"user": "\ud800"}}', "application/json"),
        (b"payload=" + quote(r'{"event": {"user": "\ud800"}}').encode(), "application/x-www-form-urlencoded"),
    ],
)
def test_half_a_surrogate_pair_is_replaced(body: bytes, content_type: str) -> None:
    """No database takes one, so an event that held one would be refused and delivered again."""
    assert read_body(body, content_type) == {"event": {"user": "\ufffd"}}


@pytest.mark.parametrize("ts", ["17900000000000.000001", "-1.000000"])
async def test_a_time_that_no_database_holds_is_a_bad_request(http: SlackHarness, ts: str) -> None:
    """Anything else would be delivered again and again."""
    body = payloads.event(payloads.message("U0ANN", "<@U0BOT> hello", "C0GENERAL", ts))
    assert (await http.fake.deliver(payloads.EVENT, body))[0] == 400
    assert http.core.inbounds == []


async def test_a_body_larger_than_any_of_slacks_is_not_read(http: SlackHarness) -> None:
    body = b"x" * (BODY_LIMIT + 1)
    assert await post(http, body, payloads.signed(body) | JSON) == 413


async def test_a_command_may_speak_of_a_payload(http: SlackHarness) -> None:
    await http.slash(ANN, "say the payload is ready", GENERAL)
    assert [i.body for i in http.core.inbounds] == [Command("say", {"text": "the payload is ready"})]


async def test_what_could_not_be_committed_is_asked_for_again(http: SlackHarness) -> None:
    body = payloads.event(payloads.message("U0ANN", "hello", "C0GENERAL", "1790000000.000001"))
    http.core.unavailable = True
    assert (await http.fake.deliver(payloads.EVENT, body))[0] == 503

    http.core.unavailable = False
    assert (await http.fake.deliver(payloads.EVENT, body))[0] == 200
    first, again = http.core.inbounds
    assert first == again


@pytest.mark.parametrize("bug", [KeyError("x"), ValueError("x"), TypeError("x"), AttributeError("x")])
async def test_a_fault_of_ours_is_not_taken_for_slacks(
    http: SlackHarness, bug: Exception, logged: list[MutableMapping[str, Any]]
) -> None:
    """Slack delivers it again, and the log has the traceback."""
    http.core.broken = bug
    body = payloads.event(payloads.message("U0ANN", "hello", "C0GENERAL", "1790000000.000001"))
    assert (await http.fake.deliver(payloads.EVENT, body))[0] == 503
    assert [line for line in logged if line["event"] == "a delivery broke" and line["log_level"] == "error"]


async def test_what_we_do_not_know_is_taken_and_left(http: SlackHarness) -> None:
    strange: list[tuple[str, dict[str, Any]]] = [
        (payloads.EVENT, payloads.event({"type": "team_join", "user": {"id": "U1"}})),
        (payloads.EVENT, {"type": "app_rate_limited", "team_id": "T0TEAM", "minute_rate_limited": 1}),
        (payloads.INTERACTIVE, payloads._interaction("view_closed", "U0ANN")),
        (payloads.INTERACTIVE, payloads.shortcut("U0ANN", "somebody_elses")),
    ]
    for kind, payload in strange:
        assert (await http.fake.deliver(kind, payload))[0] == 200
    assert http.core.inbounds == []


async def test_without_a_secret_nothing_is_mounted(socket: SlackHarness) -> None:
    settings_ = slack_settings(socket.fake, SLACK_SIGNING_SECRET="", SLACK_APP_TOKEN="xapp-1")
    assert SlackPlatform(settings_, socket.core, FakeSecretVault(), socket.clock).mounts() == ()


async def test_an_outage_of_slack_loses_no_event(http: SlackHarness) -> None:
    """What comes before Slack has told who we are is to come again."""
    unknown = SlackPlatform(slack_settings(http.fake), http.core, FakeSecretVault(), http.clock)
    http.fake.deliver_http = over(unknown)
    http.fake.troubles["auth.test"] = Trouble(status=503, times=1)
    body = payloads.event(payloads.message("U0ANN", "hello", "C0GENERAL", "1790000000.000002"))
    assert (await http.fake.deliver(payloads.EVENT, body))[0] == 503
    assert (await http.fake.deliver(payloads.EVENT, body))[0] == 200
    assert [i.body for i in http.core.inbounds if isinstance(i.body, MessagePosted)]
    await unknown.aclose()


async def test_who_we_are_is_known_before_the_first_delivery(http: SlackHarness) -> None:
    assert len(http.fake.called("auth.test")) == 1
    http.fake.slow["auth.test"] = 60.0
    await http.write(ANN, "hello", GENERAL)
    assert len(http.core.inbounds) == 1


async def test_who_we_are_is_asked_once(http: SlackHarness) -> None:
    for n in range(5):
        await http.write(ANN, f"Number {n}", GENERAL)
    assert len(http.fake.called("auth.test")) == 1


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Everything that we log, whatever the level that tests usually have."""
    usual = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    with capture_logs() as lines:
        yield lines
    structlog.configure(wrapper_class=usual)


async def test_nothing_that_people_write_is_logged(
    http: SlackHarness, caplog: pytest.LogCaptureFixture, logged: list[MutableMapping[str, Any]]
) -> None:
    http.core.outcome = NoSession("None here.")
    strange = b'{"event": {"secret words": 1}}'
    await http.slash(ANN, "say my secret words", GENERAL)
    await post(http, b"secret words", payloads.signed(b"other") | JSON)
    await post(http, strange, payloads.signed(strange) | JSON)
    await http.fake.deliver(payloads.EVENT, payloads.event({"type": "message", "secret words": 1}))
    lines = caplog.text + str(logged)
    assert "makes no sense" in lines
    assert "secret words" not in lines
    assert "/hooks/" not in lines


texts = st.text(max_size=40)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "type",
    "event",
    "command",
    "authorizations",
    "user",
    "team",
    "view",
    "actions",
    "message",
    "channel",
    "enterprise",
)
bodies = st.dictionaries(st.sampled_from(KEYS), anything | st.sampled_from(["event_callback", "block_actions"]))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(payload=bodies)
async def test_no_signed_payload_breaks_it(http: SlackHarness, payload: dict[str, Any]) -> None:
    body = json.dumps(payload).encode()
    assert await post(http, body, payloads.signed(body) | JSON) in (200, 400, 404)


@pytest.mark.parametrize("headers", [{}, {"X-Slack-Request-Timestamp": "1", "X-Slack-Signature": "v0=" + "a" * 64}])
async def test_a_body_that_cannot_be_signed_is_not_read(http: SlackHarness, headers: dict[str, str]) -> None:
    """A millionth of it is enough to say no."""
    assert await post(http, b"a" * (BODY_LIMIT - 1), headers | JSON) == 401
    assert await post(http, b"a" * (BODY_LIMIT + 1), headers | JSON) == 401
    signed = payloads.signed(b"a" * (BODY_LIMIT + 1))
    assert await post(http, b"a" * (BODY_LIMIT + 1), signed | JSON) == 413


def test_digits_of_another_script_are_no_time() -> None:
    assert not is_signed("secret", {"x-slack-request-timestamp": "٣", "x-slack-signature": "v0=x"}, b"", 3)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(["x-slack-request-timestamp", "x-slack-signature"]), texts), st.binary())
def test_no_header_passes_for_a_signature_or_breaks_it(headers: dict[str, str], body: bytes) -> None:
    assert not is_signed("secret", headers, body, time.time())


@settings(max_examples=200)
@given(st.binary(), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_a_body_is_read_or_malformed(body: bytes, content_type: str) -> None:
    with suppress(Malformed):
        assert isinstance(read_body(body, content_type), dict)


@pytest.mark.soak
@settings(max_examples=100_000, deadline=None)
@given(st.binary(), st.integers(0, 600).map(str) | texts, texts)
def test_a_hundred_thousand_bodies(body: bytes, stamp: str, signature: str) -> None:
    headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature}
    assert not is_signed("secret", headers, body, 300)
    with suppress(Malformed):
        read_body(body, "application/json" if len(body) % 2 else "")
