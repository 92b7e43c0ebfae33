"""The messages of protocol v2, held against the JSON samples of AKOOL's overview page."""

import json
import time
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.akool.stream.protocol import (
    Chat,
    CommandAck,
    Event,
    Expression,
    GestureName,
    Interrupt,
    Message,
    Moment,
    NotOurs,
    Outbound,
    Params,
    Part,
    SetAction,
    SetParams,
    TurnDetectionParams,
    Unknown,
    UnreadableMessage,
    VoiceParamsMessage,
    decode,
    encode,
    escaped_size,
)
from adapters.akool.stream.reassembly import Reassembly
from bot.domain.posts import Speaker
from bot.domain.text import well_formed
from tests.unit.akool.test_reassembly import final_text, play

MID = "msg-1723629433573"

Json = Mapping[str, Any]

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


def command(mid: str | None, pld: Json) -> Json:
    return {"v": 2, "type": "command", **({"mid": mid} if mid else {}), "pld": pld}


def chat(pld: Json, **fields: object) -> Json:
    return {"v": 2, "type": "chat", "mid": MID, "idx": 0, "fin": True, "pld": pld, **fields}


ALL_PARAMS: Json = {
    "lang": "en",
    "mode": 1,
    "bgurl": "https://example.com/background.jpg",
    "vparams": {
        "vid": "1",
        "vurl": "https://example.com/voice",
        "speed": 1.2,
        "pron_map": {"akool": "ai ku er"},
        "stt_language": "en",
        "stt_type": "openai_realtime",
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
        },
    },
}
EVERYTHING = Params(
    "en",
    1,
    "https://example.com/background.jpg",
    VoiceParamsMessage(
        "1",
        "https://example.com/voice",
        1.2,
        {"akool": "ai ku er"},
        "en",
        "openai_realtime",
        TurnDetectionParams("server_vad", 0.5, 300, 500),
    ),
)

WRITTEN: list[tuple[Outbound, Json]] = [
    (Chat(MID, 0, True, "Hello"), chat({"text": "Hello"})),
    (SetParams(MID, EVERYTHING), command(MID, {"cmd": "set-params", "data": ALL_PARAMS})),
    (SetParams(MID, Params(mode=2)), command(MID, {"cmd": "set-params", "data": {"mode": 2}})),
    (Interrupt(MID), command(MID, {"cmd": "interrupt"})),
    (
        SetAction(MID, GestureName.HAND_WAVE, Expression.HAPPINESS),
        command(MID, {"cmd": "set-action", "data": {"action": "hand_wave", "expression": "happiness"}}),
    ),
    (
        SetAction(MID, expression=Expression.CONTEMPT),
        command(MID, {"cmd": "set-action", "data": {"expression": "contempt"}}),
    ),
]

NONSENSE: list[tuple[object, object]] = [
    (-1, None),
    ("first", "no"),
    (float("inf"), 0),
    ([1], {}),
    (10**9, False),
    ("\ud83d", "\ud83d"),
]

READ: list[tuple[Json, Message]] = [
    (
        chat({"from": "bot", "text": "Hello!  How can I assist you today? "}),
        Part(MID, 0, True, Speaker.BOT, "Hello!  How can I assist you today? "),
    ),
    (
        chat({"from": "user", "text": "Hi", "lang": "en"}, idx=3, fin=False, trace="x"),
        Part(MID, 3, False, Speaker.USER, "Hi"),
    ),
    (
        {"v": 2.0, "type": "chat", "mid": 17, "idx": None, "pld": {"from": "bot"}},
        Part("17", 0, False, Speaker.BOT, ""),
    ),
    # numbers that make no sense: the words count all the same
    *(
        (chat({"from": "bot", "text": "Hi"}, idx=idx, fin=fin), Part(MID, 0, False, Speaker.BOT, "Hi"))
        for idx, fin in NONSENSE
    ),
    (chat({"from": "bot", "text": "Hi", "code": "?", "data": [1], "event": 3}), Part(MID, 0, True, Speaker.BOT, "Hi")),
    # half a surrogate pair may wait for its other half in a text, and nowhere else
    (
        chat({"from": "bot", "text": "\ud83d", "\ud83d": 1}, mid="m\ud83d"),
        Part("m\ufffd", 0, True, Speaker.BOT, "\ud83d"),
    ),
    (command(MID, {"code": 1003, "msg": "\ude00", "cmd": "\ud83d"}), CommandAck(MID, "\ufffd", 1003, "\ufffd")),
    ({"v": 2, "type": "\ud83d"}, Unknown("\ufffd")),
    (command(MID, {"cmd": "set-params", "code": 1000, "msg": "OK"}), CommandAck(MID, "set-params", 1000, "OK")),
    (command(None, {"cmd": "interrupt", "code": "1003"}), CommandAck("", "interrupt", 1003, "")),
    (command(MID, {"code": 2001}), CommandAck(MID, "", 2001, "")),
    ({"v": 2, "type": "event", "mid": MID, "pld": {"event": "audio_start"}}, Event(MID, Moment.AUDIO_START)),
    ({"v": 2, "type": "event", "pld": {"event": "audio_end"}}, Event("", Moment.AUDIO_END)),
    # the sample of "Set Avatar Params": the deprecated `vid` beside `vparams`
    (
        command(MID, {"cmd": "set-params", "data": {"vid": "1", "vurl": "u", "lang": "en", "mode": 1}}),
        SetParams(MID, Params("en", 1, vparams=VoiceParamsMessage(vid="1", vurl="u"))),
    ),
    (
        command(MID, {"cmd": "set-params", "data": {"vid": "old", "vparams": {"vid": "new"}}}),
        SetParams(MID, Params(vparams=VoiceParamsMessage(vid="new"))),
    ),
    # the TypeScript sample, left over from protocol v1
    (command(None, {"cmd": "set-params", "params": {"mode": "2"}}), SetParams("", Params(mode=2))),
    # what nobody has told us about
    ({"v": 2, "type": "system", "idx": "?", "pld": ["?"]}, Unknown("system")),
    ({"v": 2}, Unknown("")),
    (chat({"from": "narrator", "text": "…"}), Unknown("chat")),
    (command(MID, {"cmd": "dance"}), Unknown("command")),
    (command(MID, {"cmd": "set-action", "data": {"action": "somersault"}}), Unknown("command")),
    ({"v": 2, "type": "event", "pld": {"event": "rain"}}, Unknown("event")),
]

REFUSED: list[tuple[bytes, UnreadableMessage]] = [
    (b"", UnreadableMessage.NOT_JSON),
    (b"\xff\xfe", UnreadableMessage.NOT_JSON),
    (b'{"v":2,}', UnreadableMessage.NOT_JSON),
    (b"[" * 1024, UnreadableMessage.NOT_JSON),
    (b"[]", UnreadableMessage.NOT_V2),
    (b"2", UnreadableMessage.NOT_V2),
    (b'{"type":"chat","payload":"{}"}', UnreadableMessage.NOT_V2),
    (b'{"v":1,"type":"chat"}', UnreadableMessage.NOT_V2),
    (b'{"v":"2","type":"chat"}', UnreadableMessage.NOT_V2),
    (b'{"v":2,"type":"chat","pld":"text"}', UnreadableMessage.MALFORMED),
    (b'{"v":2,"type":"chat","pld":{"text":["a"]}}', UnreadableMessage.MALFORMED),
    (b'{"v":2,"type":"command","pld":{"code":"fine"}}', UnreadableMessage.MALFORMED),
]


@pytest.mark.parametrize(("message", "fields"), WRITTEN)
def test_is_written_as_documented(message: Outbound, fields: Json) -> None:
    packet = encode(message)
    assert json.loads(packet) == fields
    assert decode(packet) == message


@pytest.mark.parametrize(("fields", "message"), READ)
def test_is_read_as_documented_and_beyond(fields: Json, message: Message) -> None:
    assert decode(json.dumps(fields).encode()) == message


@pytest.mark.parametrize(("packet", "reason"), REFUSED)
def test_what_is_not_ours_is_told_apart(packet: bytes, reason: UnreadableMessage) -> None:
    assert decode(packet) == NotOurs(reason)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert decode(b"\xef\xbb\xbf" + encode(Interrupt(MID))) == Interrupt(MID)


@pytest.mark.parametrize("action", GestureName)
@pytest.mark.parametrize("expression", Expression)
def test_every_action_and_expression_travels(action: GestureName, expression: Expression) -> None:
    assert decode(encode(SetAction(MID, action, expression))) == SetAction(MID, action, expression)


def test_only_1000_accepts() -> None:
    assert CommandAck(MID, "interrupt", 1000, "OK").accepted
    assert not CommandAck(MID, "interrupt", 1003, "").accepted


@given(st.text())
def test_only_what_json_demands_is_escaped(text: str) -> None:
    packet = encode(Chat(MID, 0, fin=True, text=text))
    written = packet.decode()
    assert json.loads(written)["pld"]["text"] == text
    assert all(char in written for char in text if char >= " " and char not in '"\\')
    assert not any(char < " " for char in written)
    assert len(packet) == len(encode(Chat(MID, 0, fin=True, text=""))) + escaped_size(text)


@pytest.mark.parametrize(
    ("broken", "whole"),
    [("\ud83d\ude00", "😀"), ("a\ud83d", "a\ufffd"), ("\ude00é", "\ufffdé"), ("plain", "plain")],
)
def test_surrogates_are_joined_or_replaced(broken: str, whole: str) -> None:
    assert well_formed(broken) == whole
    assert decode(encode(Chat(MID, 0, fin=True, text=broken))) == Chat(MID, 0, fin=True, text=whole)


words = st.text(st.characters() | st.sampled_from(["\ud83d", "\ude00"]), max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {"v": st.just(2), "type": st.sampled_from(["chat", "command", "event", "ack"])},
        optional={
            "mid": json_values,
            "idx": json_values,
            "fin": json_values,
            "pld": json_values
            | st.fixed_dictionaries(
                {},
                optional={
                    "from": json_values,
                    "text": json_values,
                    "cmd": st.sampled_from(["set-params", "set-action", "interrupt"]),
                    "data": json_values | st.dictionaries(st.sampled_from(["mode", "vparams", "action"]), json_values),
                    "code": json_values,
                    "event": json_values,
                },
            ),
        },
    )
)
def test_nothing_that_comes_does_harm(fields: Json) -> None:
    match decode(json.dumps(fields).encode()):
        case Part(mid, idx) | Chat(mid, idx):
            assert mid.encode().decode() == mid
            assert idx >= 0
        case CommandAck(mid, cmd, _, msg):
            assert (mid + cmd + msg).encode().decode() == mid + cmd + msg
        case _:
            pass


@given(st.binary())
def test_no_bytes_do_harm(packet: bytes) -> None:
    assert decode(packet) in [NotOurs(UnreadableMessage.NOT_JSON), NotOurs(UnreadableMessage.NOT_V2)]


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
    reassembly, count = Reassembly(), 2_000
    parts = [received(NUMBERINGS[numbering](n), f"{n} ") for n in range(count)]
    began = time.thread_time()
    shown = [utterance for n, part in enumerate(parts) for utterance in reassembly.take(part, 1 + n / 30)]
    assert time.thread_time() - began < 0.2, "0.03 s when it was written"
    assert shown[-1].text == "".join(f"{n} " for n in range(count))
