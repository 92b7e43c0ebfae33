"""Parts lost, repeated and reordered, and the utterance that comes of them."""

import itertools
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.akool.stream import reassembly
from adapters.akool.stream.protocol import Part
from adapters.akool.stream.reassembly import Reassembly
from bot.domain.posts import Speaker
from bot.ports.avatar import Utterance

Arrival = tuple[float, Part]
Shown = list[tuple[float, Utterance]]


def part(text: str, idx: int = 0, *, fin: bool = False, mid: str = "m", speaker: Speaker = Speaker.BOT) -> Part:
    return Part(mid, idx, fin, speaker, text)


def play(arrivals: list[Arrival], whole: Reassembly | None = None) -> Shown:
    """What is shown, and when, until nothing changes any more."""
    whole, now = whole or Reassembly(), 0.0
    shown: Shown = []
    for at, arrived in [*arrivals, (1e6, None)]:
        while (due_at := whole.due_at(now)) is not None and due_at <= at:
            assert due_at > now
            now = due_at
            shown += [(now, utterance) for utterance in whole.due(now)]
        if arrived:
            now = at
            shown += [(now, utterance) for utterance in whole.take(arrived, now)]
    return shown


def texts(shown: Shown) -> list[str]:
    return [utterance.text + "|" * utterance.final for _, utterance in shown]


def final_text(shown: Shown) -> str:
    """The text in the end. It came last, and nothing was shown twice."""
    assert shown[-1][1].final
    assert all(before != after for (_, before), (_, after) in itertools.pairwise(shown))
    return shown[-1][1].text


# ---------------------------------------------------------------- any fault, numbered

# Arrivals are at 7k+1 ms, so that none coincides with the end of a patience of 300 ms.
moments = st.integers(0, 150).map(lambda slot: slot * 7 + 1)
deliveries = st.lists(st.tuples(moments, st.integers(0, 9)), unique_by=lambda delivery: delivery[0], min_size=1).map(
    sorted
)


def named_by_the_design(heard: set[int]) -> str:
    """Whatever arrived, in order, each gap as one ellipsis. Numbers may begin with 1, so a lost 0 alone is no gap."""
    first = 0 if 0 in heard or min(heard) > 1 else 1
    pieces = [f"<{i}>" if i in heard else "…" for i in range(first, max(heard) + 1)]
    return "".join(piece for piece, _ in itertools.groupby(pieces))


@given(deliveries, st.integers(2, 10))
def test_loss_repetition_and_disorder_give_the_designs_utterance(deliveries: list[tuple[int, int]], count: int) -> None:
    deliveries = [(at, idx % count) for at, idx in deliveries]
    arrivals = [(at / 1000, part(f"<{idx}>", idx, fin=idx == count - 1)) for at, idx in deliveries]
    heard = {idx for _, idx in deliveries}
    if heard == {0}:
        return  # nothing tells that it was numbered: the rules for unnumbered parts hold
    assert final_text(play(arrivals)) == named_by_the_design(heard)


@given(st.integers(2, 12), st.randoms(use_true_random=False))
def test_every_part_within_the_patience_means_every_word(count: int, random: Random) -> None:
    arrivals = [(random.uniform(0, 0.29), part(f"<{idx}>", idx, fin=idx == count - 1)) for idx in range(count)] * 2
    arrivals.sort(key=lambda arrival: arrival[0])
    assert final_text(play(arrivals)) == "".join(f"<{idx}>" for idx in range(count))


# ---------------------------------------------------------------- any fault, unnumbered

unnumbered = st.lists(
    st.tuples(st.floats(0.01, 4), st.sampled_from(["a", "b", "c"]), st.integers(0, 9)), min_size=1, max_size=20
)


@given(unnumbered)
def test_unnumbered_parts_are_appended_whatever_they_say(deliveries: list[tuple[float, str, int]]) -> None:
    now, arrivals = 0.0, []
    for pause, text, luck in deliveries:
        now += pause
        arrivals.append((now, part(text, fin=luck == 0)))
    assert final_text(play(arrivals)) == "".join(text for _, text, _ in deliveries)


# ---------------------------------------------------------------- one at a time


def test_grows_part_by_part_and_ends_with_fin() -> None:
    shown = play([(0, part("Hello ", 0)), (0.2, part("there", 1)), (0.4, part("!", 2, fin=True))])
    assert texts(shown) == ["Hello ", "Hello there", "Hello there!|"]
    assert shown[-1][0] == 0.4


def test_a_single_part_is_final_at_once() -> None:
    assert play([(1, part("Hello!", fin=True))]) == [(1, Utterance("m", Speaker.BOT, "Hello!", final=True))]


def test_a_gap_is_waited_for_then_shown_then_filled() -> None:
    shown = play([(0, part("a", 0)), (1, part("c", 2)), (2, part("b", 1)), (3, part("d", 3, fin=True))])
    assert [(round(at, 6), text) for (at, _), text in zip(shown, texts(shown), strict=True)] == [
        (0, "a"),
        (1.3, "a…c"),
        (2, "abc"),
        (3, "abcd|"),
    ]


def test_fin_waits_for_missing_parts_within_the_patience() -> None:
    assert texts(play([(0, part("a", 0)), (1, part("c", 2, fin=True)), (1.2, part("b", 1))])) == ["a", "abc|"]
    late = play([(0, part("a", 0)), (1, part("c", 2, fin=True)), (1.4, part("b", 1))])
    assert texts(late) == ["a", "a…c|", "abc", "abc|"]
    assert [at for at, _ in late] == pytest.approx([0, 1.3, 1.4, 2.4])


def test_a_lost_beginning_is_a_gap_too() -> None:
    assert texts(play([(0, part("c", 2)), (0.1, part("d", 3, fin=True))])) == ["…cd|"]


def test_a_first_part_that_comes_late_stands_first() -> None:
    assert texts(play([(0, part("b", 1)), (0.2, part("a", 0)), (0.3, part("c", 2, fin=True))])) == ["ab", "abc|"]


def test_patience_counts_from_the_first_sign_of_a_gap() -> None:
    shown = play(
        [(0, part("a", 0)), (1, part("d", 3)), (1.2, part("c", 2)), (1.25, part("d", 3)), (5, part("", 4, fin=True))]
    )
    assert texts(shown) == ["a", "a…cd", "a…cd|"]
    assert [at for at, _ in shown] == pytest.approx([0, 1.3, 5])


def test_numbered_repetitions_count_once() -> None:
    again = [(1.2, part("b", 1)), (1.3, part("", 2, fin=True)), (1.4, part("b", 1)), (1.5, part("a", 0))]
    assert final_text(play([(0, part("a", 0)), (1, part("b", 1)), *again])) == "ab"


def test_a_repeated_index_with_other_words_restarts_the_numbering() -> None:
    sentences = [("I am. ", 0.0), ("You are. ", 0.5), ("You are. ", 5.0)]
    arrivals = [(at + idx / 100, part(word, idx, fin=idx == 1)) for text, at in sentences for idx, word in _words(text)]
    assert final_text(play(arrivals)) == "I am. You are. You are. "


def _words(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(word + " " for word in text.split())


def test_two_gaps_have_a_patience_each() -> None:
    shown = play([(0, part("c", 2)), (0.2, part("e", 4)), (5, part("", 5, fin=True))])
    assert texts(shown) == ["…c", "…c…e", "…c…e|"]
    assert [at for at, _ in shown] == pytest.approx([0.3, 0.5, 5])


def test_silence_ends_what_has_no_fin() -> None:
    shown = play([(0, part("a")), (9, part("b"))])
    assert texts(shown) == ["a", "ab", "ab|"]
    assert shown[-1][0] == 19


def test_parts_after_a_pause_continue_the_same_utterance() -> None:
    shown = play([(0, part("The first half, ")), (12, part("and the second.", fin=True))])
    assert texts(shown) == ["The first half, ", "The first half, |", "The first half, and the second.|"]
    assert [at for at, _ in shown] == [0, 10, 12]


def test_a_repetition_opens_nothing_again() -> None:
    shown = play([(0, part("a")), (0.1, part("b", 1, fin=True)), (1, part("b", 1, fin=True))])
    assert texts(shown) == ["a", "ab|"]


def test_with_fin_on_every_part_silence_ends_it() -> None:
    shown = play([(at / 10, part(f"{at} ", at, fin=True)) for at in range(5)])
    assert texts(shown) == ["0 |", "0 1 ", "0 1 2 ", "0 1 2 3 ", "0 1 2 3 4 ", "0 1 2 3 4 |"]
    assert shown[-1][0] == pytest.approx(1.4)


def test_late_repetitions_before_numbered_parts_are_repetitions() -> None:
    assert final_text(play([(0, part("a")), (3, part("a")), (4, part("b", 1, fin=True))])) == "ab"


def test_an_unnumbered_beginning_of_several_parts_is_kept() -> None:
    assert final_text(play([(0, part("a")), (0.1, part("b")), (0.2, part("c", 1, fin=True))])) == "abc"


def test_an_utterance_without_words_is_none() -> None:
    assert play([(0, part("", fin=True))]) == []


def test_halves_of_a_surrogate_pair_meet_again() -> None:
    assert final_text(play([(0, part("hi \ud83d", 0)), (0.1, part("\ude00", 1, fin=True))])) == "hi 😀"


def test_question_and_answer_under_one_mid_are_two_utterances() -> None:
    shown = play([(0, part("Hi", fin=True, speaker=Speaker.USER)), (1, part("Hello", fin=True))])
    assert [utterance for _, utterance in shown] == [
        Utterance("user:m", Speaker.USER, "Hi", final=True),
        Utterance("m", Speaker.BOT, "Hello", final=True),
    ]


def test_utterances_do_not_wait_for_one_another() -> None:
    shown = play([(0, part("a", mid="1")), (0.1, part("x", fin=True, mid="2")), (0.2, part("b", 1, fin=True, mid="1"))])
    assert texts(shown) == ["a", "x|", "ab|"]


# ---------------------------------------------------------------- bounds


def test_open_utterances_are_bounded() -> None:
    whole = Reassembly()
    for number in range(reassembly.MAX_OPEN):
        whole.take(part("a", mid=str(number)), 0.0)
    shown = whole.take(part("a", mid="one more"), 0.0)
    assert shown == [
        Utterance("0", Speaker.BOT, "a", final=True),
        Utterance("one more", Speaker.BOT, "a", final=False),
    ]
    assert len(whole._open) == reassembly.MAX_OPEN


def test_an_utterance_is_bounded_and_its_cut_marked() -> None:
    tenth = "x" * (reassembly.MAX_CHARACTERS // 10)
    shown = play([(idx / 10, part(tenth, idx)) for idx in range(12)])
    assert final_text(shown) == "x" * reassembly.MAX_CHARACTERS + "…"


def test_closed_utterances_that_are_remembered_are_bounded() -> None:
    whole = Reassembly()
    for number in range(reassembly.MAX_CLOSED + 10):
        whole.take(part("a", fin=True, mid=str(number)), 0.0)
    assert len(whole._closed) == reassembly.MAX_CLOSED
    (again,) = whole.take(part("b", 1, fin=True, mid=str(reassembly.MAX_CLOSED)), 60.0)
    assert again.text == "ab"
