"""A transcript as a file: Markdown to read, JSON to work with, WebVTT and SubRip to lay under a recording."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.conversations import File
from bot.domain.disclosure import DIGITAL_SOURCE_TYPE, Disclosure
from bot.domain.posts import Speaker, byline
from bot.speech.sentences import speaking_seconds

LEAST = timedelta(seconds=1)
"""How long a subtitle stays at least."""

DISCLOSED = timedelta(seconds=4)
"""How long the subtitle stays that says that the avatar is an AI: the first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a transcript. `at` is when it began, aware; without a `duration`, as for what was written, it is the time that its text
    takes to say or read.
    """

    at: datetime
    name: str
    speaker: Speaker
    text: str
    duration: timedelta | None = None
    interrupted: bool = False
    to: str = ""
    """Whom an answer is for."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in one session. Entries may come in any order; times are shown in the zone they are given in.

    People read `disclosure` before anything that was said. Machines find IPTC's digital source type, whether it is shown or not.
    """

    session_id: str
    avatar_name: str
    starter_name: str
    place_name: str
    started_at: datetime
    disclosure: Disclosure
    ended_at: datetime | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def in_order(self) -> list[Entry]:
        """What was said, without blank entries, in the order in which it began."""
        return sorted((entry for entry in self.entries if entry.text.strip()), key=lambda entry: entry.at)


def export(transcript: Transcript, form: str) -> File:
    """The transcript as `md`, `json`, `vtt` or `srt`, in UTF-8. Raises `KeyError` for another form."""
    mime, write = _FORMS[form]
    day = f"{transcript.started_at:%Y-%m-%d}"
    avatar = re.sub(r"[^a-z0-9]+", "-", transcript.avatar_name.casefold()).strip("-") or "avatar"
    # A lone surrogate cannot be written in UTF-8.
    return File(f"{avatar}-{day}.{form}", mime, write(transcript).encode("utf-8", "replace"))


def _markdown(transcript: Transcript) -> str:
    disclosed = [_escaped(transcript.disclosure.sentence), ""] if transcript.disclosure.sentence else []
    facts = [
        "---",
        f"digitalSourceType: {DIGITAL_SOURCE_TYPE}",
        "---",
        f"# {_escaped(transcript.avatar_name)}",
        "",
        *disclosed,
        f"- Session: {transcript.session_id}",
        f"- Where: {_escaped(transcript.place_name)}",
        f"- Started by: {_escaped(transcript.starter_name)}",
        f"- Started: {_moment(transcript.started_at)}",
        f"- Ended: {_moment(transcript.ended_at) if transcript.ended_at else 'not yet'}",
        "",
    ]
    lines = [
        f"**{_escaped(byline(entry.name, entry.to))}** ({entry.at:%H:%M:%S}): {_escaped(entry.text)}{' *(interrupted)*' * entry.interrupted}\n"
        for entry in transcript.in_order
    ]
    return "\n".join(facts + lines)


def _escaped(text: str) -> str:
    """`text` on one line, so that nothing in it is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|~]|&(?=#?\w+;))", r"\\\1", " ".join(text.split()))


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"


def _json(transcript: Transcript) -> str:
    whole = {
        "session": transcript.session_id,
        "avatar": transcript.avatar_name,
        "started_by": transcript.starter_name,
        "place": transcript.place_name,
        "started_at": transcript.started_at.isoformat(),
        "ended_at": transcript.ended_at.isoformat() if transcript.ended_at else None,
        "ai_generated": {
            "speaker": Speaker.BOT.value,
            "digitalSourceType": DIGITAL_SOURCE_TYPE,
            "disclosure": transcript.disclosure.sentence or None,
        },
        "lines": [_json_line(entry) for entry in transcript.in_order],
    }
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def _json_line(entry: Entry) -> Mapping[str, str | float | None]:
    return {
        "at": entry.at.isoformat(),
        "name": entry.name,
        "speaker": entry.speaker.value,
        "text": entry.text,
        "seconds": None if entry.duration is None else entry.duration.total_seconds(),
        **({"interrupted": True} if entry.interrupted else {}),
        **({"to": entry.to} if entry.to else {}),
    }


@dataclass(frozen=True, slots=True)
class _Cue:
    """`name` is None where nobody says it."""

    begin: timedelta
    end: timedelta
    name: str | None
    text: str


def _cues(transcript: Transcript) -> list[_Cue]:
    """What is shown when, from the start of the session, in that order.

    What says that the avatar is an AI comes first. The avatar and people are shown beside each other: a cue ends no later than the next
    one of the same side begins, and none is empty.
    """
    sides = [[entry for entry in transcript.in_order if entry.speaker is speaker] for speaker in Speaker]
    cues = [cue for entries in sides for cue in _one_by_one(entries, transcript.started_at)]
    sentence = transcript.disclosure.sentence
    disclosed = [_Cue(timedelta(0), DISCLOSED, None, sentence)] if sentence else []
    return disclosed + sorted(cues, key=lambda cue: cue.begin)


def _one_by_one(entries: Sequence[Entry], started_at: datetime) -> Iterator[_Cue]:
    begin = timedelta(0)
    for entry, following in zip(entries, [*entries, None][1:], strict=True):
        begin = max(begin, _whole_ms(entry.at - started_at))
        end = begin + _whole_ms(max(LEAST, entry.duration or timedelta(seconds=speaking_seconds(entry.text))))
        if following:
            # Two that began at once are shown one after the other.
            end = min(end, max(begin + LEAST, _whole_ms(following.at - started_at)))
        mark = " (interrupted)" if entry.interrupted else ""
        yield _Cue(begin, end, " ".join(byline(entry.name, entry.to).split()), " ".join(entry.text.split()) + mark)
        begin = end


def _whole_ms(time: timedelta) -> timedelta:
    return timedelta(milliseconds=time // timedelta(milliseconds=1))


def _vtt(transcript: Transcript) -> str:
    cues = [f"{_clock(cue.begin, '.')} --> {_clock(cue.end, '.')}\n{_vtt_text(cue)}\n" for cue in _cues(transcript)]
    return "\n".join(["WEBVTT\n", f"NOTE digitalSourceType: {DIGITAL_SOURCE_TYPE}\n", *cues])


def _vtt_text(cue: _Cue) -> str:
    text = _vtt_escaped(cue.text)
    return text if cue.name is None else f"<v {_vtt_escaped(cue.name)}>{text}</v>"


def _vtt_escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _srt(transcript: Transcript) -> str:
    cues = [
        # Players take `<i>` in SubRip as markup, and it has no escape: the brackets are shown as their look-alikes.
        f"{number}\n{_clock(cue.begin, ',')} --> {_clock(cue.end, ',')}\n{_srt_safe(_srt_text(cue))}\n"
        for number, cue in enumerate(_cues(transcript), 1)
    ]
    return "\n".join(cues)


def _srt_text(cue: _Cue) -> str:
    return cue.text if cue.name is None else f"{cue.name}: {cue.text}"


def _srt_safe(text: str) -> str:
    return text.replace("<", "‹").replace(">", "›").replace("{", "(").replace("}", ")")  # noqa: RUF001


def _clock(time: timedelta, point: str) -> str:
    ms = time // timedelta(milliseconds=1)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1_000 % 60:02}{point}{ms % 1_000:03}"


_FORMS: Mapping[str, tuple[str, Callable[[Transcript], str]]] = {
    "md": ("text/markdown", _markdown),
    "json": ("application/json", _json),
    "vtt": ("text/vtt", _vtt),
    "srt": ("application/x-subrip", _srt),
}
