"""What reads strangers' words without a network: nothing breaks it, and it keeps nothing."""

import gc
import itertools
import json
from collections.abc import Callable
from random import Random

import psutil

from adapters.akool.stream.protocol import Chat, Interrupt, Part, decode, encode
from adapters.akool.stream.reassembly import Reassembly
from bot.commands.parser import parse
from bot.domain.conversations import Command
from bot.domain.posts import Speaker
from tests.soak import garbage
from tests.soak.conftest import counts

MB = 1024 * 1024
LONGEST = 101_000
GROWTH = 48 * MB
"""More than an allocator keeps back by itself, less than a hundred bytes of each input would come to."""

PACKETS = (
    {"v": 2, "type": "chat", "mid": "m1", "idx": 3, "fin": False, "pld": {"text": "Hello there.", "from": "bot"}},
    {"v": 2, "type": "command", "mid": "m2", "pld": {"cmd": "set-params", "code": 1000, "msg": "OK"}},
    {"v": 2, "type": "event", "mid": "m3", "pld": {"event": "audio_start", "timestamp": 1}},
    json.loads(encode(Chat("m4", 0, True, "Hello there."))),
    json.loads(encode(Interrupt("m5"))),
)


def memory() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def fed(read: Callable[[Random], None], count: int) -> int:
    """How much memory has grown since the first tenth."""
    random = garbage.dice()
    for _ in range(count // 10):
        read(random)
    before = memory()
    for _ in range(count - count // 10):
        read(random)
    return memory() - before


@counts(250_000, 5_000)
def test_whatever_somebody_types_is_a_command_or_a_sentence(count: int) -> None:
    def read(random: Random) -> None:
        typed = garbage.line(random)
        found = parse(typed)
        assert isinstance(found, Command) or 0 < len(found.sentence) <= 1_000, typed

    assert fed(read, count) < GROWTH


@counts(250_000, 5_000)
def test_whatever_the_stream_brings_is_a_message_or_not_ours(count: int) -> None:
    """Parts go on to be made whole; time passes, so that they are also given up."""
    reassembly = Reassembly()
    clock = itertools.count()

    def read(random: Random) -> None:
        number = next(clock)
        message = decode(garbage.as_json(PACKETS, random))
        for part in (message, _part(random, number // 2_000)):
            if isinstance(part, Part):
                assert all(len(told.text) <= LONGEST for told in reassembly.take(part, number / 20))

    assert fed(read, count) < GROWTH


def _part(random: Random, talk: int) -> Part:
    number = random.choice((-1, 0, 1, 2, 3, random.randrange(200), 2**40))
    mid = f"{talk}-{random.randrange(300)}"
    return Part(mid, number, random.random() < 0.1, random.choice(list(Speaker)), garbage.text(random))
