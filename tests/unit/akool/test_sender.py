"""Texts on their way to the avatar: packets within limits, nothing torn, nothing lost, control first."""

import asyncio
import itertools
import json
from dataclasses import replace
from math import inf

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from adapters.akool.stream.protocol import SENTENCE_WINDOW, WORD_WINDOW, Chat, Interrupt, chunk, encode, escaped_size
from adapters.akool.stream.sender import DEFAULT_BUDGET, Budget, Idle, Outgoing, PacketSender, SendQueue, Wait
from bot.domain.errors import RoomError, SettingsError
from bot.domain.text import well_formed
from tests.unit.akool.one_avatar import InMemoryConnection

MID = "0193a0b0-0000-7000-8000-000000000001"
INTERRUPT = encode(Interrupt("cmd-1"))

SNIPPETS = [
    "Hello there. ",
    "word ",
    'He said "no" \\ twice.\n',
    "مرحبا بالعالم ",
    "שלום\u200f ",
    "日本語です。",
    "e\u0301",
    "🇩🇪🇫🇷",
    "👩🏽\u200d💻",
    "👨\u200d👩\u200d👧\u200d👦",
    "\x00\x1f\x7f\u2028",
    "…",
    "x" * 300,
]
snippets = st.lists(st.sampled_from(SNIPPETS) | st.text(max_size=40), max_size=60)
texts = st.builds(lambda parts, times: "".join(parts) * times, snippets, st.integers(1, 12))

Sent = list[tuple[float, Outgoing]]


def drain(queue: SendQueue, now: float = 0.0, *, patience: float = inf) -> Sent:
    """All that can be sent, each packet at the first moment it may; asked again after `patience` at the latest."""
    sent: Sent = []
    while not isinstance(step := queue.next_packet(now), Idle):
        if isinstance(step, Wait):
            now += min(step.seconds, patience)
        else:
            sent.append((now, step))
    return sent


def spoken(sent: Sent, mid: str = MID) -> str:
    return "".join(json.loads(packet.data)["pld"]["text"] for _, packet in sent if packet.mid == mid)


def say(queue: SendQueue, text: str, mid: str = MID) -> bool:
    queue.open(mid)
    queue.write(mid, text)
    return queue.finish(mid)


def queued(text: str, mid: str = MID) -> SendQueue:
    queue = SendQueue()
    say(queue, text, mid)
    return queue


def assert_within(sent: Sent, budget: Budget) -> None:
    for start, _ in sent:
        second = [len(packet.data) for at, packet in sent if start <= at < start + 1]
        assert sum(second) <= budget.bytes_per_s
        assert len(second) <= budget.packets_per_s


def graphemes(text: str) -> list[str]:
    return regex.findall(r"\X", text)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- packets


@given(texts)
def test_the_text_arrives_whole_in_packets_within_the_limit(text: str) -> None:
    sent = drain(queued(text))
    assert spoken(sent) == well_formed(text)
    assert all(len(packet.data) <= 960 for _, packet in sent)
    messages = [json.loads(packet.data) for _, packet in sent]
    assert [message["idx"] for message in messages] == list(range(len(sent)))
    assert [message["fin"] for message in messages] == [packet.last for _, packet in sent]
    assert [packet.last for _, packet in sent] == [False] * (len(sent) - 1) + [True] * bool(sent)


@given(texts)
def test_nothing_that_is_seen_as_one_character_is_torn(text: str) -> None:
    pieces = [json.loads(packet.data)["pld"]["text"] for _, packet in drain(queued(text))]
    assert [grapheme for piece in pieces for grapheme in graphemes(piece)] == graphemes(well_formed(text))


@given(texts, st.integers(256, 1024))
def test_packets_are_as_full_as_a_near_end_allows(text: str, packet_bytes: int) -> None:
    queue = SendQueue(Budget(packet_bytes=packet_bytes))
    say(queue, text)
    pieces = [json.loads(packet.data)["pld"]["text"] for _, packet in drain(queue)]
    for idx, (piece, following) in enumerate(itertools.pairwise(pieces)):
        over = len(encode(Chat(MID, idx, fin=False, text=piece + graphemes(following)[0])))
        assert over + SENTENCE_WINDOW > packet_bytes


def test_fifty_kilobytes_arrive_whole() -> None:
    text = "".join(SNIPPETS) * 54
    assert len(text.encode()) > 25_000
    sent = drain(queued(text * 2))
    assert spoken(sent) == text * 2
    assert_within(sent, Budget())


def test_a_grapheme_longer_than_a_packet_still_travels() -> None:
    zalgo = "Z" + "\u0335\u0489" * 1000
    sent = drain(queued("A " + zalgo + " B"))
    assert spoken(sent) == "A " + zalgo + " B"
    assert all(900 < len(packet.data) <= 960 for _, packet in sent[1:-1])


@pytest.mark.parametrize(
    ("text", "room", "first"),
    [
        ("short", 100, "short"),
        ("One sentence. Another one, longer.", 25, "One sentence. "),
        ("One sentence of “three”! Another.", 30, "One sentence of “three”! "),
        ("これは文です。これも文です。", 30, "これは文です。"),
        ("no end in these words", 15, "no end in "),
        ("well-known words", 8, "well-"),
        ("Line\nnext line without an end", 20, "Line\n"),
        ("indivisible", 4, "indi"),
        ("abc👩🏽\u200d💻", 10, "abc"),
        ("a\u0301\u0302\u0303", 4, "a\u0301"),
        ("\x00\x00", 7, "\x00"),
        ("é", 1, "é"),
    ],
)
def test_cuts_where_a_reader_would(text: str, room: int, first: str) -> None:
    assert text[: chunk(text, room)] == first


def test_an_end_that_is_far_away_is_not_taken() -> None:
    word, sentence = "a " + "b" * 300, "A. " + "b" * 300
    assert chunk(word, 2 + WORD_WINDOW) == 2
    assert chunk(word, 3 + WORD_WINDOW) == 3 + WORD_WINDOW
    assert chunk(sentence, 3 + SENTENCE_WINDOW) == 3
    assert chunk(sentence, 4 + SENTENCE_WINDOW) == 4 + SENTENCE_WINDOW


@given(texts.filter(bool), st.integers(6, 200))
def test_a_cut_fits_and_goes_on(text: str, room: int) -> None:
    text = well_formed(text)
    taken = chunk(text, room)
    assert taken >= 1
    assert escaped_size(text[:taken]) <= room


# ---------------------------------------------------------------- pieces of a text as they are written


@given(st.lists(texts, max_size=5), st.lists(st.floats(0, 3), min_size=5, max_size=5))
def test_pieces_travel_as_they_come_under_one_growing_index(pieces: list[str], pauses: list[float]) -> None:
    queue, now, sent = SendQueue(), 0.0, []
    queue.open(MID)
    for piece, pause in zip(pieces, pauses, strict=False):
        queue.write(MID, piece)
        sent += (fresh := drain(queue, now))
        now = max([now, *(at for at, _ in fresh)]) + pause
    finished = queue.finish(MID)
    sent += drain(queue, now)
    assert spoken(sent) == "".join(map(well_formed, pieces))
    assert finished == bool(sent)
    assert [json.loads(packet.data)["idx"] for _, packet in sent] == list(range(len(sent)))
    assert [packet.last for _, packet in sent] == [False] * (len(sent) - 1) + [True] * bool(sent)
    assert_within(sent, Budget())


def test_the_first_sentence_does_not_wait_for_the_second() -> None:
    queue = SendQueue()
    queue.open(MID)
    queue.write(MID, "First sentence. ")
    packet = encode(Chat(MID, 0, fin=False, text="First sentence. "))
    assert queue.next_packet(0.0) == Outgoing(MID, packet, last=False, begins=True)
    assert queue.next_packet(0.0) == Idle()


def test_pieces_that_wait_for_the_pace_share_a_packet() -> None:
    queue = SendQueue()
    queue.open(MID)
    queue.write(MID, "One. ")
    drain(queue)
    for piece in ("Two. ", "Three. "):
        queue.write(MID, piece)
    queue.finish(MID)
    assert [json.loads(packet.data)["pld"]["text"] for _, packet in drain(queue)] == ["Two. Three. "]


def test_a_late_end_is_its_own_packet() -> None:
    queue = SendQueue()
    queue.open(MID)
    queue.write(MID, "All.")
    drain(queue)
    assert queue.finish(MID)
    assert [packet.data for _, packet in drain(queue, 1.0)] == [encode(Chat(MID, 1, fin=True, text=""))]


def test_texts_go_one_after_the_other() -> None:
    queue = SendQueue()
    queue.open("a")
    say(queue, "second", "b")
    assert queue.next_packet(0.0) == Idle()
    queue.write("a", "first")
    queue.finish("a")
    assert [packet.mid for _, packet in drain(queue)] == ["a", "b"]


def test_one_text_at_a_time_has_a_mid() -> None:
    queue = queued("said already")
    with pytest.raises(ValueError, match=MID):
        queue.open(MID)


# ---------------------------------------------------------------- budgets

budgets = st.builds(
    Budget,
    packet_bytes=st.integers(256, 1024),
    bytes_per_s=st.integers(2000, 8000),
    packets_per_s=st.integers(4, 40),
)
commands = st.lists(st.tuples(st.floats(0, 5), st.integers(20, 256)), max_size=20).map(sorted)


@given(st.lists(texts, max_size=3), budgets, commands)
def test_no_sliding_second_is_over_budget_and_control_overtakes(
    spoken_texts: list[str], budget: Budget, orders: list[tuple[float, int]]
) -> None:
    queue, now, sent, waiting = SendQueue(budget), 0.0, [], list(enumerate(orders))
    for mid, text in enumerate(spoken_texts):
        say(queue, text, f"speech-{mid}")
    controls_due: list[str] = []
    while True:
        while waiting and waiting[0][1][0] <= now:
            number, (_, size) = waiting.pop(0)
            controls_due.append(f"cmd-{number}")
            queue.control(f"cmd-{number}", b"!" * size)
        match queue.next_packet(now):
            case Outgoing() as packet:
                if controls_due:
                    assert packet.mid == controls_due.pop(0)
                sent.append((now, packet))
            case Wait(seconds):
                assert seconds > 0
                now = min([now + seconds, *(at for _, (at, _) in waiting)])
            case Idle() if waiting:
                now = waiting[0][1][0]
            case Idle():
                break
    assert_within(sent, budget)
    assert not controls_due
    for mid, text in enumerate(spoken_texts):
        assert spoken(sent, f"speech-{mid}") == well_formed(text)


@pytest.mark.parametrize("moment", [tick / 20 for tick in range(60)])
def test_speech_leaves_room_for_control_at_any_moment(moment: float) -> None:
    queue, now = queued("word " * 10_000), 0.0
    while now < moment:
        step = queue.next_packet(now)
        now += min(step.seconds, moment - now) if isinstance(step, Wait) else 0
    queue.control("cmd-1", INTERRUPT)
    assert queue.next_packet(moment) == Outgoing("cmd-1", INTERRUPT, last=True)


def test_control_alone_keeps_the_budgets_too() -> None:
    queue = SendQueue()
    for number in range(100):
        queue.control(f"cmd-{number}", INTERRUPT)
    sent = drain(queue, patience=0.01)
    assert len(sent) == 100
    assert_within(sent, Budget())


def test_speech_keeps_the_pace_of_the_budget() -> None:
    sent = drain(queued("word " * 1000))
    for (before, packet), (after, _) in itertools.pairwise(sent):
        assert after - before >= len(packet.data) / 5760 - 1e-9
    assert sent[0][0] == 0


@pytest.mark.parametrize(
    "wrong",
    [{"packet_bytes": 1025}, {"packet_bytes": 255}, {"bytes_per_s": 1000}, {"packets_per_s": 3}],
)
def test_a_budget_that_lets_nothing_through_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        replace(Budget(), **wrong)


# ---------------------------------------------------------------- interrupting


def test_an_interrupt_is_the_next_packet_and_the_last() -> None:
    queue = queued("word " * 10_000)
    drained = [queue.next_packet(0.0)]
    assert queue.drop_speech() == (MID,)
    queue.control("cmd-1", INTERRUPT)
    drained.append(queue.next_packet(0.0))
    assert drained[1] == Outgoing("cmd-1", INTERRUPT, last=True)
    assert queue.next_packet(10.0) == Idle()


def test_what_is_written_after_a_drop_is_dropped() -> None:
    queue = SendQueue()
    queue.open(MID)
    queue.write(MID, "before")
    queue.drop_speech()
    queue.write(MID, "after")
    assert not queue.finish(MID)
    assert queue.next_packet(0.0) == Idle()


def test_what_is_withdrawn_is_not_sent() -> None:
    queue = queued("text")
    queue.control("cmd-1", INTERRUPT)
    queue.withdraw(MID)
    queue.withdraw("cmd-1")
    assert queue.next_packet(0.0) == Idle()


def test_a_command_that_still_waits_is_not_doubled() -> None:
    queue = SendQueue()
    for _ in range(2):
        queue.control("cmd-1", INTERRUPT)
    assert [packet.mid for _, packet in drain(queue)] == ["cmd-1"]


def test_a_text_of_nothing_sends_nothing() -> None:
    queue = SendQueue()
    assert not say(queue, "")
    assert queue.next_packet(0.0) == Idle()


async def test_what_was_dropped_before_the_end_is_no_error() -> None:
    sender = PacketSender(InMemoryConnection(), DEFAULT_BUDGET)
    saying = asyncio.create_task(sender.say(MID, "Hello."))
    await asyncio.sleep(0)
    sender.drop_speech()
    sender.close(RoomError("The avatar's room is closed."))
    await saying
