import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from bot.redaction import HIDDEN, REDACTOR, Redactor, names_a_secret
from bot.telemetry import (
    EVERY_S,
    KINDS_LIMIT,
    QUIETER,
    LogThrottle,
    Metrics,
    ThrottledWarnings,
    configure_logging,
    new_metrics,
)

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*"), min_size=8, max_size=40)
WORDS = st.text(max_size=12)


def nested(secret: str) -> st.SearchStrategy[Any]:
    leaves = st.one_of(
        st.none(),
        st.integers(),
        WORDS,
        st.tuples(WORDS, WORDS).map(lambda around: f"{around[0]}{secret}{around[1]}"),
        st.just(secret.encode()),
        st.just(ValueError(secret)),
        st.just({"deep": {secret: secret}}),
    )
    return st.recursive(
        leaves, lambda held: st.lists(held, max_size=3) | st.dictionaries(WORDS, held, max_size=3), max_leaves=8
    )


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """JSON lines of the whole process, and everything as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in QUIETER}
    stream = io.StringIO()
    configure_logging("debug", stream)
    yield stream
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, least in levels.items():
        logging.getLogger(name).setLevel(least)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@given(secret=SECRETS, data=st.data())
def test_no_registered_secret_survives_in_any_nesting(secret: str, data: st.DataObject) -> None:
    redactor = Redactor()
    redactor.register(secret)
    shown = redactor.value(data.draw(nested(secret)))
    assert secret not in str(shown)
    assert json.dumps(secret)[1:-1] not in json.dumps(shown)


def test_neither_message_nor_field_nor_traceback_shows_a_secret(log: io.StringIO) -> None:
    secret = """it's "odd"\\but-registered"""
    REDACTOR.register(secret)

    def fail(argument: str) -> None:
        raise KeyError(argument) from ValueError(f"inner {argument}")

    try:
        fail(secret)
    except KeyError:
        structlog.get_logger("ours").exception(f"failed with {secret}", payload={"text": [secret]}, note=secret)
        logging.getLogger("theirs").exception("failed with %s", secret)

    ours, theirs = lines(log)
    assert "fail(secret)" in ours["exception"]
    assert "KeyError" in theirs["exception"]
    assert ours["note"] == HIDDEN
    assert "odd" not in log.getvalue()


def test_a_readable_log_redacts_as_well(log: io.StringIO) -> None:
    configure_logging("debug", log, terminal=True)
    failure = RuntimeError("xoxb-12345-abcdef")
    structlog.get_logger("ours").error("failed", exc_info=failure, bot_token="something")

    assert "RuntimeError: ***" in log.getvalue()
    assert "something" not in log.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "xoxb-1234-5678-abcdefgh",
        "xoxe.xoxp-1-Mi0yLTEyMzQ",
        "xapp-1-A0123-456-abcdef",
        "https://hooks.slack.com/commands/T1/2/abc",
        "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
        "006970CA35de60c44645bbae8a215061b33IACV0fZUBw72cVoL9eyGGh3Q6Poi8bgjwVLnyKSJyOXR7dIfRBXoFHlEAAAAA",
        "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl",
        "sk-proj-abcdefghijklmnopqrst",
    ],
)
def test_secrets_are_known_by_their_shape(text: str) -> None:
    assert Redactor().text(f"before {text} after") == f"before {HIDDEN} after"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /v/abcDEF123456_-x HTTP/1.1", "GET /v/*** HTTP/1.1"),
        ("postgres://ann:hunter2@db/avatars", "postgres://***@db/avatars"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("/api/webhooks/123/abc-DEF_9", "/api/webhooks/123/***"),
        ("https://x.example/a?token=abc&page=2", "https://x.example/a?token=***&page=2"),
        ("body: {'token': 'Z26u', 'text': 'hello'}", "body: {'token': '***', 'text': 'hello'}"),
    ],
)
def test_what_surrounds_a_secret_stays(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


def test_ordinary_text_is_left_alone() -> None:
    text = "session 0198f3a2-6c1e-7abc-8def-0123456789ab is live; see https://docs.akool.com/page?limit=5"
    assert Redactor().text(text) == text


@pytest.mark.parametrize(
    "name",
    ["token", "slack_bot_token", "apiKey", "AKOOL_API_KEY", "response_url", "x-api-key", "credentials", "handle"],
)
def test_fields_are_hidden_by_name(name: str) -> None:
    assert names_a_secret(name)
    assert Redactor().value({name: "anything"}) == {name: HIDDEN}


@pytest.mark.parametrize("name", ["monkey", "keyboard", "event", "handler", "author", "tokenizer_name"])
def test_fields_that_only_sound_alike_are_shown(name: str) -> None:
    assert Redactor().value({name: "anything"}) == {name: "anything"}


def test_a_value_in_a_circle_ends() -> None:
    circle: dict[str, Any] = {}
    circle["again"] = circle
    assert "again" in Redactor().value(circle)


def test_short_values_hide_nothing() -> None:
    redactor = Redactor()
    redactor.register("a")
    assert redactor.text("banana") == "banana"


def test_libraries_speak_through_the_same_lines(log: io.StringIO) -> None:
    logging.getLogger("discord.http").info("too much")
    logging.getLogger("slack_bolt.AsyncApp").warning("Unhandled request (body)")
    logging.getLogger("httpx").warning("slow %s", "server")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old way", DeprecationWarning, stacklevel=1)

    assert [(line["logger"], line["level"]) for line in lines(log)] == [
        ("httpx", "warning"),
        ("py.warnings", "warning"),
    ]
    assert lines(log)[0]["event"] == "slow server"


def test_the_level_holds_for_our_own_lines(log: io.StringIO) -> None:
    configure_logging("warning", log)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(log)] == ["loud"]


def test_metrics_name_no_tenant() -> None:
    metrics = new_metrics()
    metrics.accepted.labels("slack").inc()
    metrics.provider_calls.labels("create", "ok").inc()
    metrics.sessions.labels("live").set(3)

    shown = metrics.exposition().decode()

    assert 'avatarbot_inbox_accepted_total{platform="slack"} 1.0' in shown
    assert 'avatarbot_sessions{status="live"} 3.0' in shown
    assert labels_of(metrics) <= {"platform", "status", "outcome", "reason", "endpoint", "sqlstate", "key", "role"}


def labels_of(metrics: Metrics) -> set[str]:
    collectors = [getattr(metrics, name) for name in Metrics.__dataclass_fields__ if name != "registry"]
    return {label for collector in collectors for label in collector._labelnames}


def test_nobodys_name_forges_a_line_or_moves_the_cursor(log: io.StringIO) -> None:
    configure_logging("info", log, terminal=True)
    structlog.get_logger().info("started by Ann\n12:00:00 [info] all is well", person="\x1b[2Jroot\r\u202e")
    logging.getLogger("theirs").warning("hello %s", "\x1b]0;owned\x07\nforged")

    assert len(log.getvalue().splitlines()) == 2
    assert not {"\x07", "\r", "\u202e"} & set(log.getvalue())
    assert "\x1b[2J" not in log.getvalue()
    assert "\x1b]" not in log.getvalue()


def test_one_line_a_minute_and_the_rest_counted() -> None:
    now = 0.0
    throttle = LogThrottle(lambda: now)
    assert throttle.admit("a") == 0
    now = 1.0
    assert throttle.admit("a") is None
    assert throttle.admit("b") == 0
    assert throttle.admit("a") is None
    now = EVERY_S
    assert throttle.admit("a") == 2
    assert throttle.admit("a") is None


def test_what_is_remembered_is_bounded() -> None:
    throttle = LogThrottle(lambda: 0.0)
    for number in range(3 * KINDS_LIMIT):
        throttle.admit(str(number))
    assert len(throttle._logged) <= KINDS_LIMIT


def test_errors_of_a_library_always_pass() -> None:
    throttled = ThrottledWarnings()
    passed = [throttled.filter(logging.LogRecord("x", level, "", 0, "m", None, None)) for level in (30, 30, 40, 40)]
    assert passed == [True, False, True, True]
