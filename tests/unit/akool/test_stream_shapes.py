"""Every shape of an answer that AKOOL's own clients show whole is whole here too.

Both of them (the React demo's `useMessageState`, the JSSDK) append each part under its `mid`, whenever it comes, and look at neither
`idx` nor `fin`.
"""

import json
import time
from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.akool.stream.codec import decode
from adapters.akool.stream.messages import Part
from adapters.akool.stream.reassembly import Reassembly
from bot.domain.text import well_formed
from tests.unit.akool.test_stream_reassembly import final_text, play

NUMBERINGS: dict[str, Callable[[int], dict[str, object]]] = {
    "from 0": lambda n: {"idx": n},
    "from 1": lambda n: {"idx": n + 1},
    "always 0": lambda _: {"idx": 0},
    "absent": lambda _: {},
    "null": lambda _: {"idx": None},
}
ENDS: dict[str, Callable[[int, int], dict[str, object]]] = {
    "on the last": lambda n, count: {"fin": n == count - 1},
    "on every part": lambda _n, _count: {"fin": True},
    "on none": lambda _n, _count: {"fin": False},
    "absent": lambda _n, _count: {},
    "on the first": lambda n, _count: {"fin": n == 0},
}
texts = st.lists(
    st.sampled_from(["very ", "good ", "", "\ud83d", "\ude00", "。", "e\u0301", "a"]), min_size=1, max_size=30
)
pauses = st.sampled_from([0.0, 0.001, 0.05, 0.29, 0.31, 1.0, 1.01, 2.5, 9.99, 10.0, 12.0, 75.0, 3_000.0])


def received(fields: dict[str, object], text: str) -> Part:
    """A part as it comes over the wire."""
    packet = json.dumps({"v": 2, "type": "chat", "mid": "m", **fields, "pld": {"from": "bot", "text": text}})
    part = decode(packet.encode())
    assert isinstance(part, Part)
    return part


@given(texts, st.sampled_from(list(NUMBERINGS)), st.sampled_from(list(ENDS)), st.data())
def test_what_the_official_clients_show_whole_is_shown_whole(
    words: list[str], numbering: str, end: str, data: st.DataObject
) -> None:
    gaps = data.draw(st.lists(pauses, min_size=len(words), max_size=len(words)))
    fields = [NUMBERINGS[numbering](n) | ENDS[end](n, len(words)) for n in range(len(words))]
    parts = [received(*each) for each in zip(fields, words, strict=True)]
    shown = play(list(zip(accumulate(gaps), parts, strict=True)))
    assert (final_text(shown) if shown else "") == well_formed("".join(words))


@pytest.mark.parametrize("numbering", NUMBERINGS)
def test_an_answer_of_thousands_of_parts_is_whole(numbering: str) -> None:
    reassembly, count = Reassembly(), 6_000
    parts = [received(NUMBERINGS[numbering](n), f"{n} ") for n in range(count)]
    began = time.thread_time()
    shown = [utterance for n, part in enumerate(parts) for utterance in reassembly.take(part, 1 + n / 30)]
    assert time.thread_time() - began < 3, "0.2 s when it was written"
    assert shown[-1].text == "".join(f"{n} " for n in range(count))
