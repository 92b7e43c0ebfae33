import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.catalogue import FORMATS
from bot.domain.disclosure import DIGITAL_SOURCE_TYPE, Disclosure
from bot.domain.posts import Speaker
from bot.transcript.export import Entry, Transcript, export
from tests.disclosing import AI

MARK = f"NOTE digitalSourceType: {DIGITAL_SOURCE_TYPE}"
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def entry(seconds: float, name: str, text: str, duration: float | None = None) -> Entry:
    speaker = Speaker.BOT if name == "Alex" else Speaker.USER
    return Entry(
        START + timedelta(seconds=seconds),
        name,
        speaker,
        text,
        None if duration is None else timedelta(seconds=duration),
    )


TALK = Transcript(
    session_id="s1",
    avatar_name="Alex Stone",
    starter_name="Ann",
    place_name="#general",
    started_at=START,
    disclosure=AI,
    ended_at=START + timedelta(minutes=5),
    entries=(
        entry(65.5, "Alex", "Good & <b>bright</b>\nmorning!", 2),
        entry(2, "Ann --> Lee", "Say *hello*."),
        replace(entry(2.5, "Alex", "Hel", 1), interrupted=True),
        entry(3_600, "Alex", "Bye.", 0.2),
        entry(70, "Alex", "  "),
    ),
)

MARKDOWN = """\
---
digitalSourceType: http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia
---
# Alex Stone

This avatar is an AI. Its picture and voice are artificially generated.

- Session: s1
- Where: \\#general
- Started by: Ann
- Started: 2026-11-23 09:00:00 UTC
- Ended: 2026-11-23 09:05:00 UTC

**Ann --\\> Lee** (09:00:02): Say \\*hello\\*.

**Alex** (09:00:02): Hel *(interrupted)*

**Alex** (09:01:05): Good & \\<b\\>bright\\</b\\> morning!

**Alex** (10:00:00): Bye.
"""

VTT = """\
WEBVTT

NOTE digitalSourceType: http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia

00:00:00.000 --> 00:00:04.000
This avatar is an AI. Its picture and voice are artificially generated.

00:00:02.000 --> 00:00:03.050
<v Ann --&gt; Lee>Say *hello*.</v>

00:00:02.500 --> 00:00:03.500
<v Alex>Hel (interrupted)</v>

00:01:05.500 --> 00:01:07.500
<v Alex>Good &amp; &lt;b&gt;bright&lt;/b&gt; morning!</v>

01:00:00.000 --> 01:00:01.000
<v Alex>Bye.</v>
"""

SRT = """\
1
00:00:00,000 --> 00:00:04,000
This avatar is an AI. Its picture and voice are artificially generated.

2
00:00:02,000 --> 00:00:03,050
Ann --› Lee: Say *hello*.

3
00:00:02,500 --> 00:00:03,500
Alex: Hel (interrupted)

4
00:01:05,500 --> 00:01:07,500
Alex: Good & ‹b›bright‹/b› morning!

5
01:00:00,000 --> 01:00:01,000
Alex: Bye.
"""


@pytest.mark.parametrize(("form", "text"), [("md", MARKDOWN), ("vtt", VTT), ("srt", SRT)])
def test_a_transcript_to_read(form: str, text: str) -> None:
    assert export(TALK, form).content.decode() == text


def test_a_transcript_to_work_with() -> None:
    read = json.loads(export(TALK, "json").content)
    assert {name: read[name] for name in ("session", "avatar", "started_by", "place", "started_at", "ended_at")} == {
        "session": "s1",
        "avatar": "Alex Stone",
        "started_by": "Ann",
        "place": "#general",
        "started_at": "2026-11-23T09:00:00+00:00",
        "ended_at": "2026-11-23T09:05:00+00:00",
    }
    assert read["ai_generated"] == {
        "speaker": "bot",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "disclosure": AI.sentence,
    }
    assert read["lines"][1]["interrupted"]
    assert read["lines"][2] == {
        "at": "2026-11-23T09:01:05.500000+00:00",
        "name": "Alex",
        "speaker": "bot",
        "text": "Good & <b>bright</b>\nmorning!",
        "seconds": 2,
    }
    assert read["lines"][0]["seconds"] is None


@pytest.mark.parametrize(
    ("form", "mime"),
    [("md", "text/markdown"), ("json", "application/json"), ("vtt", "text/vtt"), ("srt", "application/x-subrip")],
)
def test_a_file_is_named_for_its_avatar_and_day(form: str, mime: str) -> None:
    file = export(TALK, form)
    assert (file.name, file.mime) == (f"alex-stone-2026-11-23.{form}", mime)


def test_a_session_without_words_or_end_makes_files_too() -> None:
    empty = Transcript("s1", "好", "Ann", "#general", START, Disclosure(""))
    assert export(empty, "vtt").content.decode() == "WEBVTT\n\n" + MARK + "\n"
    assert export(empty, "srt").content == b""
    assert export(empty, "md").name == "avatar-2026-11-23.md"
    assert b"Ended: not yet" in export(empty, "md").content
    assert json.loads(export(empty, "json").content)["ended_at"] is None


def test_the_catalogue_offers_exactly_these_forms() -> None:
    assert [export(TALK, form).name.rpartition(".")[2] for form in FORMATS] == list(FORMATS)
    with pytest.raises(KeyError):
        export(TALK, "pdf")


words = st.text(max_size=60) | st.sampled_from(["-->", "1\n\n2", "<v x>", "\u2028", "\ud800", "{\\an8}"])
entries = st.builds(
    Entry,
    at=st.integers(-5_000, 4_000_000).map(lambda ms: START + timedelta(milliseconds=ms, microseconds=ms % 7)),
    name=words,
    speaker=st.sampled_from(Speaker),
    text=words,
    duration=st.none() | st.integers(0, 100_000).map(lambda ms: timedelta(milliseconds=ms)),
)
transcripts = st.lists(entries, max_size=12).map(
    lambda entries: Transcript("s1", "Alex", "Ann", "#general", START, AI, entries=tuple(entries))
)


def seconds(stamp: str) -> float:
    hours, minutes, rest = stamp.replace(",", ".").split(":")
    assert 0 <= int(minutes) < 60
    assert 0 <= float(rest) < 60
    return int(hours) * 3_600 + int(minutes) * 60 + float(rest)


def assert_times_run_forward(stamps: list[str], count: int) -> None:
    """Each cue lasts a while, in the order in which they begin; at most two are shown at once: the avatar's and a person's."""
    assert len(stamps) == count
    times = [tuple(map(seconds, re.fullmatch(r"(\S+) --> (\S+)", stamp).groups())) for stamp in stamps]  # type: ignore[union-attr]
    assert all(begin < end for begin, end in times)
    assert all(one[0] <= other[0] for one, other in pairwise(times))
    for begin, _ in times:
        assert sum(one <= begin < end for one, end in times) <= 2


@given(transcripts)
def test_any_talk_makes_a_valid_vtt(talk: Transcript) -> None:
    head, mark, disclosed, *cues = export(talk, "vtt").content.decode().rstrip("\n").split("\n\n")
    assert (head, mark) == ("WEBVTT", MARK)
    assert disclosed == f"00:00:00.000 --> 00:00:04.000\n{AI.sentence}"
    assert all(
        re.fullmatch(r"\d\d+:\d\d:\d\d\.\d{3} --> \d\d+:\d\d:\d\d\.\d{3}\n<v [^<>\n]*>[^<>\n]+</v>", cue)
        for cue in cues
    )
    assert_times_run_forward(
        [cue.split("\n")[0] for cue in cues], sum(bool(entry.text.strip()) for entry in talk.entries)
    )


@given(transcripts)
def test_any_talk_makes_a_valid_srt(talk: Transcript) -> None:
    text = export(talk, "srt").content.decode().rstrip("\n")
    disclosed, *cues = [cue.split("\n") for cue in text.split("\n\n")]
    assert disclosed == ["1", "00:00:00,000 --> 00:00:04,000", AI.sentence]
    assert [cue[0] for cue in cues] == [str(number) for number in range(2, len(cues) + 2)]
    assert all(len(cue) == 3 and not re.search(r"[<>{}]", cue[2]) for cue in cues)
    assert_times_run_forward([cue[1] for cue in cues], sum(bool(entry.text.strip()) for entry in talk.entries))


@given(transcripts)
def test_any_talk_comes_back_from_json(talk: Transcript) -> None:
    lines = json.loads(export(talk, "json").content)["lines"]
    assert [line["text"] for line in lines] == [entry.text.replace("\ud800", "?") for entry in talk.in_order]


def test_a_persons_caption_stays_long_enough_to_read() -> None:
    asked = entry(10, "Ann", "Could you please tell all of us what the plan for the next week looks like?")
    talk = replace(TALK, entries=(asked, entry(10.4, "Alex", "Gladly.", 1)))
    _, first, second = re.findall(r"(\S+) --> (\S+)", export(talk, "srt").content.decode())
    assert seconds(first[1]) - seconds(first[0]) > 4
    assert seconds(second[0]) == 10.4


@pytest.mark.parametrize(
    ("text", "written"), [("Hi!", "Hi!"), ("![x](y)", "!\\[x\\](y)"), ("R&D &lt; 1", "R&D \\&lt; 1")]
)
def test_only_what_would_be_markdown_is_escaped(text: str, written: str) -> None:
    talk = replace(TALK, entries=(entry(0, "Ann", text),))
    assert export(talk, "md").content.decode().endswith(f": {written}\n")
