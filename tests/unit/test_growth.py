"""Reading a text takes a time that grows with its length, whatever somebody wrote to make it slow.

CPU time of this thread, the least of several runs: a busy machine makes each run slower and the least of them hardly.
"""

import contextlib
import inspect
import json
import math
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pytest

from adapters.akool.stream import protocol
from adapters.akool.stream.protocol import Chat, Part
from adapters.akool.stream.reassembly import Reassembly
from adapters.akool.stream.sender import Budget, Outgoing, SendQueue
from adapters.discord import text as discord_text
from adapters.slack import rendering
from adapters.slack import text as slack_text
from bot import redaction
from bot.app.files import changed
from bot.commands import parser, policy, urls
from bot.commands.verbs import CATALOGUE
from bot.domain import text as domain_text
from bot.domain.errors import CommandRefused
from bot.domain.posts import Speaker, TranscriptLine
from bot.domain.sessions import Mode
from bot.speech import sentences, speakable

SHORT, LONG = 1_000, 4_000
PART = 200
"""What is cut into parts has several of them in a short text, so that a long one has four times as many."""

LEAST_GROWTH = 2.5**2
"""Four times the text takes four times the time; the square of it would take sixteen times."""

QUICK_S = 0.0005
"""What takes no longer for the longest text, or its part of that for a short one, needs no proof."""

PROSE = ("", "Good morning, everybody. ", "")

UNITS = (
    *' \t\n\x00.…。!,-=*_~|`#<>&@:\\"“„[(\u200d\u0301\ufdd0a0好🙂',
    *("👩\u200d", "🇩🇪", "_a ", "*a ", "||a", "``a", "```", "[a](", "<a", "<@U1", "<@1>", "</a", "<a:bc:", ".)", ". A", "Dr. ", "1. "),
    *("> ", "| ", "。」", "… a", "“a ", '"a ', "--a ", "a:b ", ":a:", "&gt;", "a.", "a-", "a://", "://a@", "http://a ", "?token"),
    *('"token":', "eyJ", "eyJ-", "xoxb-", "sk-", "006", "M-", "AKIA", "A1a", "bearer ", "/webhooks/1", "-----BEGIN PRIVATE KEY-----"),
)  # fmt: skip
FRAMED = (
    *(("", unit, "x") for unit in (" ", "\n", ".", "。", "!", ":", "*", "_", "`", "a ", "= ", "好", "\ufdd0a\ufdd1")),
    *(("http://", unit, "!") for unit in (".", ")", "a.", "?token", "@", ":")),
    *(("[a](", unit, "") for unit in (" ", "a", "(a)", "<")),
    *(("“", unit, "”x") for unit in ("“a ", "a ")),
    *(("-----BEGIN PRIVATE KEY-----", unit, "") for unit in ("-----END ", "a")),
    ("eyJ", "a", "-"),
    ("'token", " ", "x"),
    ("'a'", " ", ": x"),
    ("bearer", " ", ""),
    ("<", "a", ""),
    ("`", "a", ""),
    ("|", "a", "x"),
)
CASES = (*(("", unit, "") for unit in UNITS), *FRAMED)


def text_of(size: int, head: str, unit: str, tail: str) -> str:
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


# ---------------------------------------------------------------- what is fed


def streamed(text: str) -> None:
    stream = sentences.SentenceStream()
    for at in range(0, len(text), 50):
        stream.feed(text[at : at + 50])
        if not at % PART:
            stream.settle()
    stream.flush()


def sent(text: str) -> None:
    outbox = SendQueue(Budget(packet_bytes=256))  # many packets: the last one is quick
    outbox.open("m")
    outbox.write("m", text)
    outbox.finish("m")
    now = 0.0
    while isinstance(outbox.next_packet(now), Outgoing):
        now += 1


def received(text: str) -> None:
    reassembly = Reassembly()
    for at in range(0, len(text), PART):
        reassembly.take(Part("m", at // PART, False, Speaker.BOT, text[at : at + PART]), at / 1000)


def gesture(text: str) -> None:
    with contextlib.suppress(CommandRefused):
        protocol.gesture("m", text, text)


REDACTOR = redaction.Redactor()
REDACTOR.register("a secret with / and spaces")
NAMES = slack_text.SlackNames()


def rich(text: str) -> Any:
    return [
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}]}
    ]


FED: Mapping[str, Callable[[str], object]] = {
    "speakable.clean_name": speakable.clean_name,
    "speakable.with_name": lambda text: speakable.with_name(text, text),
    "sentences.sentence_ends": lambda text: list(sentences.sentence_ends(text)),
    "sentences.speaking_seconds": sentences.speaking_seconds,
    "a stream of sentences": streamed,
    "a stream of sentences in one piece": lambda text: sentences.SentenceStream().feed(text),
    "speakable.speakable": speakable.speakable,
    "speakable.as_spoken": lambda text: speakable.as_spoken(text, Mode.DIALOGUE, own_model=False),
    "sentences.split": lambda text: sentences.split(text, PART, len),
    "sentences.preview": lambda text: sentences.preview(text, 500, len),
    "parser.parse": parser.parse,
    "parser.asked_form": lambda text: parser.asked_form(f"say {text} ?"),
    "parser.parse of a start": lambda text: parser.parse(f"start {text}"),
    "parser.parse of a knowledge base": lambda text: parser.parse(f"knowledge create x prompt:{text}"),
    "parser.parse of words to say": lambda text: parser.parse(f"say {text}"),
    "parser.shown": parser.shown,
    "parser.suggest": lambda text: parser.suggest(text, [*CATALOGUE.names, text[::-1]]),
    "parser.did_you_mean": lambda text: parser.did_you_mean(text, CATALOGUE.names),
    "policy.shows_secret": policy.shows_secret,
    "urls.fault": urls.fault,
    "urls.fault of a host": lambda text: urls.fault(f"https://{text}"),
    "redaction.holds_key": redaction.holds_key,
    "redaction.names_a_secret": redaction.names_a_secret,
    "a redactor's text": REDACTOR.text,
    "a redactor's value": lambda text: REDACTOR.value({text: [text]}),
    "slack_text.escape": slack_text.escape,
    "slack_text.unescape": slack_text.unescape,
    "slack_text.measure": slack_text.measure,
    "slack_text.shorten": lambda text: slack_text.shorten(text, 500),
    "slack_text.read_token": slack_text.read_token,
    "slack_text.tokens": slack_text.tokens,
    "slack_text.replace_tokens": lambda text: slack_text.replace_tokens(text, lambda token: token.target),
    "slack_text.without_marks": slack_text.without_marks,
    "slack_text.plain_words": lambda text: slack_text.plain_words(text, [], NAMES),
    "slack_text.plain_words of rich text": lambda text: slack_text.plain_words("", rich(text), NAMES),
    "slack_text.mentions": lambda text: slack_text.mentions(text, []),
    "slack_text.command_line": slack_text.command_line,
    "rendering.parts": lambda text: rendering.parts(text, PART),
    "a line in Slack": lambda text: rendering.line(TranscriptLine(text, text)),
    "discord_text.escape": discord_text.escape,
    "discord_text.units": discord_text.units,
    "discord_text.measure": discord_text.measure,
    "discord_text.shorten": lambda text: discord_text.shorten(text, 300),
    "discord_text.pages": lambda text: discord_text.pages(text, PART),
    "discord_text.mentioned": discord_text.mentioned,
    "discord_text.words_of": lambda text: discord_text.words_of(text, None, "1", {}),
    "discord_text.plain_words": lambda text: discord_text.plain_words(text, discord_text.DiscordNames()),
    "discord_text.with_quote": lambda text: discord_text.with_quote(text, "Ann", text),
    "discord_text.as_value": discord_text.as_value,
    "protocol.chunk": lambda text: protocol.chunk(text, 900),
    "protocol.escaped_size": protocol.escaped_size,
    "protocol.gesture": gesture,
    "text.well_formed": domain_text.well_formed,
    "text.printable": domain_text.printable,
    "text.printable_line": domain_text.printable_line,
    "text.read_json": lambda text: domain_text.read_json(json.dumps([text])),
    "a line of .env": lambda text: changed(f"A='{text}' # {text}", {"A": "b"}),
    "a packet": lambda text: protocol.decode(protocol.encode(Chat("m", 0, True, text))),
    "what is sent": sent,
    "what is received": received,
}  # fmt: skip

MODULES = {
    "sentences": sentences,
    "speakable": speakable,
    "parser": parser,
    "policy": policy,
    "urls": urls,
    "redaction": redaction,
    "slack_text": slack_text,
    "discord_text": discord_text,
    "protocol": protocol,
    "text": domain_text,
}


# ---------------------------------------------------------------- how it is measured


def seconds(run: Callable[[str], object], text: str, times: int) -> float:
    took = []
    for _ in range(times):
        began = time.thread_time()
        run(text)
        took.append(time.thread_time() - began)
    return min(took)


def is_linear(run: Callable[[str], object], case: tuple[str, str, str], enough: float) -> bool:
    """Whether a short text of that kind takes less than its part of `enough`, or a long one no more than its length over that of a short one."""
    short_text, long_text, short, long = text_of(SHORT, *case), text_of(LONG, *case), math.inf, math.inf
    for times in (1, 1, 3, 5, 9, 15):
        short = min(short, seconds(run, short_text, times))
        if short < enough * SHORT / LONG:
            return True
        long = min(long, seconds(run, long_text, times))
        if long < LEAST_GROWTH * short:
            return True
    return False


@pytest.mark.timeout(600)  # seconds of CPU time each, which a busy machine gives slowly
@pytest.mark.parametrize("name", FED)
def test_four_times_the_text_takes_four_times_the_time(name: str) -> None:
    run = FED[name]
    assert is_linear(run, PROSE, QUICK_S)
    like_prose = 3 * seconds(run, text_of(LONG, *PROSE), 3)
    slow = [case for case in CASES if not is_linear(run, case, max(like_prose, QUICK_S))]
    assert slow == []


def reads_text(function: Callable[..., object]) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and first.annotation is str


def public_functions(module: ModuleType) -> list[str]:
    found = inspect.getmembers(module, inspect.isfunction)
    return [
        name
        for name, made in found
        if not name.startswith("_") and made.__module__ == module.__name__ and reads_text(made)
    ]


def test_no_public_function_that_reads_text_is_left_out() -> None:
    wanted = {f"{short}.{name}" for short, module in MODULES.items() for name in public_functions(module)}
    assert wanted - FED.keys() == set()
