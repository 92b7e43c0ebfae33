"""What no client of ours sends: samples of what they do send, broken at random. The same seed breaks them in the same way."""

import copy
import json
import os
from collections.abc import Iterator, Sequence
from random import Random, SystemRandom
from typing import Any

SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 10**30, 1e308, "", " ", "x", "\x00", "\ud800", "é", "🙂" * 50, "<@U1>", "a" * 5_000, [], {}, [[]],
    {"type": None}, "1790000000.000001", "U0ANN", "C0GENERAL", "start", "say", "\u202e", "%00", "../", "' OR 1=1", "true",
)  # fmt: skip
BYTES = (
    b"\x00",
    b"\xff\xfe",
    b'"',
    b"{",
    b"}",
    b"[" * 50,
    b"\r\n",
    b"%",
    b"&=",
    b"\xed\xa0\x80",
    b"1e999",
    b":",
    b"\\u",
    b"9" * 400,
)
PIECES = (
    "start",
    "say",
    "stop",
    "defaults set",
    "knowledge create",
    "watch",
    "avatar:",
    "mode:",
    '"',
    "“",
    "'",
    "=",
    ":",
    "--",
    "?",
    "\n",
)


def dice() -> Random:
    """Its seed is printed, to repeat a failure: `SOAK_SEED`."""
    seed = int(os.environ.get("SOAK_SEED") or SystemRandom().randrange(10**6))
    print(f"SOAK_SEED={seed}")  # noqa: T201 - shown with a failure
    return Random(seed)


def scalar(random: Random) -> Any:
    return random.choice(SCALARS) if random.random() < 0.8 else text(random)


def text(random: Random, longest: int = 40) -> str:
    return "".join(
        chr(random.choice((random.randrange(128), random.randrange(0x500), random.randrange(0xD800))))
        for _ in range(random.randrange(longest))
    )


def line(random: Random) -> str:
    """Something like a command."""
    pieces = (random.choice(PIECES) if random.random() < 0.6 else text(random, 12) for _ in range(random.randrange(8)))
    return random.choice(("", " ", "  ")).join(pieces)


def broken(sample: Any, random: Random) -> Any:
    """A copy in which one to three nodes are something else, gone, or there under another name."""
    changed = copy.deepcopy(sample)
    for _ in range(random.randrange(1, 4)):
        nodes = list(_nodes(changed))
        if not nodes:
            return copy.deepcopy(scalar(random))
        _break(*random.choice(nodes), random)
    return changed


def _break(node: Any, key: Any, random: Random) -> None:
    match random.randrange(6) if isinstance(node, dict) else 5:
        case 0:
            del node[key]
        case 1:
            node[text(random, 8)] = node.pop(key)
        case _:
            node[key] = copy.deepcopy(scalar(random))  # a list of everybody's would come to hold itself


def _nodes(found: Any) -> Iterator[tuple[Any, Any]]:
    """Each place below, as its container and its key."""
    if isinstance(found, dict | list):
        for key, value in list(found.items() if isinstance(found, dict) else enumerate(found)):
            yield found, key
            yield from _nodes(value)


def torn(data: bytes, random: Random) -> bytes:
    """Cut, with bytes changed, put in or doubled."""
    changed = bytearray(data[: random.randrange(len(data) + 1)] if random.random() < 0.2 else data)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(changed) + 1)
        match random.randrange(3):
            case 0:
                changed[at:at] = random.choice(BYTES)
            case 1:
                changed[at : at + 1] = bytes((random.randrange(256),))
            case _:
                changed[at:at] = changed[max(0, at - random.randrange(1, 20)) : at]
    return bytes(changed)


def as_json(samples: Sequence[Any], random: Random) -> bytes:
    """One of the samples, broken as a value or as bytes; sometimes nothing but noise."""
    if random.random() < 0.05:
        return random.randbytes(random.randrange(60))
    sample = random.choice(samples)
    if random.random() < 0.3:
        return torn(json.dumps(sample).encode(), random)
    return json.dumps(broken(sample, random)).encode()
